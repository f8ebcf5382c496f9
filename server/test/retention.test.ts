import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { Cursors } from '../src/infra/delivery/cursors.ts';
import { Delivery } from '../src/infra/delivery/delivery.ts';
import { Recent } from '../src/infra/delivery/recent.ts';
import { Replay } from '../src/infra/delivery/replay.ts';
import { UnlimitedLimits } from '../src/infra/limits/limits.none.ts';
import { PostgresLog } from '../src/infra/log/log.postgres.ts';
import { SqliteLog } from '../src/infra/log/log.sqlite.ts';
import type { Log } from '../src/infra/log/log.ts';
import { formatOffset } from '../src/infra/log/offset.ts';
import { type HeldBack, Retention } from '../src/infra/log/retention.ts';
import { topicOf } from '../src/infra/log/topic.ts';
import { Hub } from '../src/infra/sockets/hub.ts';
import { PostgresSql } from '../src/infra/sql/sql.postgres.ts';
import { SqliteSql } from '../src/infra/sql/sql.sqlite.ts';
import type { Sql } from '../src/infra/sql/sql.ts';
import { groupMigrations } from '../src/modules/groups/index.ts';
import { buildIdentity, identityMigrations } from '../src/modules/identity/index.ts';
import {
  Messaging,
  messagingMigrations,
  PostgresMessageStore,
  SqliteMessageStore,
} from '../src/modules/messaging/index.ts';
import { openSqlite } from '../src/storage.ts';
import { openTestDatabase } from './support/database.ts';
import { here, openTestIdentity, TestClock, testSecret } from './support/identity.ts';

const hour = 3_600_000;
const week = 7 * 24 * hour;
const never = new AbortController().signal;
const migrations = [identityMigrations, groupMigrations, messagingMigrations];
const identitySettings = {
  NODE_ENV: 'production',
  ACCESS_TOKEN_SECONDS: 900,
  LOGIN_ATTEMPTS: { count: 1_000_000, seconds: 900 },
} as const;

function messageStoreOn(sql: Sql, log: Log) {
  if (sql instanceof PostgresSql && log instanceof PostgresLog) return new PostgresMessageStore(sql, log);
  if (sql instanceof SqliteSql && log instanceof SqliteLog) return new SqliteMessageStore(sql, log);
  throw new Error('no message store for this engine');
}

/** A house with two people who write to each other, a clock that the test moves, and retention. */
async function openHouse(t: TestContext) {
  const clock = new TestClock();
  const { sql, log } = await openTestDatabase(t, { migrations, now: () => clock.now() });
  const needs = {
    sql,
    log,
    clock,
    limits: new UnlimitedLimits(clock),
    secret: testSecret,
    isOnline: () => false,
    leftAt: () => 0,
  };
  const identity = buildIdentity({ ...needs, onDelete: async () => {}, config: identitySettings });
  const messaging = new Messaging({
    ...needs,
    store: messageStoreOn(sql, log),
    isBlocked: (by, who) => identity.isBlocked(by, who),
    findAccount: (id) => identity.findAccount(id),
    findGroup: async () => undefined,
  });
  await log.start();
  const [ada, bob] = (await identity.provision(['ada', 'bob'].map(named))).map(({ principal }) => principal);
  assert.ok(ada && bob);
  const write = (content: string) => messaging.send(ada, { content, receiverId: bob.id });
  const heldBack: HeldBack[] = [];
  const retention = new Retention({ sql, log, clock, onHeldBack: (held) => void heldBack.push(held) });
  return { clock, sql, log, messaging, ada, bob, write, retention, heldBack };
}

const named = (username: string) => ({ username, email: `${username}@example.org` });
const plainRow = (n: number) => ({ topic: topicOf('user', 99), type: 'test', payload: { n } });

const countIn = async (sql: Sql, table: string): Promise<number> =>
  (await sql.statement<{ n: number }>(`SELECT count(*) AS n FROM ${table}`).get())?.n ?? -1;

test('what is older than seven days leaves the log by checkpoints; messages stay, and so does what is younger', async (t) => {
  const { clock, sql, log, messaging, ada, bob, write, retention } = await openHouse(t);
  for (let n = 0; n < 30; n += 1) await write(`old ${n}`);
  await log.write(async ({ append }) => append(plainRow(0)));
  const old = await log.head();
  await retention.run(never);
  clock.forward(hour);
  const young = await write('young');
  await retention.run(never);
  assert.equal(log.floor(), 0);
  const inbox = async (account: number) => {
    const range = { after: 0, upTo: await log.head(), limit: 100 };
    return (await log.page([{ topic: topicOf('user', account), from: 0, to: null }], range)).map(({ seq }) => seq);
  };
  assert.deepEqual([(await inbox(ada.account)).length, (await inbox(bob.account)).length], [31, 31]);

  clock.forward(week - hour);
  await retention.run(never);
  assert.equal(log.floor(), old);
  assert.deepEqual(
    (await log.rowsAfter(old, 10)).map(({ seq }) => seq),
    [young.seq],
  );
  for (const { account } of [ada, bob]) assert.deepEqual(await inbox(account), [young.seq]);
  assert.equal(await countIn(sql, 'log'), 0);
  assert.equal(await countIn(sql, 'topic_rows'), 2);
  const history = await messaging.directHistory(ada, bob.id, { page: 1, limit: 100 });
  assert.equal(history.messages.length, 31);
});

test('a backlog of several slices goes, and a signal stops it between two of them', async (t) => {
  const { clock, sql, log, retention } = await openHouse(t);
  await log.write(async ({ append }) => {
    for (let n = 0; n < 3_500; n += 1) append(plainRow(n));
  });
  const head = await log.head();
  // On SQLite it is indexed behind the commit, within a second: here before retention comes, as after seven days.
  await log.page([{ topic: topicOf('user', 99), from: 0, to: null }], { after: 0, upTo: head, limit: 1 });
  assert.equal(await countIn(sql, 'topic_rows'), 3_500);
  await retention.run(never);
  clock.forward(week);
  await retention.run(AbortSignal.abort());
  assert.equal(log.floor(), 0);
  await retention.run(never);
  assert.equal(log.floor(), head);
  assert.equal(await countIn(sql, 'log'), 0);
  assert.equal(await countIn(sql, 'topic_rows'), 0);
  assert.equal(await countIn(sql, 'checkpoints'), 1);
});

test('a follower that is behind holds the log for itself, thirty days at most, and somebody is told each time', async (t) => {
  const { clock, log, write, retention, heldBack } = await openHouse(t);
  const stand = (seq: number) =>
    log.write(async (tx) => {
      const followers = tx.sql.withTables<{ followers: { name: string; seq: number } }>();
      await followers.deleteFrom('followers').execute();
      await followers
        .insertInto('followers')
        .values([
          { name: 'slow', seq },
          { name: 'quick', seq: 9 },
        ])
        .execute();
    });
  for (let n = 0; n < 9; n += 1) await write(`old ${n}`);
  await stand(4);
  await retention.run(never);
  clock.forward(week);
  await retention.run(never);
  assert.equal(log.floor(), 4);
  assert.deepEqual(heldBack, [{ follower: 'slow', seq: 4 }]);
  await stand(6);
  await retention.run(never);
  assert.equal(log.floor(), 6);
  clock.forward(23 * 24 * hour);
  await retention.run(never);
  assert.equal(log.floor(), 9);
  assert.deepEqual(heldBack.at(-1), { follower: 'slow', seq: 6 });
  heldBack.length = 0;
  await stand(9);
  await write('young');
  clock.forward(week);
  await retention.run(never);
  assert.deepEqual(heldBack, []);
});

test('keys of writes go after seven days and cursors when the log has left them behind', async (t) => {
  const { clock, sql, log, write, retention } = await openHouse(t);
  const addKeys = (keys: readonly string[]) =>
    log.write(async (tx) => {
      const tables = tx.sql.withTables<{
        write_keys: Record<string, unknown>;
        session_cursors: Record<string, unknown>;
      }>();
      const row = { account: 1, operation: 'test', hash: Buffer.from('x'), ref: 1, at: clock.now() };
      for (const key of keys)
        await tables
          .insertInto('write_keys')
          .values({ ...row, key })
          .execute();
    });
  await addKeys(Array.from({ length: 1_200 }, (_, n) => `old ${n}`));
  await write('old');
  const old = await log.head();
  await log.write(async (tx) => {
    const tables = tx.sql.withTables<{ session_cursors: { session: number; account: number; seq: number } }>();
    const cursors = [old - 1, old, old + 1].map((seq, n) => ({ session: 900 + n, account: 1, seq }));
    await tables.insertInto('session_cursors').values(cursors).execute();
  });
  await retention.run(never);
  clock.forward(week);
  await addKeys(['young']);
  await retention.run(never);
  const keys = await sql.statement<{ key: string }>('SELECT key FROM write_keys').all();
  assert.deepEqual(
    keys.map(({ key }) => key),
    ['young'],
  );
  const left = await sql.statement<{ session: number }>('SELECT session FROM session_cursors ORDER BY session').all();
  assert.deepEqual(
    left.map(({ session }) => session),
    [901, 902],
  );
});

test('an offset below the floor cannot be resumed; the floor itself and all above can', async (t) => {
  const { clock, sql, log, ada, write, retention } = await openHouse(t);
  for (let n = 0; n < 5; n += 1) await write(`old ${n}`);
  const floor = await log.head();
  await retention.run(never);
  clock.forward(week);
  await write('young');
  await retention.run(never);
  const hub = hubOn(t, sql, log, await log.head());
  const resumable = (seq: number) => hub.resumable(formatOffset(log.epoch, seq));
  assert.equal(await resumable(floor - 1), undefined);
  assert.equal(await resumable(floor), floor);
  assert.equal(await resumable(floor + 1), floor + 1);
  assert.equal(await resumable(floor + 2), undefined);
  const refused = await hub.startFor(ada, formatOffset(log.epoch, floor - 1));
  assert.deepEqual([refused.recovered, refused.cursor], [false, floor]);
  assert.equal((await hub.startFor(ada, formatOffset(log.epoch, floor))).recovered, true);
});

function hubOn(t: TestContext, sql: Sql, log: Log, head: number): Hub {
  const gate = { hold: () => {} };
  const recent = new Recent(head);
  const delivery = new Delivery({ log, recent, gate, sendBuffer: 1_000_000, onFailure: () => {} });
  const replay = new Replay({ log, recent, delivery, gate, onFailure: () => {} });
  const cursors = new Cursors({ sql, log, feedsOf: () => new Set(), onFailure: (error) => assert.fail(String(error)) });
  t.after(async () => {
    delivery.close();
    await cursors.close();
  });
  return new Hub({ log, delivery, replay, cursors, replayMax: 50_000, perAccount: 100 });
}

test('numbers go on and never repeat after retention has emptied the log', async (t) => {
  const { clock, sql, log, write, retention } = await openHouse(t);
  for (let n = 0; n < 10; n += 1) await write(`old ${n}`);
  const head = await log.head();
  await retention.run(never);
  clock.forward(week);
  await retention.run(never);
  assert.deepEqual([await countIn(sql, 'log'), await countIn(sql, 'topic_rows')], [0, 0]);
  assert.equal(await log.head(), head);
  assert.equal((await write('young')).seq, head + 1);
});

test('numbers also go on when the server was started again with an empty log', { skip: usesPostgres() }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'retention-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const clock = new TestClock();
  const open = async () => {
    const storage = await openSqlite({ path: join(folder, 'test.db') }, { now: () => clock.now() });
    await storage.log.start();
    return storage;
  };
  const first = await open();
  const retention = new Retention({ ...first, clock, onHeldBack: () => assert.fail('nobody follows') });
  await first.log.write(async ({ append }) => {
    for (let n = 0; n < 10; n += 1) append(plainRow(n));
  });
  await retention.run(never);
  clock.forward(week);
  await retention.run(never);
  await first.log.close();
  await first.sql.close();
  const second = await open();
  assert.equal(await countIn(second.sql, 'log'), 0);
  assert.deepEqual([await second.log.head(), second.log.floor(), second.log.epoch], [10, 10, first.log.epoch]);
  await second.log.write(async ({ append }) => append(plainRow(11)));
  assert.equal(await second.log.head(), 11);
  await second.log.close();
  await second.sql.close();
});

/** PostgreSQL keeps no numbers in the process, so a restart there is nothing new. */
function usesPostgres(): boolean {
  return (process.env['DATABASE_URL'] ?? '') !== '';
}

test('login sessions that ended by time are forgotten by identity, slice by slice', async (t) => {
  const { identity, clock } = await openTestIdentity(t);
  for (let n = 0; n < 5; n += 1) await identity.register({ ...named(`person${n}`), password: 'Password123' }, here);
  clock.forward(week);
  assert.equal(await identity.forgetExpired(3), 3);
  assert.equal(await identity.forgetExpired(3), 2);
});
