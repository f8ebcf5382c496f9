import type { Jobs } from '../../infra/jobs/jobs.ts';
import type { Log, Move } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { meetingErrors } from './errors.ts';
import { meetingEvents, type RoomMoved } from './events.ts';
import { Readers } from './reading.ts';
import { makeRooms, spread } from './room-making.ts';
import {
  closeRooms,
  count,
  endSharing,
  type MeetingHeld,
  optionsOf,
  type RoomOptions,
  roomFrom,
  roomsOf,
  roomTopic,
  tellRooms,
} from './rooms.ts';
import type { AssignDraft, BreakoutRoom, RoomsDraft } from './schema.ts';
import {
  type Held,
  holdMeeting,
  mustBeActive,
  mustBeHost,
  type PersonRow,
  personIn,
  type RoomRow,
  tablesOf,
} from './store.ts';

export type BreakoutsOptions = Readonly<{ sql: Sql; log: Log; clock: Clock; jobs: Jobs }>;

/** The kinds of the timers; of each there is one to a meeting. */
const closing = 'meetings.rooms_close';
const warning = 'meetings.rooms_warning';

const minute = 60_000;

/** Which rooms a timer is about: those that were opened instead have another number. */
type Timed = Readonly<{ meeting: number; set: number }>;

/** Breakout rooms: smaller circles of a meeting, for a while. */
export class Breakouts {
  readonly #options: BreakoutsOptions;
  readonly #readers: Readers;
  readonly #rooms: Statement<RoomRow>;

  constructor(options: BreakoutsOptions) {
    this.#options = options;
    this.#readers = new Readers(options.sql);
    this.#rooms = options.sql.statement<RoomRow>('SELECT * FROM meeting_rooms WHERE meeting = ?1 ORDER BY id');
    options.jobs.handle(closing, ({ payload }) => this.#whileOpen(payload as Timed, (held, at) => expire(held, at)));
    options.jobs.handle(warning, ({ payload }) => this.#whileOpen(payload as Timed, (held, at) => warn(held, at)));
  }

  /**
   * Opens rooms in the place of those that there were, and puts people into them when it is told to.
   * Refuses: NO_ROOMS, MEETING_NOT_FOUND, HOST_ONLY, ENDED, CANCELLED, NOT_ACTIVE.
   */
  async open(principal: Principal, id: string, draft: RoomsDraft): Promise<BreakoutRoom[]> {
    return this.#act(principal, id, async (held, at) => {
      mustBeHost(held);
      mustBeActive(held);
      await closeRooms(held, { byId: principal.id, at });
      const rows = await makeRooms(held, draft);
      const minutes = draft.time_limit_minutes ?? null;
      const options: RoomOptions = {
        set: rows[0]?.id ?? 0,
        choose: draft.allow_participants_to_choose ?? false,
        return: draft.allow_participants_to_return ?? true,
        closesAt: minutes === null ? null : at + minutes * minute,
      };
      const change = { rooms: JSON.stringify(options) };
      await held.tables.updateTable('meetings').set(change).where('id', '=', held.meeting.id).execute();
      await this.#setTimers(held, options, at);
      const { assigned, moves } =
        draft.auto_assign === true ? await spread(held, rows, at) : { assigned: [], moves: [] };
      const rooms = (await roomsOf(held)).map((row) => roomFrom(row, options));
      tellRooms(held, { state: 'open', byId: principal.id, rooms, assigned, at }, moves);
      return rooms;
    });
  }

  /** The rooms as they are, or as they were when they closed. Refuses MEETING_NOT_FOUND, PARTICIPANT_NOT_FOUND. */
  async list(principal: Principal, id: string): Promise<BreakoutRoom[]> {
    const { meeting } = await this.#readers.open(principal, id);
    const options = optionsOf(meeting);
    return (await this.#rooms.all(meeting.id)).map((row) => roomFrom(row, options));
  }

  /**
   * Puts somebody into a room, or back to all the others. A host does it for anybody, and everybody else for themselves
   * where the rooms allow it. Answers who is where now.
   * Refuses: MEETING_NOT_FOUND, ENDED, CANCELLED, NOT_ACTIVE, HOST_ONLY, STAYS_IN_ROOM, PARTICIPANT_NOT_FOUND,
   * ROOM_NOT_FOUND, ROOM_FULL.
   */
  async assign(
    principal: Principal,
    id: string,
    draft: AssignDraft,
  ): Promise<{ userId: string; roomId: string | null }> {
    const named = draft.participant_user_id ?? principal.id;
    const bytes = anyIdBytes(named);
    return this.#act(principal, id, async (held, at) => {
      mustBeActive(held);
      const isSelf = bytes !== undefined && idText(bytes) === principal.id;
      if (!isSelf) mustBeHost(held);
      const person = isSelf ? held.own : await personNamed(held, named);
      if (person === undefined || person.status !== 'joined') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
      const room = await roomFor(held, person, draft);
      const userId = isSelf ? principal.id : idText(bytes ?? new Uint8Array(16));
      const roomId = room === undefined ? null : idText(room.public_id);
      if (person.room !== (room?.id ?? null)) {
        const moves = await move(held, { person, room, at });
        const payload: RoomMoved = {
          meetingId: idText(held.meeting.public_id),
          userId,
          roomId,
          byId: principal.id,
          at,
        };
        held.transaction.append({
          topic: topicOf('meeting', held.meeting.id),
          type: meetingEvents.roomMoved,
          payload,
          moves,
        });
      }
      return { userId, roomId };
    });
  }

  /** Everybody comes back. Where no rooms are open nothing happens. Refuses: MEETING_NOT_FOUND, HOST_ONLY, ENDED … */
  async close(principal: Principal, id: string): Promise<BreakoutRoom[]> {
    return this.#act(principal, id, async (held, at) => {
      mustBeHost(held);
      mustBeActive(held);
      await closeRooms(held, { byId: principal.id, at });
      await this.#setTimers(held, undefined, at);
      return (await roomsOf(held)).map((row) => roomFrom(row, undefined));
    });
  }

  #act<Result>(principal: Principal, id: string, act: (held: Held, at: number) => Promise<Result>): Promise<Result> {
    const now = this.#options.clock.now();
    return this.#options.log.write(async (transaction) =>
      act(await holdMeeting(transaction, principal, { id, now }), now),
    );
  }

  /** A minute before the end, and half the time before where there are less than two. */
  async #setTimers({ transaction, meeting }: Held, options: RoomOptions | undefined, at: number): Promise<void> {
    const { jobs } = this.#options;
    const key = String(meeting.id);
    if (options === undefined || options.closesAt === null) {
      for (const kind of [closing, warning]) await jobs.cancel(transaction, { kind, key });
      return;
    }
    const { closesAt, set } = options;
    const payload: Timed = { meeting: meeting.id, set };
    const before = Math.min(minute, (closesAt - at) / 2);
    await jobs.schedule(transaction, { kind: closing, key, at: closesAt, payload });
    await jobs.schedule(transaction, { kind: warning, key, at: closesAt - before, payload });
  }

  /** For a timer: nothing where these rooms are not open any more. */
  async #whileOpen({ meeting, set }: Timed, act: (held: MeetingHeld, at: number) => Promise<void>): Promise<void> {
    const now = this.#options.clock.now();
    await this.#options.log.write(async (transaction) => {
      await transaction.takeTurn();
      const tables = tablesOf(transaction.sql);
      const taken = tables.updateTable('meetings').set({ updated_at: now }).where('id', '=', meeting);
      const row = await taken.returningAll().executeTakeFirst();
      if (row !== undefined && optionsOf(row)?.set === set) await act({ transaction, tables, meeting: row }, now);
    });
  }
}

const expire = (held: MeetingHeld, at: number): Promise<void> => closeRooms(held, { byId: null, at });

/** Who was away until after the end is not warned of it. */
async function warn(held: MeetingHeld, at: number): Promise<void> {
  const options = optionsOf(held.meeting);
  if (options === undefined || (options.closesAt ?? 0) <= at) return;
  const rooms = (await roomsOf(held)).map((row) => roomFrom(row, options));
  tellRooms(held, { state: 'closing', byId: null, rooms, assigned: [], at });
}

async function personNamed({ tables, meeting }: Held, named: string): Promise<PersonRow | undefined> {
  const bytes = anyIdBytes(named);
  if (bytes === undefined) return undefined;
  const account = await tables.selectFrom('accounts').select('id').where('public_id', '=', bytes).executeTakeFirst();
  return account === undefined ? undefined : personIn(tables, meeting.id, account.id);
}

/** Where somebody shall go; `undefined`: back. */
async function roomFor(held: Held, person: PersonRow, draft: AssignDraft): Promise<RoomRow | undefined> {
  const { breakout_room_id: named = null, assignment_type: type = null } = draft;
  const options = optionsOf(held.meeting);
  if (named === null && type !== 'auto') {
    if (!held.isHost && options !== undefined && !options.return) throw new Refusal(meetingErrors.STAYS_IN_ROOM);
    return undefined;
  }
  if (!held.isHost && options !== undefined && !options.choose) throw new Refusal(meetingErrors.STAYS_IN_ROOM);
  const rooms = options === undefined ? [] : await roomsOf(held);
  const room =
    named === null
      ? rooms.filter((one) => hasSpace(one, person)).toSorted((left, right) => left.people - right.people)[0]
      : rooms.find(({ public_id }) => idText(public_id) === idText(anyIdBytes(named) ?? new Uint8Array(16)));
  if (room === undefined) throw new Refusal(rooms.length > 0 && named === null ? full : meetingErrors.ROOM_NOT_FOUND);
  if (!hasSpace(room, person)) throw new Refusal(full);
  return room;
}

const full = meetingErrors.ROOM_FULL;

/** Who is in has a place. */
const hasSpace = ({ id, people, capacity }: RoomRow, person: PersonRow): boolean =>
  person.room === id || capacity === null || people < capacity;

/** From room to room; nobody else acts on the meeting meanwhile, so that a room never holds more than it may. */
async function move(
  held: Held,
  { person, room, at }: { person: PersonRow; room: RoomRow | undefined; at: number },
): Promise<Move[]> {
  const { account } = person;
  const moves: Move[] = [];
  if (person.room !== null) {
    await count(held, person.room, -1);
    moves.push({ kind: 'leave', account, topic: roomTopic(person.room) });
  }
  const place = held.tables.updateTable('meeting_people').set({ room: room?.id ?? null });
  await place.where('meeting', '=', held.meeting.id).where('account', '=', account).execute();
  if (room === undefined) return moves;
  await count(held, room.id, 1);
  await endSharing(held, { room, accounts: [account], at });
  return [...moves, { kind: 'enter', account, topic: roomTopic(room.id) }];
}
