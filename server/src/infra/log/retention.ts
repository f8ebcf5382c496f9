import { setTimeout as sleep } from 'node:timers/promises';
import { type Kysely, sql as raw } from 'kysely';
import type { Clock } from '../../kernel/clock.ts';
import type { Sql, Statement } from '../sql/sql.ts';
import type { Log } from './log.ts';

/** How long the log, and with it every offset and key, is kept, in milliseconds: seven days. */
const keepFor = 7 * 24 * 3_600_000;
/** How long what a follower has not taken yet is kept at most, in milliseconds: thirty days. */
const holdFor = 30 * 24 * 3_600_000;
/** Rows of the log in one transaction. */
const slice = 1_000;
/** Keys in one statement; always the same number, so that there is one text to compile. */
const keysAtOnce = 200;

/** A follower of the log that is more than seven days behind, and the last row that it has taken. */
export type HeldBack = Readonly<{ follower: string; seq: number }>;

export type RetentionOptions = {
  sql: Sql;
  log: Log;
  clock: Clock;
  /** Each time that something is kept for a follower, or taken away before it came: somebody must look why. */
  onHeldBack: (held: HeldBack) => void;
};

type RetentionTables = {
  log: { seq: number };
  log_state: { one: number; floor: number };
  checkpoints: { at: number; seq: number };
  write_keys: { n: number };
  session_cursors: { session: number; seq: number };
  followers: { name: string; seq: number };
};

const tablesOf = (sql: Kysely<object>): Kysely<RetentionTables> => sql.withTables<RetentionTables>();

/**
 * Takes away what is older than seven days. It goes by `seq`: checkpoints say which number was the last at what time.
 * Messages themselves stay; only their place in the log goes. It waits for the followers of the log, up to thirty days.
 */
export class Retention {
  readonly #sql: Sql;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #onHeldBack: RetentionOptions['onHeldBack'];
  readonly #oldest: Statement<{ seq: number }>;
  readonly #oldKeys: Statement<{ n: number | null }>;

  constructor({ sql, log, clock, onHeldBack }: RetentionOptions) {
    this.#sql = sql;
    this.#log = log;
    this.#clock = clock;
    this.#onHeldBack = onHeldBack;
    this.#oldest = sql.statement('SELECT seq FROM checkpoints WHERE at <= ?1 ORDER BY at DESC LIMIT 1');
    // Numbered in the order of time: the oldest thousand tell, and nothing behind them is looked at.
    this.#oldKeys = sql.statement(
      `SELECT max(n) AS n FROM (SELECT n, at FROM write_keys ORDER BY n LIMIT ${slice}) AS oldest WHERE at <= ?1`,
    );
  }

  /** For an hourly timer: remembers where the log is now, and takes away what is too old, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    await this.#remember();
    const before = this.#clock.now() - keepFor;
    const upTo = await this.#takenBy(await this.#lastBefore(before));
    await inTurns(signal, () => this.#forgetRows(upTo));
    await inTurns(signal, () => this.#forgetKeys(before));
    await inTurns(signal, () => this.#forgetCursors());
    const floor = this.#log.floor();
    await this.#log.write(async ({ sql }) => {
      const checkpoints = tablesOf(sql).deleteFrom('checkpoints');
      await checkpoints.where('at', '<=', before).where('seq', '<=', floor).execute();
    });
  }

  async #lastBefore(at: number): Promise<number> {
    return (await this.#oldest.get(at))?.seq ?? 0;
  }

  /** How far of this every follower has come, or else what is older than thirty days. */
  async #takenBy(upTo: number): Promise<number> {
    const slowest = tablesOf(this.#sql.read).selectFrom('followers').select(['name', 'seq']).orderBy('seq').limit(1);
    const [held] = await this.#sql.scan(slowest.compile());
    if (held === undefined || held.seq >= upTo) return upTo;
    this.#onHeldBack({ follower: held.name, seq: held.seq });
    return Math.max(held.seq, await this.#lastBefore(this.#clock.now() - holdFor));
  }

  async #remember(): Promise<void> {
    // The head first: every row up to it is then at least as old as the checkpoint says.
    const seq = await this.#log.head();
    const at = this.#clock.now();
    await this.#log.write(async ({ sql }) => {
      const insert = tablesOf(sql).insertInto('checkpoints').values({ at, seq });
      await insert.onConflict((conflict) => conflict.column('at').doNothing()).execute();
    });
  }

  /**
   * One slice; false when nothing is left. The floor rises with it, so that no offset below is served half. What is
   * indexed behind the commit has been in its table for days.
   */
  async #forgetRows(target: number): Promise<boolean> {
    const floor = this.#log.floor();
    const upTo = Math.min(floor + slice, target);
    if (upTo <= floor) return false;
    const rows = await this.#log.rowsAfter(floor, upTo - floor);
    const keys = rows.flatMap(({ topic, peer, seq }) =>
      peer === null || peer === topic
        ? [[topic, seq]]
        : [
            [topic, seq],
            [peer, seq],
          ],
    );
    await this.#log.write(async ({ sql }) => {
      const tables = tablesOf(sql);
      await tables.deleteFrom('log').where('seq', '>', floor).where('seq', '<=', upTo).execute();
      for (let start = 0; start < keys.length; start += keysAtOnce) {
        await deleteTopicRows(sql, keys.slice(start, start + keysAtOnce));
      }
      // Last: on PostgreSQL this row's lock is the one that whoever appends waits for.
      await tables.updateTable('log_state').set({ floor: upTo }).where('floor', '<', upTo).execute();
    });
    this.#log.raiseFloor(upTo);
    return upTo < target;
  }

  async #forgetKeys(before: number): Promise<boolean> {
    const n = (await this.#oldKeys.get(before))?.n ?? null;
    if (n === null) return false;
    await this.#log.write(async ({ sql }) => {
      await tablesOf(sql).deleteFrom('write_keys').where('n', '<=', n).execute();
    });
    return true;
  }

  /**
   * A cursor below the floor says no more than the floor does, and its session is gone: sessions live no longer than
   * the log is kept. Cursors above it stay, also of sessions that have ended: the account's next one begins there.
   */
  async #forgetCursors(): Promise<boolean> {
    const floor = this.#log.floor();
    const select = tablesOf(this.#sql.read).selectFrom('session_cursors').select('session').where('seq', '<', floor);
    const found = await this.#sql.scan(select.limit(slice).compile());
    if (found.length === 0) return false;
    await this.#log.write(async ({ sql }) => {
      const tables = tablesOf(sql);
      for (const { session } of found) {
        await tables.deleteFrom('session_cursors').where('session', '=', session).where('seq', '<', floor).execute();
      }
    });
    return found.length === slice;
  }
}

/** Step after step, resting between them: cleaning up takes at most a quarter of the writer's time. */
async function inTurns(signal: AbortSignal, step: () => Promise<boolean>): Promise<void> {
  for (let more = true; more && !signal.aborted; ) {
    const began = performance.now();
    more = await step();
    if (more) await sleep(3 * (performance.now() - began));
  }
}

async function deleteTopicRows(sql: Kysely<object>, keys: readonly (readonly number[])[]): Promise<void> {
  const filled = Array.from({ length: keysAtOnce }, (_, index) => keys[index] ?? keys[0] ?? [0, 0]);
  const values = filled.map(([topic, seq]) => raw`(cast(${topic} as bigint), cast(${seq} as bigint))`);
  await raw`delete from topic_rows where (topic, seq) in (values ${raw.join(values)})`.execute(sql);
}
