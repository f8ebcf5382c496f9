import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { engine, openTestDatabase, type TestDatabase } from '../../../test/support/database.ts';
import { Follower, type FollowerOptions } from './follower.ts';
import type { Log, Transaction } from './log.ts';

type Marks = { index_state: { name: string; seq: number } };

async function open(t: TestContext) {
  const database = await openTestDatabase(t);
  await database.log.start();
  return database;
}

/** Keeps the number of each row it takes, as something that must be there once; `order` is what it was offered. */
function follow(t: TestContext, { sql, log }: Pick<TestDatabase, 'sql' | 'log'>, given: Partial<FollowerOptions> = {}) {
  const order: number[] = [];
  const failures: unknown[] = [];
  const follower = new Follower({
    name: 'test',
    sql,
    log,
    types: ['t'],
    take: async (transaction, rows) => {
      order.push(...rows.map(({ seq }) => seq));
      for (const { seq } of rows) await keep(transaction, seq);
    },
    onFailure: (error) => void failures.push(error),
    ...given,
  });
  t.after(() => follower.close());
  return { follower, order, failures };
}

const keep = async ({ sql }: Transaction, seq: number): Promise<void> => {
  await sql
    .withTables<Marks>()
    .insertInto('index_state')
    .values({ name: `row ${seq}`, seq })
    .execute();
};

const write = async (log: Log, ...types: readonly string[]): Promise<number> => {
  await log.write(async ({ append }) => {
    for (const type of types) append({ topic: 8, type, payload: null });
  });
  return log.head();
};

const many = (count: number): string[] => Array.from({ length: count }, () => 't');
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
const standsAt = async ({ sql }: Pick<TestDatabase, 'sql'>): Promise<number | undefined> =>
  (await sql.statement<{ seq: number }>("SELECT seq FROM followers WHERE name = 'test'").get())?.seq;

test(`${engine}: a follower takes each row of its types once and in order, from the first one on`, async (t) => {
  const database = await open(t);
  await write(database.log, 't', 'other', 't');
  const { follower, order } = follow(t, database);
  const head = await write(database.log, ...many(200));
  assert.equal(await follower.reach(head, 10_000), true);
  assert.deepEqual(order, [1, 3, ...upTo(200).map((n) => n + 3)]);
  assert.deepEqual([follower.cursor, await standsAt(database)], [203, 203]);
  assert.equal(await follower.reach(2, 0), true);
  assert.equal(await follower.reach(head + 1, 0), false);
});

test(`${engine}: it goes on where it stood, after a close and after a kill`, async (t) => {
  const database = await open(t);
  const first = follow(t, database);
  await first.follower.reach(await write(database.log, ...many(3)), 10_000);
  await first.follower.close();
  assert.equal(await first.follower.reach(100, 10_000), false);
  await write(database.log, 't');
  const second = follow(t, database);
  await second.follower.reach(4, 10_000);
  assert.deepEqual(second.order, [4]);
  const killed = await database.afterKill();
  await killed.log.start();
  const third = follow(t, killed);
  await third.follower.reach(await write(killed.log, 't'), 10_000);
  assert.deepEqual(third.order, [5]);
});

test(`${engine}: what could not be taken leaves nothing, is told, and is offered again`, async (t) => {
  const database = await open(t);
  let broken = true;
  const { follower, failures } = follow(t, database, {
    take: async (transaction, rows) => {
      for (const { seq } of rows) await keep(transaction, seq);
      if (broken) throw new Error('broken');
    },
  });
  const head = await write(database.log, ...many(2));
  assert.equal(await follower.reach(head, 300), false);
  assert.match(String(failures[0]), /broken/);
  assert.deepEqual([follower.cursor, await standsAt(database)], [0, 0]);
  broken = false;
  assert.equal(await follower.reach(head, 10_000), true);
});

test(`${engine}: of two under one name only one takes a row, whoever is quicker`, async (t) => {
  const database = await open(t);
  const [one, two] = [follow(t, database), follow(t, database)];
  for (let n = 1; n <= 30; n += 1) {
    const head = await write(database.log, 't');
    assert.deepEqual(await Promise.all([one, two].map(({ follower }) => follower.reach(head, 10_000))), [true, true]);
  }
  const kept = await database.sql.statement("SELECT seq FROM index_state WHERE name LIKE 'row %'").all();
  assert.equal(kept.length, 30);
  assert.deepEqual([...one.failures, ...two.failures], []);
});

test(`${engine}: whoever begins where another has come already says so`, async (t) => {
  const database = await open(t);
  const head = await write(database.log, 't');
  for (const { follower } of [follow(t, database), follow(t, database)]) {
    assert.equal(await follower.reach(head, 2_000), true);
  }
});

test(`${engine}: it hears by itself of what nobody told it`, async (t) => {
  const database = await open(t);
  const taken = Promise.withResolvers<void>();
  follow(t, database, { take: async () => taken.resolve() });
  await write(database.log, 't');
  await taken.promise;
});

test(`${engine}: rows of no interest cost no writes`, async (t) => {
  const database = await open(t);
  const { follower } = follow(t, database);
  await follower.reach(await write(database.log, 'other', 'other'), 10_000);
  assert.deepEqual([follower.cursor, await standsAt(database)], [2, 0]);
  await follower.reach(await write(database.log, 't'), 10_000);
  assert.deepEqual([follower.cursor, await standsAt(database)], [3, 3]);
});
