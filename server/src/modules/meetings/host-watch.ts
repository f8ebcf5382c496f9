import type { Jobs } from '../../infra/jobs/jobs.ts';
import type { Log, Transaction } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock, Later } from '../../kernel/clock.ts';
import { makeHost, successorOf } from './hosts.ts';
import { idOf } from './people.ts';
import type { MeetingHeld } from './rooms.ts';
import { personIn, tablesOf, takeMeeting } from './store.ts';

export type HostWatchOptions = Readonly<{
  sql: Sql;
  log: Log;
  clock: Clock;
  jobs: Jobs;
  later: Later;
  /** Whether an account, by its public id, has a live connection. */
  isConnected: (id: string) => boolean;
  onFailure: (error: unknown) => void;
  /** How long a host may be without a connection, in milliseconds. */
  patience: number;
}>;

/** The kind of the timer; there is one to a meeting. */
const kind = 'meetings.host';

/** How long comings and goings are gathered before the database is asked about them, in milliseconds. */
const gatherFor = 250;
/** Accounts in one question, and meetings in one transaction. */
const slice = 500;
/** How often at least it is looked for somebody who could follow, in milliseconds. */
const longestWait = 600_000;

type Look = Readonly<{ meeting: number; wait: number }>;

/**
 * Sees to it that a meeting under way has a host who is there: one without a connection is followed, and the creator gets
 * the role back on return. The timers are jobs; which hosts were connected when the server was killed nobody stored, and so a
 * start begins by giving every host the time to come back.
 */
export class HostWatch {
  readonly #options: HostWatchOptions;
  readonly #noted = new Map<number, boolean>();
  #startedAt = 0;
  #stop: (() => void) | undefined;
  #taking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: HostWatchOptions) {
    this.#options = options;
    options.jobs.handle(kind, ({ payload }) => this.#look(payload as Look));
  }

  /** Before anybody can connect. */
  async start(): Promise<void> {
    const { sql, log, clock, patience } = this.#options;
    this.#startedAt = clock.now();
    for (let last = 0, full = true; full; ) {
      const meetings = await tablesOf(sql.read)
        .selectFrom('meetings')
        .select(['id', 'present'])
        .where('status', '=', 'in_progress')
        .where('id', '>', last)
        .orderBy('id')
        .limit(slice)
        .execute();
      const ids = meetings.filter(({ present }) => present > 0).map(({ id }) => id);
      if (ids.length > 0)
        await log.write((transaction) => this.#schedule(transaction, ids, this.#startedAt + patience));
      last = meetings.at(-1)?.id ?? last;
      full = meetings.length === slice;
    }
  }

  /** An account has its first live connection, or its last has ended. */
  note({ account }: { account: number }, online: boolean): void {
    if (this.#closed) return;
    this.#noted.set(account, online);
    this.#stop ??= this.#options.later(() => {
      this.#stop = undefined;
      const noted = new Map(this.#noted);
      this.#noted.clear();
      this.#taking = this.#taking.then(() => this.#take(noted)).catch(this.#options.onFailure);
    }, gatherFor);
  }

  /** Inside the transaction of an act: is somebody host who is not there, it is looked again in time. */
  async watch({ transaction, tables, meeting: { id } }: MeetingHeld): Promise<void> {
    const meetings = tables.selectFrom('meetings').select(['host', 'status', 'host_check_at']).where('id', '=', id);
    const { host, status, host_check_at } = await meetings.executeTakeFirstOrThrow();
    if (status !== 'in_progress' || host_check_at !== null) return;
    if (this.#options.isConnected(await idOf(tables, host)) && (await isIn(tables, id, host))) return;
    await this.#schedule(transaction, [id], this.#options.clock.now() + this.#options.patience);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stop?.();
    await this.#taking;
  }

  async #take(noted: ReadonlyMap<number, boolean>): Promise<void> {
    const { log, clock, patience } = this.#options;
    const gone = [...noted].filter(([, online]) => !online).map(([account]) => account);
    const come = [...noted].filter(([, online]) => online).map(([account]) => account);
    for (let from = 0; from < gone.length; from += slice) {
      const meetings = await this.#among('host', gone.slice(from, from + slice));
      for (let at = 0; at < meetings.length; at += slice) {
        const some = meetings.slice(at, at + slice);
        await log.write((transaction) => this.#schedule(transaction, some, clock.now() + patience));
      }
    }
    for (let from = 0; from < come.length; from += slice) {
      for (const meeting of await this.#among('follows', come.slice(from, from + slice))) {
        await this.#write(meeting, (held) => giveBack(held, clock.now()));
      }
    }
  }

  async #among(column: 'host' | 'follows', accounts: readonly number[]): Promise<number[]> {
    const meetings = tablesOf(this.#options.sql.read).selectFrom('meetings').select('id');
    const found = await meetings.where(column, 'in', accounts).where('status', '=', 'in_progress').execute();
    return found.map(({ id }) => id);
  }

  async #schedule(transaction: Transaction, meetings: readonly number[], at: number, wait?: number): Promise<void> {
    await transaction.takeTurn();
    const { jobs, patience } = this.#options;
    const checks = tablesOf(transaction.sql).updateTable('meetings').set({ host_check_at: at });
    await checks.where('id', 'in', meetings).execute();
    for (const meeting of meetings) {
      const payload: Look = { meeting, wait: wait ?? patience };
      await jobs.schedule(transaction, { kind, key: String(meeting), at, payload });
    }
  }

  async #write(meeting: number, act: (held: MeetingHeld) => Promise<void>): Promise<void> {
    await this.#options.log.write(async (transaction) => {
      await transaction.takeTurn();
      const tables = tablesOf(transaction.sql);
      const row = await takeMeeting(tables, meeting, this.#options.clock.now());
      if (row !== undefined) await act({ transaction, tables, meeting: row });
    });
  }

  async #look({ meeting, wait }: Look): Promise<void> {
    const { clock, patience } = this.#options;
    const now = clock.now();
    await this.#write(meeting, async (held) => {
      const { host_check_at, status, present } = held.meeting;
      if (host_check_at === null || host_check_at > now) return;
      await held.tables.updateTable('meetings').set({ host_check_at: null }).where('id', '=', meeting).execute();
      if (status !== 'in_progress' || present === 0) return;
      // Those whom a start has cut off have their time to come back, the hosts and whoever could follow them.
      const since = this.#startedAt + patience;
      if (now < since) return this.#schedule(held.transaction, [meeting], since, wait);
      if (await this.#follow(held)) return;
      const later = Math.min(wait * 2, longestWait);
      await this.#schedule(held.transaction, [meeting], now + wait, later);
    });
  }

  /** Whether that is settled, as things are. */
  async #follow(held: MeetingHeld): Promise<boolean> {
    const { clock, isConnected } = this.#options;
    const { tables, meeting } = held;
    const host = await personIn(tables, meeting.id, meeting.host);
    const hasLeft = host !== undefined && host.status !== 'joined' && host.left_at !== null;
    if (!hasLeft && isConnected(await idOf(tables, meeting.host))) return true;
    const next = await successorOf(held, isConnected);
    if (next !== undefined) await makeHost(held, next, { kind: 'stand-in', byId: null, at: clock.now() });
    const others = meeting.present - (host?.status === 'joined' ? 1 : 0);
    return next !== undefined || others === 0;
  }
}

async function isIn(tables: MeetingHeld['tables'], meeting: number, account: number): Promise<boolean> {
  return (await personIn(tables, meeting, account))?.status === 'joined';
}

/** The creator is back: somebody else was host only meanwhile. */
export async function giveBack(held: MeetingHeld, at: number): Promise<void> {
  const { tables, meeting } = held;
  if (meeting.follows === null || meeting.host === meeting.creator) return;
  const creator = await personIn(tables, meeting.id, meeting.creator);
  if (creator?.status === 'joined') await makeHost(held, creator, { kind: 'for good', byId: null, at });
}
