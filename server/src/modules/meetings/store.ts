import type { Generated, Kysely, Selectable } from 'kysely';
import type { Transaction } from '../../infra/log/log.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { IdBytes } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { meetingErrors } from './errors.ts';
import {
  type MeetingStatus,
  openPolicy,
  type ParticipantRole,
  type ParticipantStatus,
  type Permission,
  type Policy,
} from './schema.ts';

export type MeetingTables = {
  meetings: {
    id: Generated<number>;
    public_id: IdBytes;
    creator: number;
    /** Whoever is host now; the creator until somebody follows. */
    host: number;
    title: string;
    description: string | null;
    status: MeetingStatus;
    scheduled_at: number | null;
    time_zone: string | null;
    duration_minutes: number | null;
    /** JSON of `Policy`. */
    policy: string;
    password_hash: string | null;
    started_at: number | null;
    started_by: number | null;
    ended_at: number | null;
    ended_by: number | null;
    attendance: Generated<number>;
    present: Generated<number>;
    empty_since: number | null;
    /** As LiveKit reports it. */
    recording: Generated<0 | 1>;
    /** The creator, while somebody else is host because the creator was away: then it is theirs again when they return. */
    follows: number | null;
    /** When it is looked whether the host is still there. */
    host_check_at: number | null;
    /** JSON of the options of the breakout rooms, while there are any. */
    rooms: string | null;
    created_at: number;
    updated_at: number;
  };
  meeting_people: {
    meeting: number;
    account: number;
    public_id: IdBytes;
    role: ParticipantRole;
    /** Of the host: what they are again when somebody else is host. */
    role_before: ParticipantRole | null;
    status: ParticipantStatus;
    invited: 0 | 1;
    is_muted: 0 | 1;
    is_video_enabled: 0 | 1;
    is_screen_sharing: 0 | 1;
    is_hand_raised: 0 | 1;
    device_type: string;
    connection_id: string | null;
    room: number | null;
    waiting_since: number | null;
    joined_at: number | null;
    left_at: number | null;
    /** Whether they were ever in. */
    attended: Generated<0 | 1>;
  };
  meeting_chat: {
    id: Generated<number>;
    public_id: IdBytes;
    meeting: number;
    /** The breakout room, 0 the meeting itself, -1 between two people. */
    place: number;
    sender: number;
    recipient: number | null;
    content: string;
    type: string;
    /** JSON of what is said of a file. */
    file: string | null;
    at: number;
  };
  meeting_rooms: {
    id: Generated<number>;
    public_id: IdBytes;
    meeting: number;
    name: string;
    description: string | null;
    capacity: number | null;
    allow_chat: 0 | 1;
    allow_screen_share: 0 | 1;
    people: Generated<number>;
    is_active: 0 | 1;
  };
  /** Of identity: who exists, and under which name. */
  accounts: { id: number; public_id: IdBytes; username: string; email: string; deleted_at: number | null };
  /** Of identity: who does not want whom. */
  blocks: { account: number; blocked: number };
};

export type MeetingRow = Selectable<MeetingTables['meetings']>;
export type PersonRow = Selectable<MeetingTables['meeting_people']>;
export type RoomRow = Selectable<MeetingTables['meeting_rooms']>;
export type Tables = Kysely<MeetingTables>;

export const tablesOf = (sql: Kysely<object>): Tables => sql.withTables<MeetingTables>();

export const policyOf = ({ policy }: Pick<MeetingRow, 'policy'>): Policy => ({
  ...openPolicy,
  ...(JSON.parse(policy) as Partial<Policy>),
});

/** Whether a permission of the policy lets somebody: `none` is nobody, hosts neither. */
export const permits = (permission: Permission, isHost: boolean): boolean =>
  permission === 'all' || (permission === 'host' && isHost);

/** A meeting that one transaction has for itself, and who acts on it. */
export type Held = Readonly<{
  transaction: Transaction;
  tables: Tables;
  meeting: MeetingRow;
  /** The caller's own place in it. */
  own: PersonRow | undefined;
  /** The host, a co-host, or an administrator of the platform. */
  isHost: boolean;
}>;

/**
 * Takes a meeting for this transaction: whoever else acts on it waits, and then finds it as this one left it. For who has
 * nothing to do with it (no host, not invited, never in it) it does not exist, unless `anybody` may ask.
 * Refuses MEETING_NOT_FOUND.
 */
export async function holdMeeting(
  transaction: Transaction,
  principal: Principal,
  { id, now, anybody = false }: { id: string; now: number; anybody?: boolean },
): Promise<Held> {
  const bytes = anyIdBytes(id);
  if (bytes === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
  // The log's turn first, as every act does whose rows others change too.
  await transaction.takeTurn();
  const tables = tablesOf(transaction.sql);
  const meeting = await tables
    .updateTable('meetings')
    .set({ updated_at: now })
    .where('public_id', '=', bytes)
    .returningAll()
    .executeTakeFirst();
  if (meeting === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
  const own = await personIn(tables, meeting.id, principal.account);
  const isHost = isHostOf(meeting, own, principal);
  if (!anybody && !isHost && own === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
  return { transaction, tables, meeting, own, isHost };
}

export const isHostOf = (
  meeting: Pick<MeetingRow, 'host' | 'creator'>,
  own: Pick<PersonRow, 'role' | 'status'> | undefined,
  { account, role }: Pick<Principal, 'account' | 'role'>,
): boolean =>
  meeting.host === account ||
  meeting.creator === account ||
  (own?.role === 'co-host' && own.status !== 'removed') ||
  role === 'ADMIN';

/** Refuses HOST_ONLY. */
export function mustBeHost({ isHost }: Held): void {
  if (!isHost) throw new Refusal(meetingErrors.HOST_ONLY);
}

/** Refuses ENDED, CANCELLED, NOT_ACTIVE. */
export function mustBeActive({ meeting: { status } }: { meeting: Pick<MeetingRow, 'status'> }): void {
  if (status === 'ended') throw new Refusal(meetingErrors.ENDED);
  if (status === 'cancelled') throw new Refusal(meetingErrors.CANCELLED);
  if (status !== 'in_progress') throw new Refusal(meetingErrors.NOT_ACTIVE);
}

/** The caller's own row; refuses PARTICIPANT_NOT_FOUND unless they are joined. */
export function mustBeJoined({ own }: Held): PersonRow {
  if (own === undefined || own.status !== 'joined') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  return own;
}

/** Takes a meeting by its number, for what happens by itself. */
export const takeMeeting = (tables: Tables, meeting: number, now: number): Promise<MeetingRow | undefined> =>
  tables.updateTable('meetings').set({ updated_at: now }).where('id', '=', meeting).returningAll().executeTakeFirst();

export const personIn = (tables: Tables, meeting: number, account: number): Promise<PersonRow | undefined> =>
  tables
    .selectFrom('meeting_people')
    .selectAll()
    .where('meeting', '=', meeting)
    .where('account', '=', account)
    .executeTakeFirst();
