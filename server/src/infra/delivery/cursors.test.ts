import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { openTestDatabase } from '../../../test/support/database.ts';
import { feedOf, type HandFeed } from '../../../test/support/feeds.ts';
import { onlySqlite } from '../../../test/support/log.ts';
import { SqliteLog } from '../log/log.sqlite.ts';
import type { Log } from '../log/log.ts';
import type { Sql } from '../sql/sql.ts';
import { Cursors } from './cursors.ts';
import type { Feed } from './feed.ts';

type House = { sql: Sql; log: Log; cursors: Cursors; feeds: Set<Feed>; failures: unknown[] };

async function open(t: TestContext): Promise<House> {
  const { sql, log } = await openTestDatabase(t);
  return openOver(sql, log);
}

/** Over the same tables, with nothing in memory: after a restart. */
function openOver(sql: Sql, log: Log): House {
  const feeds = new Set<Feed>();
  const failures: unknown[] = [];
  const onFailure = (error: unknown): void => void failures.push(error);
  const cursors = new Cursors({ sql, log, feedsOf: () => feeds, onFailure });
  return { sql, log, cursors, feeds, failures };
}

function connectWith({ cursors, feeds }: House, session: number, cursor: number): HandFeed {
  const made = feedOf(1, { session, cursor });
  feeds.add(made.feed);
  cursors.track(made.feed);
  return made;
}

const connect = (house: House, session: number, cursor: number): Feed => connectWith(house, session, cursor).feed;

function disconnect({ cursors, feeds }: House, feed: Feed): void {
  feeds.delete(feed);
  cursors.untrack(feed);
}

const stored = async (sql: Sql) =>
  (
    await sql
      .statement<{ session: number; seq: number }>('SELECT session, seq FROM session_cursors ORDER BY session')
      .all()
  ).map(({ session, seq }) => [session, seq]);

test('a session goes on at the highest row written to any of its sockets, connected or not, stored or not', async (t) => {
  const house = await open(t);
  const { cursors, sql } = house;
  assert.equal(await cursors.of(1, 1), 0, 'an account that has never been here begins at its beginning');
  const [one, two] = [connect(house, 1, 0), connect(house, 1, 0)];
  one.cursor = 7;
  two.cursor = 5;
  assert.equal(await cursors.of(1, 1), 7);
  disconnect(house, one);
  assert.equal(await cursors.of(1, 1), 7, 'the other socket has seen less, the session has not');
  disconnect(house, two);
  assert.equal(await cursors.of(1, 1), 7);
  assert.deepEqual(await stored(sql), [], 'nothing is written at connect or disconnect');
  await cursors.store();
  assert.deepEqual(await stored(sql), [[1, 7]]);
  assert.equal(await cursors.of(1, 1), 7);
  await cursors.close();
});

test('a new session begins at its account’s highest, of those stored', async (t) => {
  const house = await open(t);
  const [one, two] = [connect(house, 1, 0), connect(house, 2, 0)];
  one.cursor = 7;
  two.cursor = 9;
  await house.cursors.close();
  const next = openOver(house.sql, house.log);
  assert.equal(await next.cursors.of(3, 1), 9);
  assert.equal(await next.cursors.of(1, 1), 7, 'an old one where it was');
  assert.equal(await next.cursors.of(4, 2), 0, 'another account is another account');
  await next.cursors.close();
});

test('a stored cursor never goes back', async (t) => {
  const house = await open(t);
  const ahead = connect(house, 1, 0);
  ahead.cursor = 9;
  await house.cursors.store();
  disconnect(house, ahead);
  const behind = connect(house, 1, 2);
  behind.cursor = 4;
  await house.cursors.store();
  assert.deepEqual(await stored(house.sql), [[1, 9]]);
  behind.cursor = 12;
  await house.cursors.store();
  assert.deepEqual(await stored(house.sql), [[1, 12]]);
  await house.cursors.close();
});

test('what still waits for a client does not count as seen: not at a reconnect, not stored, not at its end', async (t) => {
  const house = await open(t);
  const { feed, outlet } = connectWith(house, 1, 3);
  feed.cursor = 7;
  assert.equal(await house.cursors.of(1, 1), 7);
  feed.cursor = 9;
  outlet.waiting = 5;
  assert.equal(await house.cursors.of(1, 1), 7);
  await house.cursors.store();
  assert.deepEqual(await stored(house.sql), [[1, 7]]);
  disconnect(house, feed);
  await house.cursors.store();
  assert.deepEqual([await house.cursors.of(1, 1), await stored(house.sql)], [7, [[1, 7]]]);
  await house.cursors.close();
});

test('what a client has answered behind counts as seen, though more waits again', async (t) => {
  const house = await open(t);
  const { feed, outlet } = connectWith(house, 1, 3);
  outlet.waiting = 5;
  feed.cursor = 7;
  feed.answered();
  feed.cursor = 9;
  assert.equal(await house.cursors.of(1, 1), 7);
  await house.cursors.close();
});

test('a connection that began above what is stored is stored without a new row', async (t) => {
  const house = await open(t);
  disconnect(house, connect(house, 1, 5));
  await house.cursors.store();
  const resumed = openOver(house.sql, house.log);
  connect(resumed, 1, 9);
  await resumed.cursors.store();
  assert.deepEqual(await stored(house.sql), [[1, 9]]);
  await resumed.cursors.close();
  await house.cursors.close();
});

test('what could not be written is reported, still known, and written the next time', async (t) => {
  const { sql, log } = await openTestDatabase(t);
  t.mock.timers.enable({ apis: ['setInterval'] });
  const house = openOver(sql, log);
  const gone = connect(house, 1, 0);
  gone.cursor = 7;
  disconnect(house, gone);
  const here = connect(house, 2, 0);
  here.cursor = 8;
  const write = log.write.bind(log);
  log.write = async () => {
    throw new Error('a full disk');
  };
  t.mock.timers.tick(5_000);
  while (house.failures.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(house.failures.map(String), ['Error: a full disk']);
  log.write = write;
  assert.equal(await house.cursors.of(1, 1), 7);
  await house.cursors.close();
  assert.deepEqual(await stored(sql), [
    [1, 7],
    [2, 8],
  ]);
});

test('who comes back while cursors are being written goes on where it was', async (t) => {
  const house = await open(t);
  const gone = connect(house, 1, 0);
  gone.cursor = 7;
  disconnect(house, gone);
  const write = house.log.write.bind(house.log);
  let written = (): void => {};
  const held = new Promise<void>((resolve) => {
    written = resolve;
  });
  house.log.write = async (act) => {
    await held;
    return write(act);
  };
  const storing = house.cursors.store();
  assert.equal(await house.cursors.of(1, 1), 7);
  // What is raised meanwhile is not taken for written.
  const again = connect(house, 1, 7);
  again.cursor = 9;
  disconnect(house, again);
  written();
  await storing;
  assert.equal(await house.cursors.of(1, 1), 9);
  await house.cursors.close();
  assert.deepEqual(await stored(house.sql), [[1, 9]]);
});

test('only what has changed is written again, in slices', async (t) => {
  const house = await open(t);
  const feeds = Array.from({ length: 2_500 }, (_, index) => connect(house, index + 1, 0));
  for (const feed of feeds) feed.cursor = 3;
  let writes = 0;
  const write = house.log.write.bind(house.log);
  house.log.write = (act) => {
    writes += 1;
    return write(act);
  };
  await house.cursors.store();
  assert.equal(writes, 3);
  assert.equal((await stored(house.sql)).length, 2_500);
  await house.cursors.store();
  assert.equal(writes, 3);
  const [first] = feeds;
  if (first !== undefined) first.cursor = 4;
  await house.cursors.store();
  assert.equal(writes, 4);
  await house.cursors.close();
});

test(
  'storing them is bookkeeping: whoever remembers where people may write goes on remembering',
  onlySqlite,
  async (t) => {
    const house = await open(t);
    assert.ok(house.log instanceof SqliteLog);
    const told: string[] = [];
    house.log.aroundActs(() => told.push('forget'));
    connect(house, 1, 5);
    await house.cursors.store();
    assert.deepEqual(await stored(house.sql), [[1, 5]]);
    assert.deepEqual(told, []);
  },
);

test('they are stored every five seconds', async (t) => {
  const { sql, log } = await openTestDatabase(t);
  t.mock.timers.enable({ apis: ['setInterval'] });
  const house = openOver(sql, log);
  const feed = connect(house, 1, 0);
  feed.cursor = 3;
  const written = new Promise<void>((resolve) => {
    const write = log.write.bind(log);
    log.write = async (act) => {
      const result = await write(act);
      resolve();
      return result;
    };
  });
  t.mock.timers.tick(4_999);
  assert.deepEqual(await stored(sql), []);
  t.mock.timers.tick(1);
  await written;
  assert.deepEqual(await stored(sql), [[1, 3]]);
  await house.cursors.close();
});
