import type { Move } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { idText } from '../../kernel/ids.ts';
import { meetingEvents, type ParticipantChanged, type RoomsChanged } from './events.ts';
import type { BreakoutRoom } from './schema.ts';
import type { Held, MeetingRow, PersonRow, RoomRow } from './store.ts';

/** A meeting that one transaction has for itself. */
export type MeetingHeld = Pick<Held, 'transaction' | 'tables' | 'meeting'>;

/** What goes for all breakout rooms of a meeting, as long as they are open. `set` tells them from those before and after. */
export type RoomOptions = Readonly<{ set: number; choose: boolean; return: boolean; closesAt: number | null }>;

export const optionsOf = ({ rooms }: Pick<MeetingRow, 'rooms'>): RoomOptions | undefined =>
  rooms === null ? undefined : (JSON.parse(rooms) as RoomOptions);

export const roomTopic = (room: number): number => topicOf('room', room);

export const roomFrom = (row: RoomRow, options: RoomOptions | undefined): BreakoutRoom => ({
  id: idText(row.public_id),
  name: row.name,
  description: row.description,
  capacity: row.capacity,
  people: row.people,
  isActive: row.is_active === 1,
  allowChat: row.allow_chat === 1,
  allowScreenShare: row.allow_screen_share === 1,
  closesAt: row.is_active === 1 ? (options?.closesAt ?? null) : null,
});

/** The rooms of a meeting that are open, or were last. */
export const roomsOf = ({ tables, meeting }: Pick<MeetingHeld, 'tables' | 'meeting'>): Promise<RoomRow[]> =>
  tables.selectFrom('meeting_rooms').selectAll().where('meeting', '=', meeting.id).orderBy('id').execute();

/** The room that somebody is in, or `undefined` when they are with all the others. */
export async function roomOf(
  { tables }: Pick<MeetingHeld, 'tables'>,
  { room }: Pick<PersonRow, 'room'>,
): Promise<RoomRow | undefined> {
  if (room === null) return undefined;
  return tables.selectFrom('meeting_rooms').selectAll().where('id', '=', room).executeTakeFirst();
}

/** The number of people in a room goes up or down. */
export async function count({ tables }: MeetingHeld, room: number, by: number): Promise<void> {
  await tables
    .updateTable('meeting_rooms')
    .set((eb) => ({ people: eb('people', '+', by) }))
    .where('id', '=', room)
    .execute();
}

/**
 * Whoever goes out of the meeting goes out of their breakout room too. The answer belongs to the moves of the row that
 * says they left.
 */
export async function outOfRoom(held: MeetingHeld, { account, room }: PersonRow): Promise<Move[]> {
  if (room === null) return [];
  await count(held, room, -1);
  await held.tables
    .updateTable('meeting_people')
    .set({ room: null })
    .where('meeting', '=', held.meeting.id)
    .where('account', '=', account)
    .execute();
  return [{ kind: 'leave', account, topic: roomTopic(room) }];
}

/**
 * Closes the breakout rooms of a meeting, if it has any that are open: everybody is back with all the others. Their
 * timers find them gone.
 */
export async function closeRooms(held: MeetingHeld, { byId, at }: { byId: string | null; at: number }): Promise<void> {
  const { tables, meeting } = held;
  const { rooms } = await tables
    .selectFrom('meetings')
    .select('rooms')
    .where('id', '=', meeting.id)
    .executeTakeFirstOrThrow();
  const options = optionsOf({ rooms });
  if (options === undefined) return;
  const inside = tables
    .selectFrom('meeting_people')
    .select(['account', 'room'])
    .where('meeting', '=', meeting.id)
    .where('status', '=', 'joined');
  const moves = (await inside.where('room', 'is not', null).execute()).flatMap(({ account, room }): Move[] =>
    room === null ? [] : [{ kind: 'leave', account, topic: roomTopic(room) }],
  );
  await tables
    .updateTable('meeting_people')
    .set({ room: null })
    .where('meeting', '=', meeting.id)
    .where('status', '=', 'joined')
    .where('room', 'is not', null)
    .execute();
  const shut = tables.updateTable('meeting_rooms').set({ is_active: 0, people: 0 });
  await shut.where('meeting', '=', meeting.id).execute();
  await tables.updateTable('meetings').set({ rooms: null }).where('id', '=', meeting.id).execute();
  const closed = (await roomsOf(held)).map((row) => roomFrom(row, undefined));
  tellRooms(held, { state: 'closed', byId, rooms: closed, assigned: [], at }, moves);
}

/** Tells everybody in the meeting. */
export function tellRooms(
  { transaction, meeting }: MeetingHeld,
  change: Omit<RoomsChanged, 'meetingId'>,
  moves: readonly Move[] = [],
): void {
  const payload: RoomsChanged = { meetingId: idText(meeting.public_id), ...change };
  const topic = topicOf('meeting', meeting.id);
  transaction.append({ topic, type: meetingEvents.rooms, payload, ...(moves.length === 0 ? {} : { moves }) });
}

/** Who comes into a room without screen sharing stops sharing. */
export async function endSharing(
  { transaction, tables, meeting }: MeetingHeld,
  { room, accounts, at }: { room: RoomRow; accounts: readonly number[]; at: number },
): Promise<void> {
  if (room.allow_screen_share === 1 || accounts.length === 0) return;
  const shares = await tables
    .updateTable('meeting_people')
    .set({ is_screen_sharing: 0 })
    .where('meeting', '=', meeting.id)
    .where('account', 'in', accounts)
    .where('is_screen_sharing', '=', 1)
    .returningAll()
    .execute();
  if (shares.length === 0) return;
  const named = tables.selectFrom('accounts').select(['id', 'public_id']);
  const numbers = shares.map(({ account }) => account);
  const ids = new Map(
    (await named.where('id', 'in', numbers).execute()).map(({ id, public_id }) => [id, idText(public_id)]),
  );
  const topic = topicOf('meeting', meeting.id);
  for (const person of shares) {
    const payload: ParticipantChanged = {
      meetingId: idText(meeting.public_id),
      userId: ids.get(person.account) ?? '',
      role: person.role,
      isMuted: person.is_muted === 1,
      isVideoEnabled: person.is_video_enabled === 1,
      isScreenSharing: false,
      isHandRaised: person.is_hand_raised === 1,
      handChanged: false,
      byId: null,
      at,
    };
    transaction.append({ topic, type: meetingEvents.participant, payload });
  }
}
