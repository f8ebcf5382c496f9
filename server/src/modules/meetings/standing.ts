import type { Sql, Statement } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { meetingErrors } from './errors.ts';
import type { MeetingStatus, ParticipantStatus } from './schema.ts';
import { isHostOf, type MeetingRow, type PersonRow } from './store.ts';

type MeetingPart = Pick<MeetingRow, 'id' | 'public_id' | 'host' | 'creator' | 'status'>;
type OwnPart = Pick<PersonRow, 'role' | 'status' | 'room'>;
type Found = MeetingPart & { role: OwnPart['role'] | null; own: OwnPart['status'] | null; room: number | null };

/** How somebody stands to a meeting at this moment, and the breakout room that they are in. `own` null: a host who was never in. */
export type Standing = Readonly<{
  meeting: number;
  /** The meeting's public id, a UUID. */
  id: string;
  status: MeetingStatus;
  own: ParticipantStatus | null;
  room: number | null;
  isHost: boolean;
}>;

/** Looks without a turn: for what is over when it is answered. What changes something is decided in its own transaction. */
export class Standings {
  readonly #found: Statement<Found>;

  constructor(sql: Sql) {
    this.#found = sql.statement<Found>(
      `SELECT m.id, m.public_id, m.host, m.creator, m.status, p.role, p.status AS own, p.room
       FROM meetings m LEFT JOIN meeting_people p ON p.meeting = m.id AND p.account = ?2 WHERE m.public_id = ?1`,
    );
  }

  /**
   * Of hosts, and of who is invited, waits, is in it, has left, or was removed.
   * Refuses MEETING_NOT_FOUND to everybody else.
   */
  async of(principal: Principal, id: string): Promise<Standing> {
    const bytes: IdBytes | undefined = anyIdBytes(id);
    const found = bytes === undefined ? undefined : await this.#found.get(bytes, principal.account);
    if (found === undefined) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    const { role, own, room, ...meeting } = found;
    const isHost = isHostOf(meeting, role === null || own === null ? undefined : { role, status: own }, principal);
    if (!isHost && own === null) throw new Refusal(meetingErrors.MEETING_NOT_FOUND);
    return { meeting: meeting.id, id: idText(meeting.public_id), status: meeting.status, own, room, isHost };
  }

  /** The same for somebody who wants to hear of the meeting as it goes on. Refuses REMOVED to who was removed, too. */
  async ofListener(principal: Principal, id: string): Promise<Standing> {
    const standing = await this.of(principal, id);
    if (standing.own === 'removed' && !standing.isHost) throw new Refusal(meetingErrors.REMOVED);
    return standing;
  }
}
