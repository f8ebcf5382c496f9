import type { Move } from '../../infra/log/log.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idText, newId } from '../../kernel/ids.ts';
import { meetingErrors } from './errors.ts';
import type { RoomsChanged } from './events.ts';
import { endSharing, type MeetingHeld, roomTopic } from './rooms.ts';
import type { RoomsDraft } from './schema.ts';
import type { RoomRow } from './store.ts';

/** New rooms, in the order of the draft; those before are forgotten. Refuses NO_ROOMS. */
export async function makeRooms({ tables, meeting }: MeetingHeld, draft: RoomsDraft): Promise<RoomRow[]> {
  const named = draft.rooms ?? [];
  const wanted = Math.max(draft.room_count ?? 0, named.length);
  if (wanted === 0) throw new Refusal(meetingErrors.NO_ROOMS);
  const rows = Array.from({ length: wanted }, (_, index) => {
    const room = named[index];
    const { allow_chat = true, allow_screen_share = true } = room?.settings ?? {};
    return {
      public_id: newId(),
      meeting: meeting.id,
      name: room?.name ?? `Breakout Room ${index + 1}`,
      description: room?.description ?? null,
      capacity: (room === undefined ? named[0]?.capacity : room.capacity) ?? null,
      allow_chat: allow_chat ? (1 as const) : (0 as const),
      allow_screen_share: allow_screen_share ? (1 as const) : (0 as const),
      is_active: 1 as const,
    };
  });
  await tables.deleteFrom('meeting_rooms').where('meeting', '=', meeting.id).execute();
  const made = await tables.insertInto('meeting_rooms').values(rows).returningAll().execute();
  return made.sort((left, right) => left.id - right.id);
}

type Spread = { assigned: RoomsChanged['assigned']; moves: Move[] };

/** Puts every attendee who is there into one of these empty rooms, evenly; who fits into none stays with all the others. */
export async function spread(held: MeetingHeld, rooms: readonly RoomRow[], at: number): Promise<Spread> {
  const attendees = await held.tables
    .selectFrom('meeting_people as p')
    .innerJoin('accounts as a', 'a.id', 'p.account')
    .select(['p.account', 'a.public_id'])
    .where('p.meeting', '=', held.meeting.id)
    .where('p.status', '=', 'joined')
    .where('p.role', '=', 'attendee')
    .orderBy('p.joined_at')
    .orderBy('p.account')
    .execute();
  const places = rooms.map((room) => ({ room, inside: [] as typeof attendees }));
  for (const attendee of attendees) {
    const open = places.filter(({ room, inside }) => room.capacity === null || inside.length < room.capacity);
    const fewest = Math.min(...open.map(({ inside }) => inside.length));
    open.find(({ inside }) => inside.length === fewest)?.inside.push(attendee);
  }
  const found: Spread = { assigned: [], moves: [] };
  for (const { room, inside } of places) {
    if (inside.length === 0) continue;
    const accounts = inside.map(({ account }) => account);
    await fill(held, room, accounts);
    await endSharing(held, { room, accounts, at });
    const roomId = idText(room.public_id);
    found.assigned = [...found.assigned, ...inside.map(({ public_id }) => ({ userId: idText(public_id), roomId }))];
    found.moves.push(...accounts.map((account): Move => ({ kind: 'enter', account, topic: roomTopic(room.id) })));
  }
  return found;
}

async function fill({ tables, meeting }: MeetingHeld, room: RoomRow, accounts: readonly number[]): Promise<void> {
  const people = tables.updateTable('meeting_people').set({ room: room.id });
  await people.where('meeting', '=', meeting.id).where('account', 'in', accounts).execute();
  await tables.updateTable('meeting_rooms').set({ people: accounts.length }).where('id', '=', room.id).execute();
}
