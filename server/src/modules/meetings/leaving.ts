import { topicOf } from '../../infra/log/topic.ts';
import { idText } from '../../kernel/ids.ts';
import { meetingEvents, type ParticipantLeft } from './events.ts';
import { followHost } from './hosts.ts';
import { changePerson, idOf, someoneBy, tellWaiting } from './people.ts';
import { type MeetingHeld, outOfRoom } from './rooms.ts';
import type { PersonRow } from './store.ts';

export type Departure = Readonly<{
  at: number;
  /** Whether others have put them out: they may come back when a host admits them. */
  removed: boolean;
  /** Whose act it is; `null`: the server's. */
  byId?: string | null;
  /** They wait again, until a host lets them in. */
  toWaitingRoom?: boolean;
}>;

/** Somebody goes, from the meeting or from its waiting room. Whoever was host is followed. Answers who is there still. */
export async function leaveMeeting(held: MeetingHeld, person: PersonRow, how: Departure): Promise<{ present: number }> {
  const { at, removed, toWaitingRoom = false } = how;
  const { meeting } = held;
  const status = removed ? 'removed' : toWaitingRoom ? 'waiting' : 'left';
  const isHost = person.account === meeting.host;
  const was = person.status;
  if (was === 'joined')
    tellLeft(held, await idOf(held.tables, person.account), { person, how, moves: await outOfRoom(held, person) });
  await changePerson(held, person, {
    status,
    left_at: at,
    room: null,
    is_screen_sharing: 0,
    is_hand_raised: 0,
    waiting_since: toWaitingRoom ? at : null,
    ...(removed ? { role_before: null } : {}),
    ...(removed && !isHost ? { role: 'attendee' } : {}),
  });
  if (was === 'waiting' || toWaitingRoom) await tellGone(held, person.account, { status, at });
  if (was !== 'joined') return { present: meeting.present };
  const present = await oneLess(held, at);
  if (isHost) await followHost(held, at);
  return { present };
}

function tellLeft(
  { transaction, meeting }: MeetingHeld,
  userId: string,
  {
    person: { account },
    how: { at, removed, byId = null },
    moves,
  }: { person: PersonRow; how: Departure; moves: Awaited<ReturnType<typeof outOfRoom>> },
): void {
  const topic = topicOf('meeting', meeting.id);
  const payload: ParticipantLeft = { meetingId: idText(meeting.public_id), userId, byId, at, removed };
  transaction.append({
    topic,
    type: meetingEvents.left,
    payload,
    moves: [...moves, { kind: 'leave', account, topic }],
  });
}

async function tellGone(
  held: MeetingHeld,
  account: number,
  how: { status: PersonRow['status']; at: number },
): Promise<void> {
  // Somebody may go because their account does.
  const who = await someoneBy(held.tables, account, { deletedToo: true });
  if (who !== undefined) await tellWaiting(held, who, how);
}

async function oneLess({ tables, meeting }: MeetingHeld, at: number): Promise<number> {
  const { present } = await tables
    .updateTable('meetings')
    .set((eb) => ({ present: eb('present', '-', 1) }))
    .where('id', '=', meeting.id)
    .returning('present')
    .executeTakeFirstOrThrow();
  if (present === 0)
    await tables.updateTable('meetings').set({ empty_since: at }).where('id', '=', meeting.id).execute();
  return present;
}
