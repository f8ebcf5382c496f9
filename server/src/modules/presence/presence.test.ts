import assert from 'node:assert/strict';
import test from 'node:test';
import { at, delay, heard, openPresence, together } from '../../../test/support/presence.ts';
import { topicOf } from '../../infra/log/topic.ts';

const returning = 30_000;

test('coming is said at once, going when the delay is over, and a reconnection in between not at all', async (t) => {
  const { house, presence, told, pass, end } = await openPresence(t);
  const people = await together(house, 3);
  const [ada, bob, carol] = [at(people, 0), at(people, 1), at(people, 2)];
  presence.note(ada, true);
  assert.deepEqual(await heard(told, people, 1), ['+0']);
  await pass(delay);
  presence.note(ada, false);
  await pass(delay - 1);
  presence.note(ada, true);
  await pass(delay);
  presence.note(ada, false);
  await pass(delay - 1);
  presence.note(bob, true);
  assert.deepEqual(await heard(told, people, 2), ['+0', '+1']);
  await pass(1);
  assert.deepEqual(await heard(told, people, 3), ['+0', '+1', '-0']);
  presence.note(carol, true);
  assert.deepEqual(await heard(told, people, 4), ['+0', '+1', '-0', '+2']);
  await end();
});

test('whoever comes and goes all the time is said to change once in the delay at most, and in the end what is so', async (t) => {
  const { house, presence, told, pass, end } = await openPresence(t);
  const people = await together(house, 2);
  const ada = at(people, 0);
  for (let change = 0; change < 400; change += 1) {
    presence.note(ada, change % 2 === 0);
    await pass(100);
    await heard(told, people, 1);
  }
  await pass(delay);
  // It never stayed away for the whole delay.
  assert.deepEqual(await heard(told, people, 2), ['+0', '-0']);
  for (let round = 0; round < 5; round += 1) {
    presence.note(ada, true);
    presence.note(ada, false);
    await pass(delay);
    await pass(1);
  }
  const said = await heard(told, people, 4);
  const changes = said.map((text) => text[0]);
  for (let index = 1; index < changes.length; index += 1) assert.notEqual(changes[index], changes[index - 1]);
  assert.ok(said.length <= 2 + 10, `${said.length} changes in ten delays`);
  await end();
});

test('a change that comes within the delay after the last is said when it is over', async (t) => {
  const { house, presence, told, pass, end } = await openPresence(t);
  const people = await together(house, 3);
  const ada = at(people, 0);
  presence.note(ada, true);
  presence.note(ada, false);
  await heard(told, people, 1);
  await pass(delay);
  assert.deepEqual(await heard(told, people, 2), ['+0', '-0']);
  presence.note(ada, true);
  await pass(delay - 1);
  presence.note(at(people, 1), true);
  assert.deepEqual(await heard(told, people, 3), ['+0', '-0', '+1']);
  await pass(1);
  assert.deepEqual(await heard(told, people, 4), ['+0', '-0', '+1', '+0']);
  presence.note(ada, false);
  await pass(delay);
  assert.deepEqual((await heard(told, people, 5)).slice(4), ['-0']);
  await pass(delay);
  // The last change was said a delay ago: no time passes any more.
  presence.note(ada, true);
  assert.deepEqual((await heard(told, people, 6)).slice(4), ['-0', '+0']);
  await end();
});

test('those are told who share a group of up to 200 members or a direct conversation, but for whom one has blocked', async (t) => {
  const { house, presence, told, end } = await openPresence(t);
  const { groups, identity, messaging, sql, log } = house;
  const [ada, bob, carol, dan, eve] = await house.people(5);
  assert.ok(ada && bob && carol && dan && eve);
  const small = await house.group(ada, dan);
  const large = await house.group(ada, eve);
  const number = async (id: string) => (await groups.find(id))?.group ?? 0;
  const group = await number(large);
  await log.write(async (transaction) => {
    const tables = transaction.sql.withTables<{ groups: { id: number; members: number } }>();
    await tables.updateTable('groups').set({ members: 201 }).where('id', '=', group).execute();
  });
  await messaging.send(bob, { content: 'x', receiverId: ada.id });
  await messaging.send(ada, { content: 'x', receiverId: carol.id });
  await messaging.send(ada, { content: 'x', receiverId: ada.id });
  await identity.block(ada, carol.id);
  presence.note(ada, true);
  await heard(told, [ada], 1);
  const [signal] = told;
  const topics = [topicOf('group', await number(small)), topicOf('user', bob.account), topicOf('user', carol.account)];
  assert.deepEqual([...(signal?.topics ?? [])].sort(), topics.sort());
  assert.deepEqual(signal?.except, [ada.account, carol.account]);
  assert.deepEqual(signal?.body, { userId: ada.id });
  assert.ok(sql.statementTexts.size > 0);
  await end();
});

test('when others hear that somebody has gone, lastSeen says since when', async (t) => {
  const { house, presence, told, pass, end } = await openPresence(t);
  const people = await together(house, 2);
  const [ada, bob] = [at(people, 0), at(people, 1)];
  presence.note(ada, true);
  await heard(told, people, 1);
  await pass(3_600_000);
  presence.note(ada, false);
  const left = house.clock.now();
  await pass(delay);
  await heard(told, people, 2);
  assert.equal((await house.identity.profileFor(bob, ada.id)).lastSeen, left);
  await end();
});

test('after a restart nothing is said of those who come back, and of the others that they have gone', async (t) => {
  const { house, presence, told, pass, again, end } = await openPresence(t);
  const people = await together(house, 4);
  const [ada, bob, carol, dan] = [at(people, 0), at(people, 1), at(people, 2), at(people, 3)];
  for (const one of [ada, bob, carol]) presence.note(one, true);
  await heard(told, people, 3);
  presence.note(carol, false);
  await pass(delay);
  await heard(told, people, 4);
  assert.equal(told.length, 4);
  // Whoever signed in just now counts as there.
  await pass(60_000);
  await end();
  for (const one of [ada, bob]) presence.note(one, false);
  const stopped = house.clock.now();
  told.length = 0;
  house.clock.forward(10_000);
  const next = await again();
  next.note(ada, true);
  next.note(dan, true);
  assert.deepEqual(await heard(told, people, 1), ['+3']);
  await pass(returning);
  assert.deepEqual(await heard(told, people, 2), ['+3', '-1']);
  assert.equal((await house.identity.profileFor(ada, bob.id)).lastSeen, stopped - (stopped % 1_000));
  await next.close();
});

test('what could not be told because a read failed is told once the delay is over', async (t) => {
  let away = true;
  const { house, presence, told, pass, end, failures } = await openPresence(t, async (read) => {
    if (away) throw new Error('away');
    return read();
  });
  const people = await together(house, 2);
  presence.note(at(people, 0), true);
  while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve));
  away = false;
  await pass(delay);
  assert.deepEqual(await heard(told, people, 1), ['+0']);
  await pass(delay);
  presence.note(at(people, 0), false);
  await pass(delay);
  assert.deepEqual(await heard(told, people, 2), ['+0', '-0']);
  failures.length = 0;
  await end();
});

test('a coming reaches groups of 10,000 people in all, the latest first, and every conversation before them', async (t) => {
  const { house, presence, told, end } = await openPresence(t);
  const { groups, messaging, log } = house;
  const [ada, bob] = await house.people(2);
  assert.ok(ada && bob);
  const ids: string[] = [];
  for (let n = 0; n < 52; n += 1) ids.push(await house.group(ada));
  await log.write(({ sql }) =>
    sql.withTables<{ groups: { members: number } }>().updateTable('groups').set({ members: 200 }).execute(),
  );
  await messaging.send(bob, { content: 'x', receiverId: ada.id });
  presence.note(ada, true);
  await heard(told, [ada], 1);
  const numbers = await Promise.all(ids.slice(3).map(async (id) => (await groups.find(id))?.group ?? 0));
  const topics = [topicOf('user', bob.account), ...numbers.reverse().map((number) => topicOf('group', number))];
  assert.deepEqual(told[0]?.topics, topics);
  await end();
});
