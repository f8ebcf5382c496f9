import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { sql as expression, type Kysely } from 'kysely';
import pg from 'pg';
import { engine, openTestDatabase } from '../../../test/support/database.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { PostgresSql } from './sql.postgres.ts';
import { SqliteSql } from './sql.sqlite.ts';
import type { Migrations, Sql } from './sql.ts';

const things = (): Migrations => ({
  '2026-01-01-things': {
    async up(db: Kysely<unknown>) {
      const bytes = engine === 'sqlite' ? expression`blob` : expression`bytea`;
      await expression`create table things (n bigint primary key, name text, data ${bytes})`.execute(db);
    },
  },
});

type Thing = { n: number; name: string | null; data: Uint8Array | null };
type Tables = { things: { n: number | Date; name: string | null | undefined; data: Uint8Array | null } };

const open = async (t: TestContext) => openTestDatabase(t, { migrations: [things] });
const all = async (sql: Sql) => plain(await sql.statement<Thing>('SELECT n, name, data FROM things ORDER BY n').all());
/** SQLite's rows have no prototype. */
const plain = <Row extends object>(rows: readonly Row[]): Row[] => rows.map((row) => ({ ...row }));

test(`${engine}: a migration runs once, in the order of the names; a failure leaves the database as it was`, async (t) => {
  const { sql } = await openTestDatabase(t);
  const ran: string[] = [];
  const making = (name: string, statement: string) => ({
    async up(db: Kysely<unknown>) {
      ran.push(name);
      await expression.raw(statement).execute(db);
    },
  });
  const first = {
    '2030-2': making('2', 'insert into t values (1)'),
    '2030-1': making('1', 'create table t (a bigint)'),
  };
  await sql.migrate({ ...(await known(sql)), ...first });
  await sql.migrate({ ...(await known(sql)), ...first });
  assert.deepEqual(ran, ['1', '2']);
  const broken = {
    '2030-3': making('3', 'create table u (a bigint)'),
    '2030-4': making('4', 'insert into nowhere values (1)'),
  };
  await assert.rejects(sql.migrate({ ...(await known(sql)), ...first, ...broken }), /could not be brought up to date/);
  assert.deepEqual(plain(await sql.statement<object>('SELECT a FROM t').all()), [{ a: 1 }]);
  await assert.rejects(async () => sql.statement('SELECT a FROM u').all());
});

test(`${engine}: a migration that sorts before one that has run is applied all the same`, async (t) => {
  const { sql } = await openTestDatabase(t);
  const making = (table: string) => ({
    up: (db: Kysely<unknown>) =>
      expression
        .raw(`create table ${table} (a bigint)`)
        .execute(db)
        .then(() => {}),
  });
  const later = { '2030-5': making('later') };
  await sql.migrate({ ...(await known(sql)), ...later });
  await sql.migrate({ ...(await known(sql)), ...later, '2030-4': making('earlier') });
  assert.deepEqual(await sql.statement('SELECT a FROM earlier').all(), []);
});

/** Kysely wants every migration that has run to be among those it is given. */
async function known(sql: Sql): Promise<Migrations> {
  const rows = await sql.statement<{ name: string }>('SELECT name FROM kysely_migration').all();
  return Object.fromEntries(rows.filter(({ name }) => name < '2030').map(({ name }) => [name, { up: async () => {} }]));
}

test(`${engine}: what goes in comes out: numbers to 2^53, bytes, text to the letter, null`, async (t) => {
  const { sql, log } = await open(t);
  const bytes = Uint8Array.from([0, 255, 10, 0]);
  const texts = [
    '',
    ' spaces  ',
    'caf\u00e9',
    'cafe\u0301',
    'Ä',
    'ä',
    '👩‍👩‍👧 \u{1F680}',
    'quote \' " \\ ; --',
    'NULL',
    '1e3',
  ];
  await log.write(async (transaction) => {
    const db = transaction.sql.withTables<Tables>();
    for (const [n, name] of texts.entries()) await db.insertInto('things').values({ n, name, data: bytes }).execute();
    await db.insertInto('things').values({ n: Number.MAX_SAFE_INTEGER, name: null, data: null }).execute();
    await db.insertInto('things').values({ n: -Number.MAX_SAFE_INTEGER, name: undefined, data: null }).execute();
  });
  const [lowest, ...rows] = await all(sql);
  assert.deepEqual(lowest, { n: -Number.MAX_SAFE_INTEGER, name: null, data: null });
  assert.deepEqual(rows.pop(), { n: Number.MAX_SAFE_INTEGER, name: null, data: null });
  assert.deepEqual(
    rows.map(({ name }) => name),
    texts,
  );
  for (const { data } of rows) {
    assert.ok(data instanceof Uint8Array);
    assert.deepEqual([...data], [...bytes]);
  }
  const byName = sql.statement<{ n: number }>('SELECT n FROM things WHERE name = ?1');
  assert.deepEqual(plain(await byName.all('caf\u00e9')), [{ n: 2 }], 'composed and decomposed letters are different');
  assert.deepEqual(plain(await byName.all('ä')), [{ n: 5 }], 'so are upper and lower case');
  assert.deepEqual(plain(await byName.all(' spaces ')), [], 'and spaces count');
  assert.deepEqual(plain(await byName.all('')), [{ n: 0 }], 'the empty text is not null');
  const [count] = await sql
    .statement<{ count: number; highest: number }>('SELECT count(*) AS count, max(n) AS highest FROM things')
    .all();
  assert.deepEqual({ ...count }, { count: 12, highest: Number.MAX_SAFE_INTEGER });
});

test(`${engine}: a Date is refused, never stored as something else`, async (t) => {
  const { sql, log } = await open(t);
  const insert = log.write(async (transaction) => {
    const db = transaction.sql.withTables<Tables>();
    await db
      .insertInto('things')
      .values({ n: new Date(0), name: null, data: null })
      .execute();
  });
  await assert.rejects(insert);
  assert.deepEqual(await all(sql), []);
});

test(`${engine}: a statement takes its parameters by number, in any order and more than once`, async (t) => {
  const { sql } = await openTestDatabase(t);
  const text = 'SELECT cast(?2 AS text) AS b, cast(?1 AS text) AS a, cast(?2 AS text) AS again';
  const statement = sql.statement<{ a: string; b: string; again: string }>(text);
  assert.deepEqual({ ...(await statement.get('one', 'two')) }, { b: 'two', a: 'one', again: 'two' });
  assert.deepEqual({ ...(await sql.statement<object>(text).get('x', 'y')) }, { b: 'y', a: 'x', again: 'y' });
  assert.ok(sql.statementTexts.has(text));
  assert.equal(await sql.statement('SELECT 1 AS one FROM log WHERE seq = ?1').get(1), undefined);
  assert.deepEqual(await sql.statement('SELECT 1 AS one FROM log WHERE seq = ?1').all(1), []);
});

test(`${engine}: read, statement and scan see committed rows only`, async (t) => {
  const { sql, log } = await open(t);
  const look = async () => {
    const query = sql.read.withTables<Tables>().selectFrom('things').select('n');
    return [(await query.execute()).length, (await all(sql)).length, (await sql.scan(query.compile())).length];
  };
  await log.write(async () => {});
  const { writer } = await beginElsewhere(sql);
  await writer('INSERT INTO things (n) VALUES (1)');
  assert.deepEqual(await look(), [0, 0, 0]);
  await writer('COMMIT');
  assert.deepEqual(await look(), [1, 1, 1]);
});

/** A transaction that stays open while others look. */
async function beginElsewhere(sql: Sql): Promise<{ writer: (statement: string) => Promise<void> }> {
  if (sql instanceof SqliteSql) {
    sql.writer.exec('BEGIN IMMEDIATE');
    return { writer: async (statement) => sql.writer.exec(statement) };
  }
  assert.ok(sql instanceof PostgresSql);
  const client = await sql.pool.connect();
  await client.query('BEGIN');
  const writer = async (statement: string) => {
    await client.query(statement);
    if (statement === 'COMMIT') client.release();
  };
  return { writer };
}

const endless =
  engine === 'sqlite'
    ? expression`with recursive n(i) as (select 1 union all select i + 1 from n limit 30000000) select count(*) as count from n`
    : expression`select pg_sleep(20)`;
const quick = expression<{ one: number }>`select 1 as one`;

test(`${engine}: a scan over its two seconds is refused UNAVAILABLE, keyed reads answer meanwhile, the next scan runs`, async (t) => {
  const { sql } = await openTestDatabase(t);
  const started = performance.now();
  const refused = codeOf(sql.scan(endless.compile(sql.read)));
  const next = sql.scan(quick.compile(sql.read));
  await sql.ping();
  assert.deepEqual((await sql.statement('SELECT 1 AS one').all()).length, 1);
  assert.ok(performance.now() - started < 1_500, 'reads by key do not wait for a scan');
  assert.equal(await refused, 'UNAVAILABLE');
  const took = performance.now() - started;
  assert.ok(took >= 1_900 && took < 5_000, `${took} ms`);
  assert.deepEqual(plain(await next), [{ one: 1 }]);
});

test(`${engine}: scans that wait are bounded: those beyond are refused at once, the others run`, async (t) => {
  const { sql } = await openTestDatabase(t);
  const outcomes: string[] = [];
  const scans = Array.from({ length: 600 }, async () => {
    outcomes.push(await codeOf(sql.scan(quick.compile(sql.read))));
  });
  await new Promise((resolve) => setImmediate(resolve));
  const atOnce = outcomes.filter((outcome) => outcome === 'UNAVAILABLE').length;
  assert.ok(atOnce >= 300, `${atOnce} refused at once`);
  await Promise.all(scans);
  const ran = outcomes.filter((outcome) => outcome === 'no refusal').length;
  assert.equal(ran + atOnce, 600);
  assert.ok(ran >= 256, `${ran} ran`);
  assert.equal((await sql.scan(quick.compile(sql.read))).length, 1);
});

test(`${engine}: a scan that is wrong rejects, and the next one runs`, async (t) => {
  const { sql } = await openTestDatabase(t);
  await assert.rejects(sql.scan(expression`select 1 from nowhere`.compile(sql.read)), /nowhere/);
  assert.equal((await sql.scan(quick.compile(sql.read))).length, 1);
});

test('sqlite: scans and reads cannot write', { skip: engine !== 'sqlite' }, async (t) => {
  const { sql } = await openTestDatabase(t);
  const write = expression`insert into index_state (name, seq) values ('x', 1)`;
  await assert.rejects(sql.scan(write.compile(sql.read)), /readonly/);
  await assert.rejects(sql.read.executeQuery(write.compile(sql.read)), /readonly/);
});

test('postgres: connections are set so that a stalled node cannot hold the others', {
  skip: engine !== 'postgres',
}, async (t) => {
  const { sql } = await openTestDatabase(t);
  const settings = {
    synchronous_commit: 'on',
    idle_in_transaction_session_timeout: '2s',
    lock_timeout: '2s',
    statement_timeout: '8s',
  };
  for (const [name, value] of Object.entries(settings)) {
    const [row] = await sql.statement<Record<string, string>>(`SHOW ${name}`).all();
    assert.equal(row?.[name], value, name);
  }
  // A scan's time limit does not stay on its connection.
  await Promise.all(Array.from({ length: 20 }, () => sql.scan(quick.compile(sql.read))));
  const timeouts = await Promise.all(
    Array.from({ length: 20 }, () => sql.statement<{ statement_timeout: string }>('SHOW statement_timeout').get()),
  );
  assert.deepEqual([...new Set(timeouts.map((row) => row?.statement_timeout))], ['8s']);
});

test('postgres: fsync=off is refused at start', { skip: engine !== 'postgres' }, async (t) => {
  const { sql } = await openTestDatabase(t);
  assert.ok(sql instanceof PostgresSql);
  await sql.assertDurable();
  const { mock } = t.mock.method(pg.Client.prototype, 'query', async () => ({ rows: [{ fsync: 'off' }] }));
  await assert.rejects(sql.assertDurable(), /fsync/);
  // Before the database is dropped over such a client.
  mock.restore();
});
