import type { Delivery } from '../../infra/delivery/delivery.ts';
import type { Jobs } from '../../infra/jobs/jobs.ts';
import { Follower } from '../../infra/log/follower.ts';
import type { Log, Row, Transaction } from '../../infra/log/log.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { idBytes } from '../../kernel/ids.ts';
import { type MeetingEnded, meetingEvents, type ParticipantLeft } from './events.ts';
import { entrySeconds, type LiveKit } from './livekit.ts';
import type { MeetingRow, PersonRow } from './store.ts';

export type LiveKitDeparturesOptions = Readonly<{
  sql: Sql;
  log: Log;
  clock: Clock;
  jobs: Jobs;
  liveKit: LiveKit;
  /** Rows that could not be taken; they are offered again. */
  onFailure: (error: unknown) => void;
}>;

const kind = 'meetings.livekit_departure';

/** How long after a removal somebody could come back with a way in that they had, in milliseconds, and how often it is looked. */
const lookFor = entrySeconds * 1_000;
const lookEvery = 60_000;
/** What is longer ago than this, in milliseconds, has ended at the LiveKit server by itself. */
const longAgo = 24 * 3_600_000;

/** Somebody who was removed, or everybody when the meeting has ended. */
type Departure = Readonly<{ meetingId: string; userId: string | null; at: number }>;

type Stand = Pick<PersonRow, 'status'> & { meeting_status: MeetingRow['status'] };

/**
 * Who is removed from a meeting is removed from its LiveKit room too, and the room ends with the meeting. It follows the
 * log, so that no kill loses a removal; each is a job, which is tried again as long as the LiveKit server does not answer,
 * and once more as long as a way in that was made before may be good: older servers do not revoke them.
 */
export class LiveKitDepartures {
  readonly #options: LiveKitDeparturesOptions;
  readonly #follower: Follower;
  readonly #status: Statement<Stand>;

  constructor(options: LiveKitDeparturesOptions) {
    const { sql, log, jobs, onFailure } = options;
    this.#options = options;
    this.#status = sql.statement(
      `SELECT p.status, m.status AS meeting_status FROM meetings m JOIN accounts a ON a.public_id = ?2
       JOIN meeting_people p ON p.meeting = m.id AND p.account = a.id WHERE m.public_id = ?1`,
    );
    this.#follower = new Follower({
      name: 'livekit',
      sql,
      log,
      types: [meetingEvents.left, meetingEvents.ended],
      take: (transaction, rows) => this.#take(transaction, rows),
      onFailure,
    });
    // A LiveKit server that does not answer holds up no other kind of job.
    jobs.handle(kind, ({ payload }) => this.#see(payload as Departure), { atOnce: 2 });
  }

  follow(delivery: Delivery): void {
    for (const type of [meetingEvents.left, meetingEvents.ended]) delivery.react(type, () => this.#follower.wake());
    this.#follower.wake();
  }

  close(): Promise<void> {
    return this.#follower.close();
  }

  async #take(transaction: Transaction, rows: readonly Row[]): Promise<void> {
    const now = this.#options.clock.now();
    for (const row of rows) {
      const departure = departureIn(row);
      if (departure !== undefined && departure.at > now - longAgo) await this.#schedule(transaction, departure, now);
    }
  }

  #schedule(transaction: Transaction, departure: Departure, at: number): Promise<void> {
    const key = `${departure.meetingId} ${departure.userId ?? ''}`;
    return this.#options.jobs.schedule(transaction, { kind, key, at, payload: departure });
  }

  async #see(departure: Departure): Promise<void> {
    const { liveKit, clock, log } = this.#options;
    const { meetingId, userId, at } = departure;
    if (userId === null) await liveKit.end(meetingId);
    else if (await this.#isOver(meetingId, userId)) return;
    else await liveKit.remove(meetingId, userId, at);
    const next = clock.now() + lookEvery;
    if (next - lookEvery > at + lookFor) return;
    await log.write((transaction) => this.#schedule(transaction, departure, next));
  }

  /** Somebody has let them in again, or the whole room is ended. */
  async #isOver(meetingId: string, userId: string): Promise<boolean> {
    const [meeting, user] = [idBytes(meetingId), idBytes(userId)];
    const stand = meeting && user && (await this.#status.get(meeting, user));
    return stand === undefined || stand.status === 'joined' || stand.meeting_status !== 'in_progress';
  }
}

function departureIn({ type, body }: Row): Departure | undefined {
  if (body === null) return undefined;
  if (type === meetingEvents.ended) {
    const { meetingId, at } = body as MeetingEnded;
    return { meetingId, userId: null, at };
  }
  const { meetingId, userId, byId, at, removed } = body as ParticipantLeft;
  // Also who was sent back to the waiting room.
  return removed || (byId !== null && byId !== userId) ? { meetingId, userId, at } : undefined;
}
