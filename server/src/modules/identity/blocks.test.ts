import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf, here, openTestIdentity } from '../../../test/support/identity.ts';
import { topicOf } from '../../infra/log/topic.ts';

const person = (username: string) => ({ username, email: `${username}@example.org`, password: 'Password123' });

test('a block has one direction, is heard of by the blocker alone, and is made and taken back once', async (t) => {
  const { identity, log } = await openTestIdentity(t);
  const { principal: ada } = await identity.register(person('ada'), here);
  const { principal: bob } = await identity.register(person('bob'), here);
  const head = await log.head();
  await Promise.all([1, 2, 3].map(() => identity.block(ada, bob.id.toUpperCase())));
  assert.equal(await identity.isBlocked(ada.account, bob.account), true);
  assert.equal(await identity.isBlocked(bob.account, ada.account), false);
  for (const [one, other] of [
    [ada, bob],
    [bob, ada],
  ] as const) {
    assert.deepEqual(await identity.blocksAround(one.account), new Set([other.account]));
  }
  await Promise.all([1, 2, 3].map(() => identity.unblock(ada, bob.id)));
  assert.equal(await identity.isBlocked(ada.account, bob.account), false);
  const rows = await log.rowsAfter(head, 10);
  const topic = topicOf('user', ada.account);
  assert.deepEqual(
    rows.map((row) => [row.topic, row.type, row.body]),
    [
      [topic, 'account.blocked', { userId: bob.id, account: bob.account }],
      [topic, 'account.unblocked', { userId: bob.id, account: bob.account }],
    ],
  );
});

test('who is blocked by more people than can be read has no list of them: nobody is to hear of them at all', async (t) => {
  const { identity, log } = await openTestIdentity(t);
  const { principal: ada } = await identity.register(person('ada'), here);
  const block = (first: number, count: number) =>
    log.write(async ({ sql }) => {
      const rows = Array.from({ length: count }, (_, n) => ({ account: first + n, blocked: ada.account, at: 0 }));
      await sql
        .withTables<{ blocks: { account: number; blocked: number; at: number } }>()
        .insertInto('blocks')
        .values(rows)
        .execute();
    });
  for (let first = 1_000; first < 21_000; first += 1_000) await block(first, 1_000);
  assert.equal((await identity.blocksAround(ada.account))?.size, 20_000);
  await block(21_000, 1);
  assert.equal(await identity.blocksAround(ada.account), undefined);
});

test('nobody blocks themselves or somebody who does not exist', async (t) => {
  const { identity } = await openTestIdentity(t);
  const { principal: ada } = await identity.register(person('ada'), here);
  assert.equal(await codeOf(identity.block(ada, ada.id)), 'BLOCKS_ONESELF');
  for (const id of ['nobody', '00000000-0000-7000-8000-000000000000']) {
    assert.equal(await codeOf(identity.block(ada, id)), 'ACCOUNT_NOT_FOUND');
    assert.equal(await codeOf(identity.unblock(ada, id)), 'ACCOUNT_NOT_FOUND');
  }
});

test('an account that is deleted meanwhile blocks nobody any more', async (t) => {
  const { identity, sql } = await openTestIdentity(t);
  const { principal: ada } = await identity.register(person('ada'), here);
  const { principal: bob } = await identity.register(person('bob'), here);
  await identity.deleteAccount(ada, ada.id);
  assert.equal(await codeOf(identity.block(ada, bob.id)), 'ACCOUNT_NOT_FOUND');
  assert.deepEqual(await sql.statement('SELECT 1 FROM blocks').all(), []);
});
