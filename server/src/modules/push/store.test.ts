import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { engine, openTestDatabase } from '../../../test/support/database.ts';
import { pushMigrations } from './migrations.ts';
import { forgetWaiting, takePlaces } from './store.ts';

const week = 7 * 24 * 3_600_000;

async function open(t: TestContext) {
  const { sql, log } = await openTestDatabase(t, { migrations: [pushMigrations] });
  const take = (accounts: readonly number[], { head = 10, now = 0 } = {}) =>
    log.write(({ sql: db }) => takePlaces(db, { accounts, head, now }));
  const fill = async (account: number, times: number, at: { head?: number; now?: number } = {}) => {
    for (let n = 0; n < times; n += 1) assert.equal((await take([account], at)).size, 1);
  };
  const forget = (now: number, limit = 1_000) => log.write(({ sql: db }) => forgetWaiting(db, { engine, now, limit }));
  const counted = async () => {
    const db = sql.read.withTables<{ push_queues: { account: number; waiting: number }; push_waiting: object }>();
    const queues = await db.selectFrom('push_queues').select(['account', 'waiting']).orderBy('account').execute();
    const rows = await db
      .selectFrom('push_waiting')
      .select((eb) => eb.fn.countAll<number>().as('n'))
      .executeTakeFirstOrThrow();
    return { queues: queues.map(({ account, waiting }) => [account, waiting]), rows: Number(rows.n) };
  };
  return { log, take, fill, forget, counted };
}

test('the count of what waits is kept with what is read, expires, and comes', async (t) => {
  const { log, take, fill, forget, counted } = await open(t);
  await fill(1, 3, { head: 10, now: 0 });
  await fill(1, 2, { head: 20, now: 5 });
  await fill(2, 1, { head: 20, now: 5 });
  assert.deepEqual(await counted(), {
    queues: [
      [1, 5],
      [2, 1],
    ],
    rows: 6,
  });
  const cursor = { session: 7, account: 1, seq: 15 };
  await log.write(async ({ sql }) => {
    await sql.withTables<{ session_cursors: object }>().insertInto('session_cursors').values(cursor).execute();
  });
  await take([1, 2], { head: 20, now: 6 });
  assert.deepEqual(await counted(), {
    queues: [
      [1, 3],
      [2, 2],
    ],
    rows: 5,
  });
  assert.equal(await forget(week + 6, 2), 2);
  assert.equal(await forget(week + 6), 1);
  assert.deepEqual(await counted(), {
    queues: [
      [1, 1],
      [2, 1],
    ],
    rows: 2,
  });
});

test('expiry and pushes to the same accounts wait for each other never both ways', async (t) => {
  const { log, take, forget, counted } = await open(t);
  const accounts = Array.from({ length: 30 }, (_, n) => n + 1);
  for (let n = 0; n < 20; n += 1) await take(n % 2 === 0 ? accounts : accounts.toReversed(), { now: n % 7 });
  const cursors = accounts.map((account) => ({ session: account, account, seq: 11 }));
  await log.write(async ({ sql }) => {
    await sql.withTables<{ session_cursors: object }>().insertInto('session_cursors').values(cursors).execute();
  });
  const later = { head: 20, now: week + 1_000 };
  await Promise.all([
    ...Array.from({ length: 10 }, (_, n) => take(n % 2 === 0 ? accounts : accounts.toReversed(), later)),
    ...Array.from({ length: 10 }, () => forget(week + 1_000, 50)),
  ]);
  assert.deepEqual(await counted(), { queues: accounts.map((account) => [account, 10]), rows: 300 });
});

test('expiry passes by an account that a push holds', { skip: engine === 'sqlite' && 'one writer' }, async (t) => {
  const { log, fill, forget, counted } = await open(t);
  await fill(1, 2);
  await fill(2, 2);
  await log.write(async ({ sql }) => {
    await takePlaces(sql, { accounts: [1], head: 10, now: week + 1 });
    assert.equal(await forget(week + 1), 2);
  });
  assert.deepEqual((await counted()).queues, [
    [1, 3],
    [2, 0],
  ]);
});
