import assert from 'node:assert/strict';
import test from 'node:test';
import { engine } from '../../../test/support/database.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { countOf, type House, hi, openHouse, three } from '../../../test/support/messaging.ts';
import { SqliteLog } from '../../infra/log/log.sqlite.ts';
import type { Messaging } from './index.ts';
import type { Message } from './schema.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

test('a message is read by those of its conversation; for others it does not exist', async (t) => {
  const house = await openHouse(t);
  const { messaging, groups } = house;
  const [ada, bob, carol] = await three(house);
  const direct = await messaging.send(ada, hi(bob));
  const group = await house.group(ada, bob);
  const inGroup = await messaging.send(ada, { content: 'x', groupId: group });
  assert.deepEqual(await messaging.read(ada, direct.id), direct);
  assert.deepEqual(await messaging.read(bob, direct.id), direct);
  assert.deepEqual(await messaging.read(bob, inGroup.id), inGroup);
  for (const id of [direct.id, inGroup.id, nobody, 'nonsense'])
    assert.equal(await codeOf(messaging.read(carol, id)), 'MESSAGE_NOT_FOUND');
  await house.leave(bob, group);
  assert.equal(await codeOf(messaging.read(bob, inGroup.id)), 'MESSAGE_NOT_FOUND');
  const open = await groups.create(ada, { title: 'open', type: 'PUBLIC' }, null);
  const inOpen = await messaging.send(ada, { content: 'x', groupId: open.id });
  assert.equal((await messaging.read(carol, inOpen.id)).id, inOpen.id);
});

test('history is of this conversation, for those who take part', async (t) => {
  const house = await openHouse(t);
  const { messaging, groups } = house;
  const [ada, bob, carol] = await three(house);
  const page = { page: 1, limit: 20 };
  const contents = async (list: ReturnType<Messaging['directHistory']>) => {
    const { messages, total } = await list;
    return [messages.map(({ content }) => content), total];
  };
  assert.deepEqual(await messaging.directHistory(ada, bob.id, page), { messages: [], total: 0 });
  await messaging.send(ada, hi(bob, { content: 'to bob' }));
  await messaging.send(bob, hi(ada, { content: 'to ada' }));
  await messaging.send(ada, hi(carol, { content: 'to carol' }));
  await messaging.send(ada, hi(ada, { content: 'to myself' }));
  for (const [own, other] of [
    [ada, bob],
    [bob, ada],
  ] as const) {
    assert.deepEqual(await contents(messaging.directHistory(own, other.id, page)), [['to ada', 'to bob'], 2]);
  }
  assert.deepEqual(await contents(messaging.directHistory(ada, ada.id, page)), [['to myself'], 1]);
  assert.equal(await codeOf(messaging.directHistory(ada, nobody, page)), 'USER_NOT_FOUND');
  assert.equal(await codeOf(messaging.directHistory(ada, 'nonsense', page)), 'USER_NOT_FOUND');
  const group = await house.group(ada);
  await messaging.send(ada, { content: 'before bob came', groupId: group });
  assert.equal(await codeOf(messaging.groupHistory(bob, group, page)), 'NOT_A_MEMBER');
  await groups.addMember(ada, group, { userId: bob.id, key: null });
  assert.deepEqual(await contents(messaging.groupHistory(bob, group, page)), [['before bob came'], 1]);
  assert.equal(await codeOf(messaging.groupHistory(bob, nobody, page)), 'GROUP_NOT_FOUND');
  const open = await groups.create(ada, { title: 'open', type: 'PUBLIC' }, null);
  assert.deepEqual(await messaging.groupHistory(carol, open.id, page), { messages: [], total: 0 });
});

test('pages by number, before and after are right wherever the border of the index lies', async (t) => {
  const house = await openHouse(t);
  const { messaging, log } = house;
  const [ada, bob, carol] = await three(house);
  const ids: string[] = [];
  const other = await messaging.send(ada, hi(carol));
  const list = async (page: Parameters<Messaging['directHistory']>[2]) => {
    const { messages, total } = await messaging.directHistory(ada, bob.id, page);
    assert.equal(total, ids.length);
    return messages.map(({ id }) => id);
  };
  for (let number = 0; number < 34; number += 1) {
    ids.push(
      (await messaging.send(number % 2 === 0 ? ada : bob, hi(number % 2 === 0 ? bob : ada, { content: `${number}` })))
        .id,
    );
    // Some of it is in the table, the rest waits.
    if (number === 9 || number === 20) await flush(log);
    if (number % 11 !== 0 && number !== 33) continue;
    const newest = [...ids].reverse();
    for (const limit of [1, 7, 20, 100]) {
      for (let page = 1; page <= Math.ceil(ids.length / limit) + 1; page += 1) {
        assert.deepEqual(
          await list({ page, limit }),
          newest.slice((page - 1) * limit, page * limit),
          `page ${page} of ${limit}`,
        );
      }
      for (const [place, id] of newest.entries()) {
        assert.deepEqual(
          await list({ page: 1, limit, before: id }),
          newest.slice(place + 1, place + 1 + limit),
          `before ${place}`,
        );
        assert.deepEqual(
          await list({ page: 1, limit, after: id }),
          newest.slice(Math.max(place - limit, 0), place),
          `after ${place}`,
        );
      }
    }
  }
  for (const bound of [nobody, 'nonsense', other.id]) {
    assert.equal(
      await codeOf(messaging.directHistory(ada, bob.id, { page: 1, limit: 5, before: bound })),
      'MESSAGE_NOT_FOUND',
    );
    assert.equal(
      await codeOf(messaging.directHistory(ada, bob.id, { page: 1, limit: 5, after: bound })),
      'MESSAGE_NOT_FOUND',
    );
  }
});

const flush = async (log: unknown): Promise<void> => {
  if (typeof log === 'object' && log !== null && 'flushIndexes' in log && typeof log.flushIndexes === 'function')
    await log.flushIndexes();
};

test('sqlite: what moves into the index while a page is read comes neither twice nor never', {
  skip: engine !== 'sqlite',
}, async (t) => {
  const house = await openHouse(t);
  const { messaging, log, sql } = house;
  const [ada, bob] = await three(house);
  const ids: string[] = [];
  for (let number = 0; number < 30; number += 1) {
    ids.push((await messaging.send(ada, hi(bob, { content: `${number}` }))).id);
    if (number === 24) await flush(log);
  }
  const scan = sql.scan.bind(sql);
  sql.scan = async (query) => {
    await flush(log);
    return scan(query);
  };
  const { messages, total } = await messaging.directHistory(ada, bob.id, { page: 2, limit: 10 });
  assert.deepEqual(
    messages.map(({ id }) => id),
    [...ids].reverse().slice(10, 20),
  );
  assert.equal(total, 30);
});

test('after a kill every message is in its history, and the total is right', async (t) => {
  const house = await openHouse(t);
  const [ada, bob] = await three(house);
  const ids: string[] = [];
  for (let number = 0; number < 12; number += 1) {
    ids.push((await house.messaging.send(ada, hi(bob))).id);
    if (number === 5) await flush(house.log);
  }
  const { messaging, log } = await house.afterKill();
  ids.push((await messaging.send(bob, hi(ada))).id);
  for (let round = 0; round < 2; round += 1) {
    const { messages, total } = await messaging.directHistory(ada, bob.id, { page: 1, limit: 100 });
    assert.deepEqual(
      messages.map(({ id }) => id),
      [...ids].reverse(),
    );
    assert.equal(total, 13);
    await flush(log);
  }
});

test('neither a list of conversations nor a deletion writes what waits for the index of everybody', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const house = await openHouse(t);
  const [ada, bob, carol] = await three(house);
  const group = await house.group(carol, ada);
  const indexed = () => countOf(house, 'conversation_messages');
  const sent: Message[] = [];
  for (const content of ['1', '2', '3', '4']) sent.push(await house.messaging.send(bob, hi(ada, { content })));
  await house.messaging.send(ada, hi(bob, { content: 'own' }));
  const inGroup = await house.messaging.send(carol, { content: 'group', groupId: group });
  await house.messaging.send(carol, hi(bob, { content: 'not for ada' }));
  const [first, second, , last] = sent;
  assert.ok(first && second && last);
  const seen = async ({ messaging }: Pick<House, 'messaging'>) => {
    const { conversations, total } = await messaging.conversations(ada, { page: 1, limit: 20 });
    const lines = conversations.map(({ lastMessage, unread }) => [lastMessage.content, unread]);
    const history = await messaging.directHistory(ada, bob.id, { page: 1, limit: 20 });
    return { lines, total, history: [history.messages.map(({ content }) => content).join(' '), history.total] };
  };
  const whole = [
    ['group', 1],
    ['own', 4],
  ];
  assert.deepEqual(await seen(house), { lines: whole, total: 2, history: ['own 4 3 2 1', 5] });
  await house.messaging.mark(ada, first.id, 'SEEN');
  await house.messaging.changes.remove(bob, second.id);
  await house.messaging.changes.remove(carol, inGroup.id);
  const left = { lines: [['own', 2]], total: 1, history: ['own 4 3 1', 4] };
  assert.deepEqual(await seen(house), left);
  if (house.log instanceof SqliteLog) {
    assert.equal(await indexed(), 0, 'nobody’s has been written');
    assert.deepEqual(await seen(await house.afterKill()), left);
    await Promise.all([house.messaging.changes.remove(bob, last.id), house.log.flushIndexes()]);
    assert.equal(await indexed(), 4);
  } else await house.messaging.changes.remove(bob, last.id);
  const after = { lines: [['own', 1]], total: 1, history: ['own 3 1', 3] };
  assert.deepEqual(await seen(house), after, 'deleted in the commit that writes the index');
  await house.messaging.send(bob, hi(ada, { content: '5' }));
  assert.deepEqual(await seen(house), { lines: [['5', 2]], total: 1, history: ['5 own 3 1', 4] });
});
