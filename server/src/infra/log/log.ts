import type { Kysely } from 'kysely';

/** Somebody begins or ceases to read a topic, from exactly this row on. */
export type Move = Readonly<{ account: number; topic: number; kind: 'enter' | 'leave' }>;

/**
 * One row of the log. `seq` is the only order there is. A row about two parties (a direct message) has a second topic,
 * `peer`, so that it is one row all the same. `body` is what readers of the topic may know: the payload, or, for a
 * pointer row, what the owning module loads by `seq`.
 */
export type Row = Readonly<{
  seq: number;
  topic: number;
  peer: number | null;
  type: string;
  body: unknown;
  moves: readonly Move[] | null;
  /** Milliseconds since 1970; for people, never for order. */
  at: number;
}>;

/** A row that has no number yet. `payload` must be JSON. */
export type NewRow = Readonly<{
  topic: number;
  peer?: number;
  type: string;
  payload: unknown;
  moves?: readonly Move[];
}>;

/** What a function may do inside a transaction. It may await `sql` and nothing else. */
export interface Transaction {
  /** Statements inside this transaction; it sees its own writes. Dead once the transaction has ended. */
  readonly sql: Kysely<object>;
  /** Writes a row at the end of the transaction; it gets its number there, and is announced after the commit. */
  append(row: NewRow): void;
}

/** Loads what pointer rows of one type point to; a row that is missing from the answer has an empty body. */
export type LoadBodies = (seqs: readonly number[]) => Promise<Map<number, unknown>>;

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
  /** The highest `seq` that retention has taken away; 0 when none. A cursor below it cannot be served. */
  floor(): Promise<number>;
  write<Result>(act: (transaction: Transaction) => Promise<Result>): Promise<Result>;
  /** Says how to load the bodies of pointer rows of this type. */
  pointer(type: string, load: LoadBodies): void;
  /** Rows by number, in order, from `after` (exclusive) on. */
  rowsAfter(after: number, limit: number): Promise<Row[]>;
  /** Rows of these topics with `after < seq <= upTo`, in order, each once. */
  page(intervals: readonly Interval[], range: { after: number; upTo: number; limit: number }): Promise<Row[]>;
  /** How many rows `page` would find, counted up to `limit`. */
  count(intervals: readonly Interval[], range: { after: number; limit: number }): Promise<number>;
  /** Every interval of an account that reaches past the cursor, its own topic included. */
  intervals(account: number, after: number): Promise<Interval[]>;
  /** Called with the rows of each commit of this process. One listener: the bus. */
  committed: (rows: readonly Row[]) => void;
  close(): Promise<void>;
}
