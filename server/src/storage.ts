import { jobMigrations } from './infra/jobs/migrations.ts';
import { PostgresLog } from './infra/log/log.postgres.ts';
import { SqliteLog } from './infra/log/log.sqlite.ts';
import type { Log } from './infra/log/log.ts';
import { logMigrations } from './infra/log/migrations.ts';
import { PostgresSql } from './infra/sql/sql.postgres.ts';
import { type SqliteOptions, SqliteSql } from './infra/sql/sql.sqlite.ts';
import type { Engine, Migrations, Sql } from './infra/sql/sql.ts';
import type { Clock } from './kernel/clock.ts';
import { callMigrations } from './modules/calls/index.ts';
import { groupMigrations } from './modules/groups/index.ts';
import { identityMigrations } from './modules/identity/index.ts';
import { meetingMigrations } from './modules/meetings/index.ts';
import {
  type MessageStore,
  messagingMigrations,
  PostgresMessageStore,
  SqliteMessageStore,
} from './modules/messaging/index.ts';
import { presenceMigrations } from './modules/presence/index.ts';
import { pushMigrations } from './modules/push/index.ts';
import { searchMigrations } from './modules/search/index.ts';

/** The database, the log over it, and what of the modules differs by engine. */
export type Storage = Readonly<{ sql: Sql; log: Log; messageStore: MessageStore }>;

/** Every table of the program, in the order in which they are made. */
export const everyMigration = (engine: Engine): Migrations => ({
  ...logMigrations(engine),
  ...identityMigrations(engine),
  ...groupMigrations(engine),
  ...messagingMigrations(engine),
  ...presenceMigrations(engine),
  ...callMigrations(engine),
  ...meetingMigrations(engine),
  ...searchMigrations(engine),
  ...pushMigrations(engine),
  ...jobMigrations(engine),
});

export type StorageOptions = { databaseUrl: string | undefined; file: string; clock: Clock };

/** Another server, or a command, holds the database. */
class DatabaseInUse extends Error {
  override name = 'DatabaseInUse';

  constructor() {
    super(
      'another server or command uses it. Stop it first, or give the command the DATA_DIR of that server: several servers on one database need a bus between them, which this version does not have yet',
    );
  }
}

/**
 * Opens the database, PostgreSQL where a URL is given, takes it for this process and brings its tables up to date.
 * Throws `DatabaseInUse` before it has changed anything.
 */
export function openStorage({ databaseUrl, file, clock }: StorageOptions): Promise<Storage> {
  return databaseUrl === undefined ? openSqlite({ path: file }, clock) : openPostgres(databaseUrl, clock);
}

export async function openSqlite(options: SqliteOptions, clock: Clock): Promise<Storage> {
  const sql = new SqliteSql(options);
  await sql.migrate(everyMigration('sqlite'));
  const log = new SqliteLog(sql, clock.now);
  return { sql, log, messageStore: new SqliteMessageStore(sql, log) };
}

async function openPostgres(url: string, clock: Clock): Promise<Storage> {
  const sql = new PostgresSql({ url });
  try {
    await sql.assertDurable();
    // First: an older server may still run on the tables as they are.
    if (!(await sql.claim())) throw new DatabaseInUse();
    await sql.migrate(everyMigration('postgres'));
    const log = await PostgresLog.open(sql, clock.now);
    return { sql, log, messageStore: new PostgresMessageStore(sql, log) };
  } catch (error) {
    await sql.close().catch(() => {});
    throw error;
  }
}
