import { DatabaseSync } from 'node:sqlite';
import { type CompiledQuery, Kysely } from 'kysely';
import { applyMigrations } from './migrations.ts';
import { ScanThreads } from './scan.ts';
import type { Migrations, Sql, SqlValue, Statement } from './sql.ts';
import { sqliteDialect } from './sqlite.dialect.ts';

/** `synchronous` is a parameter so that the power-cut run can show what a weaker one loses. */
export type SqliteOptions = { path: string; synchronous?: 'FULL' | 'NORMAL' };

/**
 * One database file. Two connections on the event loop: `writer`, which `infra/log` alone uses, and one for reads by
 * key, so that nobody sees rows that a COMMIT may still refuse. Each thread for scans has one of its own.
 */
export class SqliteSql implements Sql {
  readonly engine = 'sqlite';
  readonly writer: DatabaseSync;
  readonly write: Kysely<object>;
  readonly read: Kysely<object>;
  readonly statementTexts = new Set<string>();
  /** Never: the lock of the data folder, in which the file lies, is the process's own until it ends. */
  readonly lost = new Promise<void>(() => {});
  readonly #reader: DatabaseSync;
  readonly #scans: ScanThreads;

  constructor({ path, synchronous = 'FULL' }: SqliteOptions) {
    this.writer = new DatabaseSync(path, { timeout: 5_000 });
    this.writer.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${synchronous};
      PRAGMA wal_autocheckpoint = 1000;
      PRAGMA cache_size = -65536;
      PRAGMA foreign_keys = ON;
    `);
    this.#reader = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    this.#reader.exec('PRAGMA cache_size = -32768');
    this.write = new Kysely({ dialect: sqliteDialect(this.writer) });
    this.read = new Kysely({ dialect: sqliteDialect(this.#reader) });
    this.#scans = new ScanThreads(path);
  }

  statement<Row>(text: string): Statement<Row> {
    this.statementTexts.add(text);
    const prepared = this.#reader.prepare(text);
    return {
      get: async (...values: SqlValue[]) => prepared.get(...values) as Row | undefined,
      all: async (...values: SqlValue[]) => prepared.all(...values) as Row[],
    };
  }

  async scan<Row>(query: CompiledQuery<Row>): Promise<Row[]> {
    return (await this.#scans.run(query)) as Row[];
  }

  async migrate(migrations: Migrations): Promise<void> {
    await applyMigrations(this.write, migrations);
  }

  async ping(): Promise<void> {
    this.#reader.exec('SELECT 1');
  }

  async close(): Promise<void> {
    await this.#scans.close();
    this.#reader.close();
    this.writer.close();
  }
}
