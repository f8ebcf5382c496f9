import type { Jobs } from '../../infra/jobs/jobs.ts';
import type { Move } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { idText } from '../../kernel/ids.ts';
import { type MeetingCancelled, type MeetingEnded, meetingEvents, type WaitingChanged } from './events.ts';
import { closeRooms, type MeetingHeld } from './rooms.ts';
import { wholeMinutes } from './views.ts';

/** How long a meeting under way may have nobody in it, in milliseconds. */
export const emptyFor = 30 * 60_000;

/** The kind of the timer that ends a meeting with nobody in it; there is one to a meeting. */
export const emptyKind = 'meetings.empty';

/** Nobody is in the meeting from now on; whoever comes before it is over finds it as it was. */
export function endUnlessJoined(jobs: Jobs, { transaction, meeting: { id } }: MeetingHeld, at: number): Promise<void> {
  return jobs.schedule(transaction, { kind: emptyKind, key: String(id), at: at + emptyFor, payload: id });
}

/** `by` null: by itself. */
type Ending = Readonly<{ by: Readonly<{ account: number; id: string }> | null; at: number }>;

/** Ends a meeting under way, for everybody: who is in it or waits has left, and its breakout rooms are closed. */
export async function endMeeting(held: MeetingHeld, { by, at }: Ending): Promise<MeetingEnded> {
  const { transaction, tables, meeting } = held;
  await closeRooms(held, { byId: by?.id ?? null, at });
  const moves = await sendAllAway(held, at);
  const over = { status: 'ended', ended_at: at, ended_by: by?.account ?? null, ...nobodyThere } as const;
  const update = tables.updateTable('meetings').set(over).where('id', '=', meeting.id);
  const { attendance } = await update.returning('attendance').executeTakeFirstOrThrow();
  const payload: MeetingEnded = {
    meetingId: idText(meeting.public_id),
    byId: by?.id ?? null,
    at,
    durationMinutes: wholeMinutes(meeting.started_at ?? at, at),
    participantCount: attendance,
  };
  transaction.append({ topic: topicOf('meeting', meeting.id), type: meetingEvents.ended, payload, moves });
  return payload;
}

/** Cancels a meeting that has not begun; hosts who came early leave it. */
export async function cancelMeeting(held: MeetingHeld, { byId, at }: { byId: string; at: number }): Promise<void> {
  const { transaction, tables, meeting } = held;
  const moves = await sendAllAway(held, at);
  const over = { status: 'cancelled', ...nobodyThere } as const;
  await tables.updateTable('meetings').set(over).where('id', '=', meeting.id).execute();
  const payload: MeetingCancelled = { meetingId: idText(meeting.public_id), byId, at };
  transaction.append({ topic: topicOf('meeting', meeting.id), type: meetingEvents.cancelled, payload, moves });
}

const nobodyThere = { present: 0, empty_since: null, recording: 0, follows: null, host_check_at: null } as const;

/** Everybody who is in the meeting leaves it; the answer belongs to the row that says why. Who waits is told by themselves. */
async function sendAllAway(held: MeetingHeld, at: number): Promise<Move[]> {
  const { tables, meeting } = held;
  const topic = topicOf('meeting', meeting.id);
  const people = tables.selectFrom('meeting_people').select('account').where('meeting', '=', meeting.id);
  const joined = await people.where('status', '=', 'joined').execute();
  await tellWhoWaits(held, at);
  await tables
    .updateTable('meeting_people')
    .set({ status: 'left', left_at: at, room: null, waiting_since: null, is_screen_sharing: 0, is_hand_raised: 0 })
    .where('meeting', '=', meeting.id)
    .where('status', 'in', ['joined', 'waiting'])
    .execute();
  return joined.map(({ account }) => ({ kind: 'leave', account, topic }));
}

/** They read nothing of the meeting's own topic, and nobody else hears of them any more. */
async function tellWhoWaits({ transaction, tables, meeting }: MeetingHeld, at: number): Promise<void> {
  const waiting = await tables
    .selectFrom('meeting_people as p')
    .innerJoin('accounts as a', 'a.id', 'p.account')
    .select(['p.account', 'a.public_id', 'a.username'])
    .where('p.meeting', '=', meeting.id)
    .where('p.status', '=', 'waiting')
    .execute();
  const meetingId = idText(meeting.public_id);
  for (const { account, public_id, username: name } of waiting) {
    const payload: WaitingChanged = { meetingId, userId: idText(public_id), name, status: 'left', at };
    transaction.append({ topic: topicOf('user', account), type: meetingEvents.waiting, payload });
  }
}
