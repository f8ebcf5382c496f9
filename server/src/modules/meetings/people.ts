import { topicOf } from '../../infra/log/topic.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { meetingEvents, type ParticipantChanged, type WaitingChanged } from './events.ts';
import type { MeetingHeld } from './rooms.ts';
import type { Participant, ParticipantStatus } from './schema.ts';
import type { PersonRow, Tables } from './store.ts';

/** An account as acts name it. */
export type Someone = Readonly<{ account: number; id: string; name: string; email: string }>;

/** Who is there under this id, in either spelling, or under this number; only with `deletedToo` who has deleted their account. */
export async function someoneBy(
  tables: Tables,
  key: string | number,
  { deletedToo = false } = {},
): Promise<Someone | undefined> {
  const value = typeof key === 'number' ? key : anyIdBytes(key);
  if (value === undefined) return undefined;
  const row = await tables
    .selectFrom('accounts')
    .select(['id', 'public_id', 'username', 'email'])
    .where(typeof value === 'number' ? 'id' : 'public_id', '=', value)
    .$if(!deletedToo, (query) => query.where('deleted_at', 'is', null))
    .executeTakeFirst();
  return row === undefined
    ? undefined
    : { account: row.id, id: idText(row.public_id), name: row.username, email: row.email };
}

/** The public id of an account that was ever there. */
export async function idOf(tables: Tables, account: number): Promise<string> {
  const accounts = tables.selectFrom('accounts').select('public_id').where('id', '=', account);
  return idText((await accounts.executeTakeFirstOrThrow()).public_id);
}

/** Somebody's row with what lies in other tables. */
export type NamedRow = PersonRow & { account_id: IdBytes; username: string; room_id: IdBytes | null };

export const participantFrom = (row: NamedRow): Participant => ({
  id: idText(row.public_id),
  userId: idText(row.account_id),
  name: row.username,
  role: row.role,
  status: row.status,
  isMuted: row.is_muted === 1,
  isVideoEnabled: row.is_video_enabled === 1,
  isScreenSharing: row.is_screen_sharing === 1,
  isHandRaised: row.is_hand_raised === 1,
  deviceType: row.device_type,
  joinedAt: row.joined_at,
  leftAt: row.left_at,
  roomId: row.room_id === null ? null : idText(row.room_id),
});

export const namedPeople = (tables: Tables, meeting: number) =>
  tables
    .selectFrom('meeting_people as p')
    .innerJoin('accounts as a', 'a.id', 'p.account')
    .leftJoin('meeting_rooms as r', 'r.id', 'p.room')
    .selectAll('p')
    .select(['a.public_id as account_id', 'a.username', 'r.public_id as room_id'])
    .where('p.meeting', '=', meeting);

/** As they are now, in this transaction. */
export async function participantIn({ tables, meeting }: MeetingHeld, account: number): Promise<Participant> {
  const row = await namedPeople(tables, meeting.id).where('p.account', '=', account).executeTakeFirstOrThrow();
  return participantFrom(row);
}

type RowChange = Partial<Omit<PersonRow, 'meeting' | 'account' | 'public_id'>>;

/** Answers the row as it is then. */
export async function changePerson(
  { tables }: Pick<MeetingHeld, 'tables'>,
  person: PersonRow,
  to: RowChange,
): Promise<PersonRow> {
  await tables
    .updateTable('meeting_people')
    .set(to)
    .where('meeting', '=', person.meeting)
    .where('account', '=', person.account)
    .execute();
  return { ...person, ...to };
}

/** Tells everybody in the meeting how somebody is now. */
export function tellChanged(
  { transaction, meeting }: MeetingHeld,
  person: PersonRow,
  { userId, ...more }: { userId: string; handChanged: boolean; byId: string | null; at: number },
): void {
  const payload: ParticipantChanged = {
    meetingId: idText(meeting.public_id),
    userId,
    role: person.role,
    isMuted: person.is_muted === 1,
    isVideoEnabled: person.is_video_enabled === 1,
    isScreenSharing: person.is_screen_sharing === 1,
    isHandRaised: person.is_hand_raised === 1,
    ...more,
  };
  transaction.append({ topic: topicOf('meeting', meeting.id), type: meetingEvents.participant, payload });
}

/** Tells whoever waits, or did, how that stands, and the hosts who may let them in; two accounts to a row. */
export async function tellWaiting(
  { transaction, tables, meeting }: MeetingHeld,
  { account, id: userId, name }: Someone,
  { status, at }: { status: ParticipantStatus; at: number },
): Promise<void> {
  const coHosts = tables.selectFrom('meeting_people').select('account').where('meeting', '=', meeting.id);
  const present = await coHosts.where('role', '=', 'co-host').where('status', '=', 'joined').execute();
  const readers = new Set([account, meeting.host, ...present.map((one) => one.account)]);
  const topics = [...readers].map((one) => topicOf('user', one));
  const payload: WaitingChanged = { meetingId: idText(meeting.public_id), userId, name, status, at };
  for (let place = 0; place < topics.length; place += 2) {
    const [topic, peer] = topics.slice(place, place + 2);
    const to = peer === undefined ? {} : { peer };
    if (topic !== undefined) transaction.append({ topic, ...to, type: meetingEvents.waiting, payload });
  }
}
