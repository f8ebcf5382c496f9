import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Generated, Kysely } from 'kysely';
import type { Clock } from '../../kernel/clock.ts';
import type { Log, Transaction } from '../log/log.ts';
import type { Sql, Statement } from '../sql/sql.ts';
import type { Handler, Jobs, NewJob } from './jobs.ts';

export type SqlJobsOptions = {
  sql: Sql;
  log: Log;
  clock: Clock;
  /** A try that failed, or a look at the table that did; jobs go on. */
  onFailure: (kind: string, error: unknown) => void;
  /** How often the table is looked at, in milliseconds. */
  lookEvery?: number;
  /** How long a claim holds without being renewed, in milliseconds. */
  lease?: number;
  /** How long a close waits for what runs, in milliseconds. */
  stopWithin?: number;
};

type JobsTables = {
  jobs: {
    id: Generated<number>;
    kind: string;
    key: string | null;
    payload: string;
    due: number | null;
    attempts: number;
    claim: string | null;
    error: string | null;
    failed_at: number | null;
  };
};

type Claimed = { id: number; kind: string; payload: string; attempts: number; claim: string };
type Due = { id: number; kind: string; due: number };
type Entry = { handler: Handler; every: number | undefined; atOnce: number };
/** Where a job goes after a try. */
type Outcome = { due: number | null; attempts: number; error: string | null };

/** Jobs that run at the same time on one node. */
const atOnce = 4;
const maxTries = 10;
/** How long a job that failed for good is kept for whoever looks why, in milliseconds. */
const keepFailed = 7 * 24 * 3_600_000;
const longestDelay = 3_600_000;
const delayAfter = (attempts: number): number => Math.min(5_000 * 3 ** (attempts - 1), longestDelay);

const dueText = (kinds: number): string => {
  const full = Array.from({ length: kinds }, (_, index) => `?${index + 3}`).join(', ');
  const others = kinds === 0 ? '' : `AND kind NOT IN (${full}) `;
  return `SELECT id, kind, due FROM jobs WHERE due <= ?1 ${others}ORDER BY due LIMIT ?2`;
};

const tablesOf = (sql: Kysely<object>): Kysely<JobsTables> => sql.withTables<JobsTables>();

/**
 * Jobs in one table, the same on both engines. A claim is an update that moves `due` one lease ahead, on condition that
 * nobody has moved it since it was read: of several nodes one changes the row, and if that one dies the job is due again.
 */
export class SqlJobs implements Jobs {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #onFailure: SqlJobsOptions['onFailure'];
  readonly #lookEvery: number;
  readonly #lease: number;
  readonly #stopWithin: number;
  readonly #sql: Sql;
  /** What is due and of none of so many kinds: their number decides the text. */
  readonly #due: Statement<Due>[];
  readonly #entries = new Map<string, Entry>();
  readonly #running = new Map<number, { kind: string; done: Promise<void> }>();
  readonly #closing = new AbortController();
  /** Of jobs that run on behind the close nothing is renewed or stored: the database may be gone. */
  #closed = false;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: SqlJobsOptions) {
    const { sql, log, clock, onFailure, lookEvery = 1_000, lease = 60_000, stopWithin = 2_000 } = options;
    this.#sql = sql;
    this.#log = log;
    this.#clock = clock;
    this.#onFailure = onFailure;
    this.#lookEvery = lookEvery;
    this.#lease = lease;
    this.#stopWithin = stopWithin;
    this.#due = [sql.statement(dueText(0))];
  }

  handle(kind: string, handler: Handler, { atOnce: most } = { atOnce }): void {
    this.#entries.set(kind, { handler, every: undefined, atOnce: most });
  }

  repeat(kind: string, every: number, handler: Handler): void {
    this.#entries.set(kind, { handler, every, atOnce });
  }

  async start(): Promise<void> {
    const at = this.#clock.now();
    const repeating = [...this.#entries].flatMap(([kind, { every }]) => (every === undefined ? [] : [kind]));
    if (repeating.length > 0) {
      const rows = repeating.map((kind) => ({ kind, key: 'repeating', payload: 'null', due: at, attempts: 0 }));
      await this.#log.write(async ({ sql }) => {
        const insert = tablesOf(sql).insertInto('jobs').values(rows);
        await insert.onConflict((conflict) => conflict.columns(['kind', 'key']).doNothing()).execute();
      });
    }
    this.#timer = setInterval(() => this.#look(), this.#lookEvery);
    this.#timer.unref();
    this.#look();
  }

  async schedule({ sql }: Transaction, { kind, at, payload, key }: NewJob): Promise<void> {
    const fresh = { payload: JSON.stringify(payload), due: at, attempts: 0, claim: null, error: null, failed_at: null };
    await tablesOf(sql)
      .insertInto('jobs')
      .values({ kind, key: key ?? null, ...fresh })
      .onConflict((conflict) => conflict.columns(['kind', 'key']).doUpdateSet(fresh))
      .execute();
  }

  async cancel({ sql }: Transaction, { kind, key }: { kind: string; key: string }): Promise<boolean> {
    const gone = await tablesOf(sql)
      .deleteFrom('jobs')
      .where('kind', '=', kind)
      .where('key', '=', key)
      .returning('id')
      .executeTakeFirst();
    return gone !== undefined;
  }

  async forgetFailed(limit: number): Promise<number> {
    return this.#log.write(async ({ sql }) => {
      const old = tablesOf(sql)
        .selectFrom('jobs')
        .select('id')
        .where('failed_at', '<=', this.#clock.now() - keepFailed);
      const oldest = old.orderBy('failed_at').limit(limit);
      const gone = await tablesOf(sql).deleteFrom('jobs').where('id', 'in', oldest).returning('id').execute();
      return gone.length;
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    const stopped = this.#stopped();
    const late = new AbortController();
    // A handler that ignores its signal must not take the time of everything that closes after the jobs.
    await Promise.race([stopped, sleep(this.#stopWithin, undefined, { signal: late.signal }).catch(() => {})]);
    late.abort();
    this.#closed = true;
    for (const { kind } of this.#running.values()) {
      const fate = 'is left behind, and runs again when its lease is over';
      this.#onFailure(kind, new Error(`it did not stop within ${this.#stopWithin} ms of the drain, ${fate}`));
    }
  }

  async #stopped(): Promise<void> {
    await this.#looking;
    await Promise.all([...this.#running.values()].map(({ done }) => done));
  }

  #look(): void {
    this.#looking ??= this.#startDue()
      .catch((error) => this.#onFailure('look', error))
      .finally(() => {
        this.#looking = undefined;
      });
  }

  async #startDue(): Promise<void> {
    while (!this.#closing.signal.aborted && this.#running.size < atOnce) {
      const found = await this.#findDue();
      const open = found.filter(({ id }) => !this.#running.has(id));
      if (open.length === 0) return;
      for (const job of open.slice(0, atOnce - this.#running.size)) {
        if (this.#isFull(job.kind)) continue;
        const claimed = await this.#claim(job);
        if (claimed !== undefined) this.#running.set(claimed.id, { kind: claimed.kind, done: this.#run(claimed) });
      }
    }
  }

  async #findDue(): Promise<Due[]> {
    const full = [...this.#entries.keys()].filter((kind) => this.#isFull(kind));
    this.#due[full.length] ??= this.#sql.statement(dueText(full.length));
    return (await this.#due[full.length]?.all(this.#clock.now(), atOnce, ...full)) ?? [];
  }

  #isFull(kind: string): boolean {
    const running = [...this.#running.values()].filter((job) => job.kind === kind).length;
    return running >= (this.#entries.get(kind)?.atOnce ?? atOnce);
  }

  async #claim({ id, due }: Due): Promise<Claimed | undefined> {
    const claim = randomUUID();
    const row = await this.#log.write(async ({ sql }) =>
      tablesOf(sql)
        .updateTable('jobs')
        .set((eb) => ({ claim, due: this.#clock.now() + this.#lease, attempts: eb('attempts', '+', 1) }))
        .where('id', '=', id)
        .where('due', '=', due)
        .returning(['kind', 'payload', 'attempts'])
        .executeTakeFirst(),
    );
    return row === undefined ? undefined : { ...row, id, claim };
  }

  async #run(job: Claimed): Promise<void> {
    const renewal = setInterval(() => void this.#renew(job), this.#lease / 3);
    renewal.unref();
    try {
      const outcome = await this.#try(job);
      if (!this.#closed) await this.#settle(job, outcome);
    } catch (error) {
      // The outcome could not be stored: the job is due again when its lease is over.
      this.#onFailure(job.kind, error);
    } finally {
      clearInterval(renewal);
      this.#running.delete(job.id);
      if (!this.#closing.signal.aborted) setImmediate(() => this.#look());
    }
  }

  /** Runs the handler; `undefined`: done for good. */
  async #try({ kind, payload, attempts }: Claimed): Promise<Outcome | undefined> {
    const entry = this.#entries.get(kind);
    const { signal } = this.#closing;
    try {
      if (entry === undefined) throw new Error(`No handler for jobs of the kind ${kind}`);
      // Counted at the claim: a job that takes the whole process down must not do so for ever.
      if (attempts > maxTries && entry.every === undefined) throw new Error('The server ended during the last try');
      await entry.handler({ payload: JSON.parse(payload), attempt: attempts, signal });
      if (entry.every === undefined) return undefined;
      return { due: this.#clock.now() + (signal.aborted ? 0 : entry.every), attempts: 0, error: null };
    } catch (error) {
      if (signal.aborted) return { due: this.#clock.now(), attempts: attempts - 1, error: null };
      this.#onFailure(kind, error);
      const text = String(error).slice(0, 1_000);
      if (attempts >= maxTries && entry?.every === undefined) return { due: null, attempts, error: text };
      const delay = Math.min(delayAfter(attempts), entry?.every ?? longestDelay);
      return { due: this.#clock.now() + delay, attempts, error: text };
    }
  }

  /** Only while the claim is still ours: a job that was replaced or cancelled meanwhile has its own fate. */
  async #settle({ id, claim }: Claimed, outcome: Outcome | undefined): Promise<void> {
    await this.#log.write(async ({ sql }) => {
      const jobs = tablesOf(sql);
      if (outcome === undefined) {
        await jobs.deleteFrom('jobs').where('id', '=', id).where('claim', '=', claim).execute();
        return;
      }
      const next = { ...outcome, claim: null, failed_at: outcome.due === null ? this.#clock.now() : null };
      await jobs.updateTable('jobs').set(next).where('id', '=', id).where('claim', '=', claim).execute();
    });
  }

  async #renew({ id, kind, claim }: Claimed): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#log.write(async ({ sql }) => {
        const due = this.#clock.now() + this.#lease;
        await tablesOf(sql).updateTable('jobs').set({ due }).where('id', '=', id).where('claim', '=', claim).execute();
      });
    } catch (error) {
      this.#onFailure(kind, error);
    }
  }
}
