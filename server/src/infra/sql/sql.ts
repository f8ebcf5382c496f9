import type { CompiledQuery, Kysely } from 'kysely';
import type { Migration } from 'kysely/migration';
import { commonErrors, Refusal } from '../../kernel/errors.ts';

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

/** The connection broke, or the database fell silent: whether the statement was carried out is not known. */
export class ConnectionLost extends Refusal {
  constructor(cause: unknown) {
    super(commonErrors.UNAVAILABLE, { cause });
  }
}

/**
 * The database. Promises, for every implementation:
 * - `read`, `statement` and `scan` see committed rows only, never what a transaction under way has written;
 * - what is written goes through `infra/log`, which owns the only writing connection (SQLite) or opens
 *   transactions from the pool (PostgreSQL, where the message store writes its sets over `sql.line()`, handed to it by
 *   the log's `batch`); nothing else writes;
 * - 64-bit integers come as numbers and must stay below 2^53, blobs as `Uint8Array`;
 * - nothing waits without bound: a database that is away or too busy refuses with UNAVAILABLE.
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
  /** Fulfilled when another server has taken the database, which was this process's own: it must end. */
  readonly lost: Promise<void>;
  /** Answers when the database does; rejects otherwise. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** PostgreSQL's unique_violation, and SQLite's SQLITE_CONSTRAINT_UNIQUE. */
const duplicateCodes: readonly unknown[] = ['23505', 2067];

/** Whether a statement failed because what must be unique is there already. On PostgreSQL its transaction is over. */
export const isDuplicate = (error: unknown): boolean =>
  error instanceof Error &&
  (('code' in error && duplicateCodes.includes(error.code)) ||
    ('errcode' in error && duplicateCodes.includes(error.errcode)));

/** How long a scan may take, in milliseconds. */
export const scanTimeout = 2_000;
