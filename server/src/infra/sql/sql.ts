import type { CompiledQuery, Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';

export type Engine = 'sqlite' | 'postgres';

/** A value that may stand in a statement. A date is milliseconds, a boolean 0 or 1, an id 16 bytes. */
export type SqlValue = string | number | null | Uint8Array;

/** A statement compiled once, for reads that run for every request or message. */
export interface Statement<Row> {
  get(...values: SqlValue[]): Promise<Row | undefined>;
  all(...values: SqlValue[]): Promise<Row[]>;
}

/** Migrations of all modules, by a name that sorts in the order in which they are applied. */
export type Migrations = Readonly<Record<string, Migration>>;

/**
 * The database. Promises, for every implementation:
 * - `read`, `statement` and `scan` see committed rows only, never what a transaction under way has written;
 * - what is written goes through `infra/log`, which owns the only writing connection (SQLite) or opens
 *   transactions from the pool (PostgreSQL); nothing else writes;
 * - 64-bit integers come as numbers and must stay below 2^53, blobs as `Uint8Array`.
 */
export interface Sql {
  readonly engine: Engine;
  /** Queries by key. On SQLite they run on the event loop: their cost must not grow with the data. */
  readonly read: Kysely<object>;
  /** `text` in SQLite's spelling with numbered parameters (`?1`), which both engines are given in their own. */
  statement<Row>(text: string): Statement<Row>;
  /**
   * Lists, searches and counts: on SQLite in a thread with a connection of its own.
   * Refuses with UNAVAILABLE after two seconds, or when too many wait.
   */
  scan<Row>(query: CompiledQuery<Row>): Promise<Row[]>;
  /** The texts of all statements asked for so far; their plans are checked. */
  readonly statementTexts: ReadonlySet<string>;
  /** Applies what is missing, in the order of the names, before anything else runs. */
  migrate(migrations: Migrations): Promise<void>;
  /**
   * Holds the database for this process as its one server, until `close` or the process's end. False when another
   * server holds it and has not let go within a few seconds.
   */
  claim(): Promise<boolean>;
  /** Answers when the database does; rejects otherwise. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** How long a scan may take, in milliseconds. */
export const scanTimeout = 2_000;
