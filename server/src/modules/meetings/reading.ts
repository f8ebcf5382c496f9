import type { Sql, Statement } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { meetingErrors } from './errors.ts';
import { isHostOf, type MeetingRow, type PersonRow, policyOf } from './store.ts';

type MeetingPart = Pick<MeetingRow, 'id' | 'host' | 'creator' | 'policy' | 'rooms'> & { stage: MeetingRow['status'] };
type OwnPart = Pick<PersonRow, 'role' | 'status' | 'room' | 'attended'>;
type Found = MeetingPart & { [Column in keyof OwnPart]: OwnPart[Column] | null };

/** What somebody reads in, and the breakout room that they are in. */
export type Readable = Readonly<{ meeting: MeetingPart; room: number | null; isHost: boolean }>;

/**
 * Who may read what is said and done in a meeting: its hosts, who is in it, who could just come in, and after the end who
 * was in it.
 */
export class Readers {
  readonly #found: Statement<Found>;

  constructor(sql: Sql) {
    this.#found = sql.statement<Found>(
      `SELECT m.id, m.host, m.creator, m.policy, m.rooms, m.status AS stage, p.role, p.status, p.room, p.attended
       FROM meetings m LEFT JOIN meeting_people p ON p.meeting = m.id AND p.account = ?2 WHERE m.public_id = ?1`,
    );
  }

  /** Refuses MEETING_NOT_FOUND to who has nothing to do with it, and PARTICIPANT_NOT_FOUND to who waits or was removed. */
  async open(principal: Principal, id: string): Promise<Readable> {
    const bytes = anyIdBytes(id);
    const found = bytes === undefined ? undefined : await this.#found.get(bytes, principal.account);
    if (found === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    const { role, status, room, attended, ...meeting } = found;
    const own: OwnPart | undefined =
      role === null || status === null ? undefined : { role, status, room, attended: attended ?? 0 };
    if (isHostOf(meeting, own, principal)) return { meeting, room, isHost: true };
    if (own === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    if (!mayRead(meeting, own, principal.account)) throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
    return { meeting, room, isHost: false };
  }
}

function mayRead(meeting: MeetingPart, { status, attended }: OwnPart, account: number): boolean {
  const { blockedUsers, requireWaitingRoom, requirePassword, lock, allowedDomains } = policyOf(meeting);
  if (blockedUsers.includes(account) || status === 'waiting' || status === 'removed') return false;
  if (status === 'joined' || (attended === 1 && meeting.stage === 'ended')) return true;
  // Whoever is not in it now reads what they would if they came in. Otherwise it is a way past the waiting room.
  return !requireWaitingRoom && !requirePassword && !lock && allowedDomains.length === 0;
}
