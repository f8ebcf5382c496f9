import type { Kysely } from 'kysely';
import type { Sql, Statement } from '../sql/sql.ts';
import type { Log, Row, Transaction } from './log.ts';

/** Rows in one transaction: a batch of messages never waits long behind them. */
const slice = 64;
/** How long rows gather before they are taken, in milliseconds: one commit for what comes together. */
const gatherFor = 100;
/** How often it looks by itself, in milliseconds: what wakes it may be lost. */
const lookEvery = 1_000;
/**
 * How long it rests for each millisecond it worked, and at most, in milliseconds: senders come first. A busy event loop
 * is one that others use for more than this share of the rest.
 */
const restFor = 4;
const restFromBusy = 40;
const busyFrom = 0.5;
const longestRest = 150;
/** Rows of no interest that are passed over before the place is stored again. */
const passOver = 10_000;

type FollowerTables = { followers: { name: string; seq: number } };
const tablesOf = (sql: Kysely<object>): Kysely<FollowerTables> => sql.withTables<FollowerTables>();

export type FollowerOptions = {
  /** Its row in the table `followers`, for good. */
  name: string;
  sql: Sql;
  log: Log;
  /** Rows of other types are passed over. */
  types: readonly string[];
  /**
   * Takes rows, in order, in the transaction that moves the cursor. It must be able to take any row: one at which it
   * throws is offered again every second and holds up all behind it.
   */
  take: (transaction: Transaction, rows: readonly Row[]) => Promise<void>;
  onFailure: (error: unknown) => void;
};

/**
 * Walks the log behind everybody else, from a cursor that is stored with what it makes of the rows: each row is taken
 * once and in order, also after a kill, and by one node alone, because the cursor moves from where it was read or not at
 * all. It begins at the first row. Retention waits for it, up to thirty days; of what is gone from the log by then it
 * gets what segments still keep.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #types: ReadonlySet<string>;
  readonly #stored: Statement<{ seq: number }>;
  readonly #waiting = new Set<{ seq: number; tell: (reached: boolean) => void }>();
  readonly #looks: NodeJS.Timeout;
  #gathering: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  /** Somebody called while it ran, perhaps after it last looked. */
  #woken = false;
  #closed = false;
  /** What the table says. */
  #from = -1;
  /** The last row taken or passed over. */
  #cursor = 0;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.#types = new Set(options.types);
    this.#stored = options.sql.statement('SELECT seq FROM followers WHERE name = ?1');
    this.#looks = setInterval(() => this.wake(), lookEvery);
    this.#looks.unref();
  }

  /** The last row that was taken or passed over. */
  get cursor(): number {
    return this.#cursor;
  }

  /** There are new rows. */
  wake(): void {
    if (this.#closed) return;
    if (this.#running !== undefined) this.#woken = true;
    else this.#gathering ??= setTimeout(() => this.#run(), gatherFor).unref();
  }

  /** Whether it has come this far, within so many milliseconds. */
  reach(seq: number, within: number): Promise<boolean> {
    if (this.#cursor >= seq) return Promise.resolve(true);
    if (this.#closed) return Promise.resolve(false);
    this.#run();
    return new Promise((resolve) => {
      const tell = (reached: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        resolve(reached);
      };
      const waiting = { seq, tell };
      const timer = setTimeout(() => tell(false), within);
      this.#waiting.add(waiting);
    });
  }

  /** Ends with the slice under way. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#looks);
    clearTimeout(this.#gathering);
    await this.#running;
    for (const { tell } of this.#waiting) tell(false);
  }

  #run(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    if (this.#running !== undefined) this.#woken = true;
    else if (!this.#closed)
      this.#running = this.#follow()
        .catch(this.#options.onFailure)
        .finally(() => this.#rested());
  }

  #rested(): void {
    this.#running = undefined;
    if (this.#woken) this.wake();
    this.#woken = false;
  }

  async #follow(): Promise<void> {
    if (this.#from < 0) await this.#begin();
    let busy = false;
    while (!this.#closed) {
      const head = await this.#options.log.head();
      if (this.#cursor >= head) return;
      const began = performance.now();
      await this.#step(Math.min(this.#cursor + slice, head));
      this.#tellReached();
      const worked = performance.now() - began;
      const rests = this.#waiting.size > 0 ? 1 : busy ? restFromBusy : restFor;
      const before = performance.eventLoopUtilization();
      await rest(Math.min(longestRest, rests * worked));
      busy = performance.eventLoopUtilization(before).utilization > busyFrom;
    }
  }

  async #begin(): Promise<void> {
    const { log, name } = this.#options;
    const stored = await this.#stored.get(name);
    if (stored === undefined) {
      await log.write(async ({ sql }) => {
        const insert = tablesOf(sql).insertInto('followers').values({ name, seq: 0 });
        await insert.onConflict((conflict) => conflict.column('name').doNothing()).execute();
      });
    }
    this.#from = stored?.seq ?? 0;
    this.#cursor = this.#from;
    this.#tellReached();
  }

  async #step(upTo: number): Promise<void> {
    const { log } = this.#options;
    const rows = (await log.rowsAfter(this.#cursor, upTo - this.#cursor)).filter(({ type }) => this.#types.has(type));
    if (rows.length > 0 || upTo - this.#from > passOver) {
      const moved = await log.write((transaction) => this.#take(transaction, rows, upTo), { bookkeeping: true });
      if (!moved) {
        this.#from = -1;
        await this.#begin();
        return;
      }
      this.#from = upTo;
    }
    this.#cursor = upTo;
  }

  /** False, and nothing is done, when another has moved the cursor. */
  async #take(transaction: Transaction, rows: readonly Row[], upTo: number): Promise<boolean> {
    const update = tablesOf(transaction.sql).updateTable('followers').set({ seq: upTo });
    const moved = await update
      .where('name', '=', this.#options.name)
      .where('seq', '=', this.#from)
      .returning('seq')
      .execute();
    if (moved.length === 0) return false;
    if (rows.length > 0) await this.#options.take(transaction, rows);
    return true;
  }

  #tellReached(): void {
    for (const waiting of this.#waiting) {
      if (waiting.seq <= this.#cursor) waiting.tell(true);
    }
  }
}

const rest = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));
