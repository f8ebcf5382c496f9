import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import pg from 'pg';
import { PostgresSql } from '../src/infra/sql/sql.postgres.ts';
import { createDatabase, dropDatabase, serverUrl } from './support/database.ts';
import { runProgram, startServer, testFolder } from './support/process.ts';

const options = { skip: serverUrl === undefined ? 'a second server on SQLite is refused by its data folder' : false };

/** An empty database, and a client beside whoever uses it. */
async function emptyDatabase(t: TestContext) {
  assert.ok(serverUrl !== undefined);
  const server = serverUrl;
  const url = await createDatabase(server);
  const beside = new pg.Client({ connectionString: url });
  await beside.connect();
  t.after(async () => {
    await beside.end();
    await dropDatabase(server, url);
  });
  return { url, beside };
}

test('one server holds a PostgreSQL database; another is refused until it lets go', options, async (t) => {
  const { url } = await emptyDatabase(t);
  const first = new PostgresSql({ url });
  const second = new PostgresSql({ url });
  t.after(() => second.close());
  assert.equal(await first.claim(), true);
  assert.equal(await second.claim(), false);
  const waiting = second.claim();
  await first.close();
  assert.equal(await waiting, true);
});

test('who is refused a PostgreSQL database, a server or a command, has changed nothing in it', options, async (t) => {
  const { url, beside } = await emptyDatabase(t);
  const holder = new PostgresSql({ url });
  t.after(() => holder.close());
  assert.equal(await holder.claim(), true);
  const env = { DATABASE_URL: url };
  const refused = await Promise.all([
    runProgram(t, ['serve'], { folder: testFolder(t), env }),
    runProgram(t, ['log', 'renew-epoch'], { folder: testFolder(t), env }),
  ]);
  for (const { code, err } of refused) {
    assert.equal(code, 1);
    assert.match(err, /^The database rendezvous_test_\w+ at \S+ cannot be used: another server or command uses it\. /);
  }
  const { rows } = await beside.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'");
  assert.deepEqual(rows, []);
});

test('a server that loses its PostgreSQL database to another says so, drains and ends', options, async (t) => {
  const { url, beside } = await emptyDatabase(t);
  const server = await startServer(t, { folder: testFolder(t), env: { DATABASE_URL: url } });
  const { rows } = await beside.query<{ pid: number; key: number }>(`SELECT pid, objid AS key FROM pg_locks
    JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND datname = current_database()`);
  const killer = new pg.Client({ connectionString: url });
  await killer.connect();
  const taken = beside.query('SELECT pg_advisory_lock($1)', [rows[0]?.key]);
  await killer.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await killer.end();
  await taken;
  const { code, err, out } = await server.ended;
  assert.equal(code, 1);
  assert.match(err, /another server has taken it: this one ends\.\n$/);
  assert.match(out, /Ended\.\n$/);
});
