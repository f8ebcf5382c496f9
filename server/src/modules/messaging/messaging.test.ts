import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf } from '../../../test/support/identity.ts';
import { countOf, fate, hi, openHouse, three } from '../../../test/support/messaging.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Message, MessageDraft } from './schema.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a direct message is one row of the log, to its receiver and its sender', async (t) => {
  const house = await openHouse(t);
  const { messaging, log, clock, online } = house;
  const [ada, bob] = await three(house);
  const content = 'é 🚀 "q" \'s\' \\ {a,b} NULL\n$1';
  const metadata = { size: 1, name: content, 'a\nb\u2028': { 'c\rd': '\u0000' } };
  const first = await messaging.send(ada, hi(bob, { content, type: 'FILE', metadata }));
  assert.deepEqual(first, {
    seq: 1,
    id: first.id,
    conversation: first.conversation,
    sender: ada.account,
    senderId: ada.id,
    receiver: bob.account,
    receiverId: bob.id,
    groupId: null,
    content,
    type: 'FILE',
    status: 'SENT',
    parentId: null,
    reactions: [],
    metadata,
    clientId: null,
    createdAt: clock.now(),
    updatedAt: clock.now(),
  });
  const [row] = await log.rowsAfter(0, 10);
  assert.deepEqual([row?.topic, row?.peer], [topicOf('user', bob.account), topicOf('user', ada.account)]);
  assert.deepEqual(row?.body, first, 'what is read from the table is what was handed out');
  online.add(bob.id);
  assert.equal((await messaging.send(ada, hi(bob))).status, 'DELIVERED');
  const back = await messaging.send(bob, hi(ada, { parentId: first.id }));
  assert.deepEqual([back.conversation, back.parentId], [first.conversation, first.id]);
});

test('a message to oneself, and one to a group', async (t) => {
  const house = await openHouse(t);
  const { messaging, log } = house;
  const [ada, bob] = await three(house);
  const own = await messaging.send(ada, hi(ada));
  assert.deepEqual([own.receiver, own.sender], [ada.account, ada.account]);
  const group = await house.group(ada, bob);
  const { seq, groupId, receiverId } = await messaging.send(bob, { content: 'hi', groupId: group });
  assert.deepEqual([groupId, receiverId], [group, null]);
  const [row] = await log.rowsAfter(seq - 1, 1);
  assert.equal(row?.topic, topicOf('group', (await house.groups.find(group))?.group ?? 0));
  assert.equal(row?.peer, null);
  const page = await log.page(await log.intervals(ada.account, 0), { after: 0, upTo: seq, limit: 10 });
  assert.deepEqual(
    page.filter(({ type }) => type === 'message').map((found) => found.seq),
    [own.seq, seq],
  );
});

test('who may write where', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob, carol] = await three(house);
  const group = await house.group(ada, bob);
  const inGroup = await messaging.send(ada, { content: 'x', groupId: group });
  const direct = await messaging.send(ada, hi(bob));
  const before = await house.log.head();
  const refusals: [MessageDraft, string][] = [
    [{ content: 'x' }, 'ONE_TARGET'],
    [{ content: 'x', receiverId: null, groupId: null }, 'ONE_TARGET'],
    [{ content: 'x', receiverId: bob.id, groupId: group }, 'ONE_TARGET'],
    [{ content: 'x', receiverId: nobody }, 'RECEIVER_NOT_FOUND'],
    [{ content: 'x', receiverId: 'nonsense' }, 'RECEIVER_NOT_FOUND'],
    [{ content: 'x', receiverId: group }, 'RECEIVER_NOT_FOUND'],
    [{ content: 'x', groupId: nobody }, 'GROUP_NOT_FOUND'],
    [{ content: 'x', groupId: bob.id }, 'GROUP_NOT_FOUND'],
    [hi(bob, { parentId: nobody }), 'PARENT_NOT_FOUND'],
    [hi(bob, { parentId: 'nonsense' }), 'PARENT_NOT_FOUND'],
    [hi(bob, { parentId: inGroup.id }), 'PARENT_NOT_FOUND'],
    [hi(carol, { parentId: direct.id }), 'PARENT_NOT_FOUND'],
    [{ content: 'x', groupId: group, parentId: direct.id }, 'PARENT_NOT_FOUND'],
    [hi(bob, { metadata: { text: 'é'.repeat(8_200) } }), 'INVALID_INPUT'],
  ];
  for (const [draft, code] of refusals)
    assert.equal(await codeOf(messaging.send(ada, draft)), code, JSON.stringify(draft).slice(0, 100));
  assert.equal(await codeOf(messaging.send(carol, { content: 'x', groupId: group })), 'NOT_A_MEMBER');
  await house.leave(bob, group);
  assert.equal(await codeOf(messaging.send(bob, { content: 'x', groupId: group })), 'NOT_A_MEMBER');
  await house.remove(bob);
  assert.equal(await codeOf(messaging.send(ada, hi(bob))), 'RECEIVER_NOT_FOUND');
  assert.equal(await codeOf(messaging.send(carol, hi(bob))), 'RECEIVER_NOT_FOUND');
  assert.equal(await house.log.head(), before + 1);
});

test('a refused draft leaves nothing behind and touches nobody in its batch', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob, carol] = await three(house);
  await messaging.send(ada, hi(bob, { clientId: 'key-00001' }));
  const conversations = await countOf(house, 'conversations');
  const fates = await Promise.all([
    fate(messaging.send(ada, hi(carol, { parentId: nobody }))),
    fate(messaging.send(bob, { content: 'x', receiverId: nobody })),
    fate(messaging.send(ada, hi(carol, { clientId: 'key-00001' }))),
  ]);
  assert.deepEqual(fates, ['PARENT_NOT_FOUND', 'RECEIVER_NOT_FOUND', 'KEY_REUSED']);
  assert.equal(await countOf(house, 'conversations'), conversations);
  assert.equal(await countOf(house, 'messages'), 1);
  const mixed = await Promise.all([
    fate(messaging.send(ada, hi(bob, { content: 'a' }))),
    fate(messaging.send(ada, { content: 'x', receiverId: nobody })),
    fate(messaging.send(carol, hi(bob, { content: 'b' }))),
  ]);
  assert.equal(mixed[1], 'RECEIVER_NOT_FOUND');
  assert.equal(await countOf(house, 'messages'), 3);
  assert.equal(await house.log.head(), 3);
});

test('ids may be written in capitals; they are one person, one group and one message', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob] = await three(house);
  const group = await house.group(ada);
  const first = await messaging.send(ada, { content: 'a', receiverId: bob.id.toUpperCase() });
  assert.equal(first.receiverId, bob.id);
  const second = await messaging.send(ada, hi(bob, { parentId: first.id.toUpperCase() }));
  assert.deepEqual([second.conversation, second.parentId], [first.conversation, first.id]);
  assert.equal((await messaging.send(ada, { content: 'a', groupId: group.toUpperCase() })).groupId, group);
  assert.equal((await messaging.read(ada, first.id.toUpperCase())).id, first.id);
  const key = 'key-00001';
  const keyed = await messaging.send(ada, hi(bob, { clientId: key }));
  assert.equal(
    (await messaging.send(ada, { ...hi(bob), receiverId: bob.id.toUpperCase(), clientId: key })).id,
    keyed.id,
  );
});

test('text that is no text: half a letter becomes the replacement character, the same on the wire and on disk', async (t) => {
  const house = await openHouse(t);
  const { messaging, log } = house;
  const [ada, bob] = await three(house);
  const sent = await messaging.send(
    ada,
    hi(bob, { content: 'a\ud800b', metadata: { half: '\udc00' }, clientId: 'key-00001' }),
  );
  assert.equal(sent.content, 'a\ufffdb');
  const [row] = await log.rowsAfter(0, 1);
  assert.deepEqual(row?.body, sent);
  const again = await messaging.send(
    ada,
    hi(bob, { content: 'a\ud800b', metadata: { half: '\udc00' }, clientId: 'key-00001' }),
  );
  assert.equal(again.id, sent.id);
});

test('what one person sends without waiting keeps its order', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob, carol] = await three(house);
  await messaging.send(ada, hi(bob));
  const sends: Promise<Message>[] = [];
  for (let number = 0; number < 1_500; number += 1) {
    // To one they have written to before, and to one they have not.
    sends.push(messaging.send(ada, hi(number % 3 === 0 ? carol : bob, { content: `${number}` })));
    if (number % 50 === 0) await turn();
  }
  const seqs = (await Promise.all(sends)).map(({ seq }) => seq);
  assert.deepEqual(
    seqs,
    [...seqs].sort((a, b) => a - b),
  );
});
