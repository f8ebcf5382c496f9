import type { Kysely } from 'kysely';

/**
 * Somebody begins or ceases to read a topic, from exactly this row on. Or the topic ends: whoever reads it reads this row
 * and none before it any more, however long ago that was; who had left it reads nothing of it.
 */
export type Move =
  | Readonly<{ account: number; topic: number; kind: 'enter' | 'leave' }>
  | Readonly<{ topic: number; kind: 'end' }>;

/**
 * One row of the log. `seq` is the only order there is. A row about two parties (a direct message) has a second topic,
 * `peer`, so that it is one row all the same. `body` is what readers of the topic may know.
 */
export type Row = Readonly<{
  seq: number;
  topic: number;
  peer: number | null;
  type: string;
  body: unknown;
  moves: readonly Move[] | null;
  /** About how many bytes the body takes in memory. */
  size: number;
  /** Milliseconds since 1970; for people, never for order. */
  at: number;
  /** The number of the row whose body this one shows again, as that is now: it changes and goes with it. */
  about?: number;
  /** With `about`: the body is this row's own, and is gone when that one's is. */
  own?: boolean;
  /** The body is not what was written under this number: it is for those who read the topic now. */
  revised?: boolean;
}>;

/**
 * A row that has no number yet. `payload` must be JSON. With `about`, the number of an earlier row, the payload is what
 * that row's body has become: it is shown to those who are live, and stored there only. With `own` too, the payload is
 * something else that is said of that row, stored with this one and gone when that one is emptied.
 */
export type NewRow = Readonly<{
  topic: number;
  peer?: number;
  type: string;
  payload: unknown;
  moves?: readonly Move[];
  about?: number;
  own?: boolean;
}>;

/** What a function may do inside a transaction. It may await `sql` and nothing else. */
export interface Transaction {
  /** Statements inside this transaction; it sees its own writes. Dead once the transaction has ended. */
  readonly sql: Kysely<object>;
  /** Writes a row at the end of the transaction; it gets its number there, and is announced after the commit. */
  append(row: NewRow): void;
  /**
   * Takes the end of the log now and not only at the first row: until the commit nobody else appends. For an act whose
   * rows other appenders change too, as the first thing it does: whoever waits for the log holds nothing yet.
   */
  takeTurn(): Promise<void>;
}

/**
 * Rows of one type that their module keeps in a table of its own, under their `seq`: a message is its row of the log, so
 * content lies in one place, edits and deletions need no second write, and a batch dirties half the pages. A row whose
 * content is gone keeps its number and has `body: null`: a row that a segment leaves out is a hole in the log, at which
 * live delivery stops for everybody and says so, and which a replay passes over.
 */
export interface Segment {
  readonly type: string;
  /** Rows with `after < seq <= upTo`, in any order. */
  rowsBetween(after: number, upTo: number): Promise<Row[]>;
  /** Those of these numbers that are of this segment. */
  rowsAt(seqs: readonly number[]): Promise<Row[]>;
}

/** A topic and the closed interval of `seq` in which somebody may read it; `to` null: still open. */
export type Interval = Readonly<{ topic: number; from: number; to: number | null }>;

/**
 * The event log, and with it the only way to write. Promises, for every implementation:
 * - `seq` has no gaps, never repeats, and a row becomes visible only after every lower one;
 * - a promise of `write` is fulfilled, and `committed` called, only after COMMIT has returned; a COMMIT that fails
 *   rejects every caller of its batch and nothing of it is visible;
 * - `committed` gets the rows of one commit in order, before the callers of that commit continue;
 * - an act that throws leaves nothing behind and disturbs no other in its batch.
 */
export interface Log {
  readonly epoch: string;
  /** The highest visible `seq`. */
  head(): Promise<number>;
  /** The highest `seq` that retention has taken away; 0 when none. A cursor below it cannot be served. Kept in memory. */
  floor(): number;
  /** Retention has taken away everything up to here, and has committed it. */
  raiseFloor(seq: number): void;
  /**
   * `bookkeeping`: the act touches nothing that anybody looks at to decide whether a write is allowed. On PostgreSQL, where
   * others write too, the database itself counts what does.
   */
  write<Result>(act: (transaction: Transaction) => Promise<Result>, how?: { bookkeeping: true }): Promise<Result>;
  /** Adds rows that a module keeps itself. Before `start`. */
  addSegment(segment: Segment): void;
  /** Once, when all segments are known and before anything is written or read: finishes what a killed server left. */
  start(): Promise<void>;
  /** Rows by number, in order, from `after` (exclusive) on. */
  rowsAfter(after: number, limit: number): Promise<Row[]>;
  /** Rows of these topics with `after < seq <= upTo`, in order, each once. */
  page(intervals: readonly Interval[], range: { after: number; upTo: number; limit: number }): Promise<Row[]>;
  /** The numbers of the rows that `page` would find, in order. */
  numbers(intervals: readonly Interval[], range: { after: number; upTo: number; limit: number }): Promise<number[]>;
  /** How many rows `page` would find, counted up to `limit`. */
  count(intervals: readonly Interval[], range: { after: number; limit: number }): Promise<number>;
  /** Every interval of an account that reaches past the cursor, its own topic included. */
  intervals(account: number, after: number): Promise<Interval[]>;
  /** Called with the rows of each commit of this process. One listener: the bus. */
  committed: (rows: readonly Row[]) => void;
  /** Fulfilled at a moment at which nothing waits for its commit; more may come. */
  settled(): Promise<void>;
  close(): Promise<void>;
}
