import assert from 'node:assert/strict';
import test from 'node:test';
import { at, type Blocked, delay, heard, openPresence, type Told, together } from '../../../test/support/presence.ts';
import { isUserTopic, topicOf } from '../../infra/log/topic.ts';
import type { Principal } from '../../kernel/principal.ts';

/** A read of the blocks that has its answer and waits to give it; `held` once one does. */
function heldRead() {
  let hold = false;
  const held = Promise.withResolvers<void>();
  const given = Promise.withResolvers<void>();
  const reading = async (read: () => Promise<Blocked>): Promise<Blocked> => {
    const answer = await read();
    if (!hold) return answer;
    hold = false;
    held.resolve();
    await given.promise;
    return answer;
  };
  const start = (): void => {
    hold = true;
  };
  return { reading, start, held: held.promise, give: given.resolve };
}

test('a block that is made while it is looked up who hears of a coming keeps it from the blocked one', async (t) => {
  const { reading, start, held, give } = heldRead();
  const { house, presence, told, end } = await openPresence(t, reading);
  const [ada, bob] = await together(house, 2);
  assert.ok(ada && bob);
  start();
  presence.note(ada, true);
  await held;
  await house.identity.block(ada, bob.id);
  await presence.show(ada.account, { to: bob.account, shown: false });
  give();
  await heard(told, [ada, bob], 1);
  assert.deepEqual(
    told.map(({ type, except }) => [type, except]),
    [['presence.online', [ada.account, bob.account]]],
  );
  await end();
});

test('who is blocked while it is looked up who hears of a going hears of it all the same, once', async (t) => {
  const { reading, start, held, give } = heldRead();
  const { house, presence, told, pass, end } = await openPresence(t, reading);
  const [ada, bob] = await together(house, 2);
  assert.ok(ada && bob);
  presence.note(ada, true);
  await heard(told, [ada, bob], 1);
  start();
  presence.note(ada, false);
  await pass(delay);
  await held;
  await house.identity.block(ada, bob.id);
  const shown = presence.show(ada.account, { to: bob.account, shown: false });
  give();
  await shown;
  await pass(0);
  await heard(told, [ada, bob], 3);
  const toBob = told.filter(({ except }) => !except.includes(bob.account)).map(({ type }) => type);
  assert.deepEqual(toBob, ['presence.online', 'presence.offline']);
  await end();
});

test('a block that was taken back before it was told says nothing', async (t) => {
  const { house, presence, told, pass, end } = await openPresence(t);
  const [ada, bob] = await together(house, 2);
  assert.ok(ada && bob);
  presence.note(ada, true);
  await heard(told, [ada, bob], 1);
  await house.identity.block(ada, bob.id);
  await house.identity.unblock(ada, bob.id);
  await Promise.all([false, true].map((shown) => presence.show(ada.account, { to: bob.account, shown })));
  await pass(delay);
  presence.note(bob, true);
  assert.deepEqual(await heard(told, [ada, bob], 2), ['+0', '+1']);
  await end();
});

/** What one of a group heard: the signals to their own topic, and those to the group that do not leave them out. */
const heardBy = (told: readonly Told[], who: Principal): string[] =>
  told
    .filter(({ topics, except }) =>
      topics.every(isUserTopic) ? topics.includes(topicOf('user', who.account)) : !except.includes(who.account),
    )
    .map(({ type, body }) => `${type} ${(body as { userId: string }).userId}`);

test('after a block both have gone for each other, as late as if their connections had ended; a second block says nothing', async (t) => {
  const { house, presence, told, pass, end } = await openPresence(t);
  const people = await together(house, 2);
  const [ada, bob] = [at(people, 0), at(people, 1)];
  for (const one of people) presence.note(one, true);
  await heard(told, people, 2);
  told.length = 0;
  const change = async (by: Principal, other: Principal, blocks: boolean): Promise<void> => {
    await (blocks ? house.identity.block(by, other.id) : house.identity.unblock(by, other.id));
    await presence.show(by.account, { to: other.account, shown: !blocks });
  };
  await change(ada, bob, true);
  await pass(delay - 1);
  assert.deepEqual(told, []);
  // Who is blocked and blocks in turn must not learn that they were.
  await change(bob, ada, true);
  await pass(1);
  await heard(told, people, 2);
  const gone = (who: Principal) => `presence.offline ${who.id}`;
  assert.deepEqual([heardBy(told, bob), heardBy(told, ada)], [[gone(ada)], [gone(bob)]]);
  await pass(delay * 2);
  await change(ada, bob, false);
  await pass(delay);
  assert.equal(told.length, 2, 'one block is left');
  await change(bob, ada, false);
  await heard(told, people, 4);
  assert.deepEqual(heardBy(told, bob), [gone(ada), `presence.online ${ada.id}`]);
  await end();
});

test('who leaves and blocks then has gone for the blocked one when they have for the others', async (t) => {
  const { house, presence, told, pass, end } = await openPresence(t);
  const people = await together(house, 3);
  const [ada, bob] = [at(people, 0), at(people, 1)];
  presence.note(ada, true);
  await heard(told, people, 1);
  presence.note(ada, false);
  await pass(delay - 2);
  await house.identity.block(ada, bob.id);
  await presence.show(ada.account, { to: bob.account, shown: false });
  await pass(2);
  await heard(told, people, 3);
  for (const who of people.slice(1)) assert.equal(heardBy(told, who).length, 2);
  await end();
});
