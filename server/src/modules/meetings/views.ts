import type { Sql, Statement } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { meetingErrors } from './errors.ts';
import type { HostPart, Invited, Meeting, OwnMeeting } from './schema.ts';
import { isHostOf, type MeetingRow, type PersonRow, policyOf, tablesOf } from './store.ts';

/** The whole minutes that have passed. */
export const wholeMinutes = (from: number, to: number): number => Math.max(0, Math.floor((to - from) / 60_000));

/** A meeting's row with the public ids of those whom it names. */
export type NamedMeeting = MeetingRow & {
  creator_id: IdBytes;
  host_id: IdBytes;
  started_by_id: IdBytes | null;
  ended_by_id: IdBytes | null;
};

/** The same with the place that one account has in it. */
export type SeenMeeting = NamedMeeting & {
  own_role: PersonRow['role'] | null;
  own_status: PersonRow['status'] | null;
  own_invited: PersonRow['invited'] | null;
  own_attended: PersonRow['attended'] | null;
};

export const meetingFrom = (row: NamedMeeting): Meeting => ({
  id: idText(row.public_id),
  title: row.title,
  description: row.description,
  creatorId: idText(row.creator_id),
  hostId: idText(row.host_id),
  status: row.status,
  scheduledAt: row.scheduled_at,
  timeZone: row.time_zone,
  durationMinutes: row.duration_minutes,
  startedAt: row.started_at,
  startedById: row.started_by_id === null ? null : idText(row.started_by_id),
  endedAt: row.ended_at,
  endedById: row.ended_by_id === null ? null : idText(row.ended_by_id),
  attendance: row.attendance,
  present: row.present,
  isRecording: row.recording === 1,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export const ownMeetingFrom = (row: SeenMeeting): OwnMeeting => ({
  ...meetingFrom(row),
  own: row.own_role === null || row.own_status === null ? null : { role: row.own_role, status: row.own_status },
});

/** A query of meetings as the account `?1` sees them; `where` goes on from there. */
export const seenMeetings = (where: string): string =>
  `SELECT m.*, c.public_id AS creator_id, h.public_id AS host_id, s.public_id AS started_by_id,
     e.public_id AS ended_by_id, p.role AS own_role, p.status AS own_status, p.invited AS own_invited,
     p.attended AS own_attended
   FROM meetings m JOIN accounts c ON c.id = m.creator JOIN accounts h ON h.id = m.host
     LEFT JOIN accounts s ON s.id = m.started_by LEFT JOIN accounts e ON e.id = m.ended_by
     LEFT JOIN meeting_people p ON p.meeting = m.id AND p.account = ?1 WHERE ${where}`;

export type Seen = Readonly<{ row: SeenMeeting; isHost: boolean }>;

/** Reads of single meetings. */
export class MeetingReads {
  readonly #byId: Statement<SeenMeeting>;
  readonly #byNumber: Statement<SeenMeeting>;

  constructor(sql: Sql) {
    this.#byId = sql.statement(seenMeetings('m.public_id = ?2'));
    this.#byNumber = sql.statement(seenMeetings('m.id = ?2'));
  }

  /** What one has made or changed oneself. */
  async byNumber({ account }: Principal, number: number): Promise<SeenMeeting> {
    const row = await this.#byNumber.get(account, number);
    if (row === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    return row;
  }

  /**
   * For hosts, and for who is invited, waits, is or was in it. Refuses MEETING_NOT_FOUND to everybody else, and
   * PARTICIPANT_NOT_FOUND to who was removed.
   */
  async seen(principal: Principal, id: string): Promise<Seen> {
    const bytes = anyIdBytes(id);
    const row = bytes === undefined ? undefined : await this.#byId.get(principal.account, bytes);
    if (row === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    const { own_role: role, own_status: status } = row;
    const isHost = isHostOf(row, role === null || status === null ? undefined : { role, status }, principal);
    if (!isHost && status === null) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    if (!isHost && status === 'removed') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
    return { row, isHost };
  }

  /** The same for more than how it stands: who only waits, and is not invited, was not let in yet. */
  async opened(principal: Principal, id: string): Promise<Seen> {
    const seen = await this.seen(principal, id);
    const { own_invited: invited, own_attended: attended } = seen.row;
    if (!seen.isHost && invited !== 1 && attended !== 1) throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
    return seen;
  }
}

/** What hosts see besides. Off the event loop: there may be five hundred who are invited. */
export async function hostPart(database: Sql, row: MeetingRow): Promise<HostPart> {
  const tables = tablesOf(database.read);
  const { blockedUsers, blockedEmails, ...policy } = policyOf(row);
  const accounts = tables.selectFrom('accounts').select('public_id');
  const blocked =
    blockedUsers.length === 0 ? [] : await database.scan(accounts.where('id', 'in', [...blockedUsers]).compile());
  const people = tables
    .selectFrom('meeting_people as p')
    .innerJoin('accounts as a', 'a.id', 'p.account')
    .select(['a.public_id', 'a.username', 'p.role', 'p.status'])
    .where('p.meeting', '=', row.id)
    .where('p.invited', '=', 1)
    .orderBy('p.account');
  const invited = await database.scan(people.compile());
  return {
    policy: { ...policy, blocked: [...blocked.map(({ public_id }) => idText(public_id)), ...blockedEmails] },
    invited: invited.map(
      ({ public_id, username: name, role, status }): Invited => ({ userId: idText(public_id), name, role, status }),
    ),
  };
}
