import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import pg from 'pg';
import { PostgresLog } from '../../src/infra/log/log.postgres.ts';
import { SqliteLog } from '../../src/infra/log/log.sqlite.ts';
import type { Log } from '../../src/infra/log/log.ts';
import { logMigrations } from '../../src/infra/log/migrations.ts';
import { PostgresSql } from '../../src/infra/sql/sql.postgres.ts';
import { SqliteSql } from '../../src/infra/sql/sql.sqlite.ts';
import type { Engine, Migrations, Sql } from '../../src/infra/sql/sql.ts';

type MigrationsOf = (engine: Engine) => Migrations;
type Options = { migrations?: readonly MigrationsOf[]; now?: () => number };

/** Where the suite runs on PostgreSQL; without it, on SQLite. */
export const serverUrl = process.env['DATABASE_URL'] === '' ? undefined : process.env['DATABASE_URL'];

export const engine: Engine = serverUrl === undefined ? 'sqlite' : 'postgres';

export type TestDatabase = {
  sql: Sql;
  log: Log;
  /** The same database opened once more, as by another node. */
  again: () => Promise<{ sql: Sql; log: Log }>;
  /** The database as a killed server leaves it: what lay in that server's memory only is gone. */
  afterKill: () => Promise<{ sql: Sql; log: Log }>;
};

/** An empty database with the log and these modules' tables, gone after the test: PostgreSQL when DATABASE_URL is set. */
export async function openTestDatabase(
  t: Pick<TestContext, 'after'>,
  { migrations = [], now = Date.now }: Options = {},
): Promise<TestDatabase> {
  const place = await placeOf();
  const opened: { sql: Sql; log: Log }[] = [];
  t.after(async () => {
    for (const { sql, log } of opened.reverse()) await close(log, sql);
    await place.remove();
  });
  const reopen = async (killed: boolean) => {
    const all = Object.assign({}, ...[logMigrations, ...migrations].map((of) => of(engine)));
    const found = await place.open(all, { now, killed });
    opened.push(found);
    return found;
  };
  return { ...(await reopen(false)), again: () => reopen(false), afterKill: () => reopen(true) };
}

type Place = {
  open: (migrations: Migrations, how: { now: () => number; killed: boolean }) => Promise<{ sql: Sql; log: Log }>;
  remove: () => Promise<void>;
};

async function placeOf(): Promise<Place> {
  if (serverUrl !== undefined) {
    const url = await createDatabase(serverUrl);
    return {
      open: async (migrations, { now }) => {
        const sql = new PostgresSql({ url });
        await sql.migrate(migrations);
        return { sql, log: await PostgresLog.open(sql, now) };
      },
      remove: () => dropDatabase(serverUrl, url),
    };
  }
  const folder = await mkdtemp(join(tmpdir(), 'rendezvous-test-'));
  return {
    open: async (migrations, { now, killed }) => {
      const path = join(folder, killed ? 'killed.db' : 'test.db');
      if (killed) for (const part of ['', '-wal']) await copyFile(join(folder, `test.db${part}`), `${path}${part}`);
      const sql = new SqliteSql({ path });
      await sql.migrate(migrations);
      return { sql, log: new SqliteLog(sql, now) };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function close(log: Log, sql: Sql): Promise<void> {
  await log.close();
  await sql.close();
}

/** The URL of a new database on this server. */
export async function createDatabase(server: string): Promise<string> {
  const name = `rendezvous_test_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  await administer(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

/** With force, whether its connections are closed by then or not. */
export async function dropDatabase(server: string, url: string): Promise<void> {
  await administer(server, `DROP DATABASE IF EXISTS ${new URL(url).pathname.slice(1)} WITH (FORCE)`);
}

async function administer(server: string, statement: string): Promise<void> {
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  await admin.query(statement);
  await admin.end();
}
