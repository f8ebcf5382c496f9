import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { sql as expression } from 'kysely';
import pg from 'pg';
import { createDatabase, dropDatabase, serverUrl } from '../../../test/support/database.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { openWay } from '../../../test/support/way.ts';
import { type Line, PostgresSql } from './sql.postgres.ts';
import { ConnectionLost } from './sql.ts';

const options = { skip: serverUrl === undefined ? 'needs PostgreSQL' : false };

/** An empty database, a way to it, and a client beside it. */
async function open(t: TestContext) {
  assert.ok(serverUrl !== undefined);
  const server = serverUrl;
  const url = await createDatabase(server);
  const beside = new pg.Client({ connectionString: url });
  await beside.connect();
  const way = await openWay(t, url);
  const sql = new PostgresSql({ url: way.url, answerWithin: 300 });
  t.after(async () => {
    await sql.close();
    await beside.end();
    await dropDatabase(server, url);
  });
  return { url, beside, way, sql, line: sql.line() };
}

/** Every way in which a statement is run. */
const every = ({ sql, line }: { sql: PostgresSql; line: Line }): Promise<unknown>[] => [
  sql.statement('SELECT 1 AS one').all(),
  sql.scan(expression`select 1 as one`.compile(sql.read)),
  line.query({ text: 'SELECT 1 AS one' }),
  sql.read.transaction().execute((transaction) => expression`select 1`.execute(transaction)),
  sql.ping(),
];

const assertLost = (asked: readonly Promise<unknown>[]): Promise<unknown> =>
  Promise.all(asked.map((one) => assert.rejects(one, ConnectionLost)));

test('postgres: a database that is away refuses UNAVAILABLE, and is used again when it is back', options, async (t) => {
  const { way, ...database } = await open(t);
  await Promise.all(every(database));
  way.cut();
  await assertLost(every(database));
  assert.equal(await codeOf(database.sql.ping()), 'UNAVAILABLE');
  way.mend();
  await Promise.all(every(database));
});

test('postgres: a host that falls silent is given up in time, with its connections', options, async (t) => {
  const { way, ...database } = await open(t);
  await Promise.all(every(database));
  way.silence();
  await assertLost(every(database));
  way.mend();
  await Promise.all(every(database));
});

test(
  'postgres: a connection that ends in a transaction, and a lock that does not come, refuse UNAVAILABLE',
  options,
  async (t) => {
    const { sql, beside, url } = await open(t);
    await beside.query('CREATE TABLE held (n bigint)');
    const patient = new PostgresSql({ url });
    t.after(() => patient.close());
    const ended = sql.read.transaction().execute(async (transaction) => {
      const { rows } = await expression<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction);
      await beside.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
      await expression`select 1`.execute(transaction);
    });
    await assert.rejects(ended, ConnectionLost);
    await beside.query('BEGIN; LOCK TABLE held');
    const waiting = patient.statement('SELECT n FROM held').all();
    assert.equal(await codeOf(waiting), 'UNAVAILABLE');
    await assert.rejects(patient.statement('SELECT n FROM nowhere').all(), /nowhere/);
  },
);

test('postgres: a line’s statements run in the order in which they were given, one at a time', options, async (t) => {
  const { line, beside } = await open(t);
  await beside.query('CREATE TABLE given (at bigint GENERATED ALWAYS AS IDENTITY, n bigint)');
  const warnings: string[] = [];
  const hear = ({ message }: Error): void => void warnings.push(message);
  process.on('warning', hear);
  t.after(() => process.off('warning', hear));
  const insert = (n: number) => line.query({ text: 'INSERT INTO given (n) VALUES ($1) RETURNING n', values: [n] });
  const ended: unknown[] = [];
  const first = Array.from({ length: 20 }, (_, n) => insert(n).then(([row]) => ended.push(row)));
  const wrong = assert.rejects(line.query({ text: 'SELECT nothing FROM nowhere' }), /nowhere/);
  // A statement that comes while others wait, just when one ends, goes behind them.
  const more = first.map((one, n) => one.then(() => insert(100 + n)));
  await Promise.all([...first, wrong, ...more]);
  const expected = Array.from({ length: 20 }, (_, n) => n);
  assert.deepEqual(
    ended,
    expected.map((n) => ({ n })),
  );
  const { rows } = await beside.query<{ n: string }>('SELECT n FROM given ORDER BY at');
  assert.deepEqual(
    rows.map(({ n }) => Number(n)),
    [...expected, ...expected.map((n) => 100 + n)],
  );
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(warnings, []);
});

test(
  'postgres: what waits on a line whose connection breaks is lost with it, and nothing overtakes',
  options,
  async (t) => {
    const { line, beside } = await open(t);
    const [own] = await line.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' });
    const asked = [
      line.query({ text: 'SELECT pg_sleep(0.2)' }),
      line.query({ text: 'SELECT 1' }),
      line.query({ text: 'SELECT 2' }),
    ];
    const lost = assertLost(asked);
    await beside.query('SELECT pg_terminate_backend($1)', [own?.pid]);
    await lost;
    const [next] = await line.query<{ pid: number }>({ text: 'SELECT pg_backend_pid() AS pid' });
    assert.notEqual(next?.pid, own?.pid);
  },
);

test('postgres: a migration takes as long as it takes', options, async (t) => {
  const { sql } = await open(t);
  await sql.migrate({ '2030-1': { up: async (db) => void (await expression`select pg_sleep(0.5)`.execute(db)) } });
});

const holders = `SELECT pid, objid AS key FROM pg_locks JOIN pg_database ON pg_database.oid = database
  WHERE locktype = 'advisory' AND granted AND datname = current_database()`;

/** The process in the database that holds it for a server, once that is another than `not`. */
async function holderOf(beside: pg.Client, not = 0): Promise<number> {
  for (const until = Date.now() + 5_000; Date.now() < until; ) {
    const { rows } = await beside.query<{ pid: number }>(holders);
    const pid = rows[0]?.pid;
    if (pid !== undefined && pid !== not) return pid;
  }
  throw new Error('nobody holds the database');
}

test('postgres: a server whose holding connection breaks takes the database again', options, async (t) => {
  const { sql, beside, way } = await open(t);
  let lost = false;
  void sql.lost.then(() => {
    lost = true;
  });
  assert.equal(await sql.claim(), true);
  const first = await holderOf(beside);
  await beside.query('SELECT pg_terminate_backend($1)', [first]);
  const second = await holderOf(beside, first);
  way.cut();
  way.mend();
  await holderOf(beside, second);
  assert.equal(lost, false);
});

test('postgres: a server that finds its database taken by another says so', options, async (t) => {
  const { sql, beside, url } = await open(t);
  assert.equal(await sql.claim(), true);
  const { rows } = await beside.query<{ pid: number; key: number }>(holders);
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  const taken = beside.query('SELECT pg_advisory_lock($1)', [rows[0]?.key]);
  await other.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await other.end();
  await taken;
  await sql.lost;
});
