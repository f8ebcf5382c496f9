import assert from 'node:assert/strict';
import test from 'node:test';
import { engine } from '../../../test/support/database.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { type House, openHouse } from '../../../test/support/messaging.ts';
import { SqliteLog } from '../../infra/log/log.sqlite.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { PostgresSql } from '../../infra/sql/sql.postgres.ts';
import { newIdText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Messaging } from './index.ts';
import type { Message, MessageDraft } from './schema.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function three(house: House): Promise<[Principal, Principal, Principal]> {
  const [ada, bob, carol] = await house.people(3);
  assert.ok(ada && bob && carol);
  return [ada, bob, carol];
}

const hi = (to: Principal, more: Partial<MessageDraft> = {}): MessageDraft => ({
  content: 'hi',
  receiverId: to.id,
  ...more,
});
const countOf = async ({ sql }: House, table: string): Promise<number> =>
  (await sql.statement<{ count: number }>(`SELECT count(*) AS count FROM ${table}`).get())?.count ?? -1;
/** What became of a send: the message's id, or the code of the refusal. */
const fate = async (sending: Promise<Message>): Promise<string> => {
  const code = await codeOf(sending);
  return code === 'no refusal' ? (await sending).id : code;
};

test('a direct message is one row of the log, to its receiver and its sender', async (t) => {
  const house = await openHouse(t);
  const { messaging, log, clock, online } = house;
  const [ada, bob] = await three(house);
  const first = await messaging.send(ada, hi(bob, { content: 'é 🚀', type: 'FILE', metadata: { size: 1 } }));
  assert.deepEqual(first, {
    seq: 1,
    id: first.id,
    conversation: first.conversation,
    sender: ada.account,
    senderId: ada.id,
    receiver: bob.account,
    receiverId: bob.id,
    groupId: null,
    content: 'é 🚀',
    type: 'FILE',
    status: 'SENT',
    parentId: null,
    reactions: [],
    metadata: { size: 1 },
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

test('the same key with the same input is the first message again', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob, carol] = await three(house);
  const group = await house.group(ada, bob);
  const parent = await messaging.send(ada, hi(bob));
  const drafts: MessageDraft[] = [
    hi(bob, { clientId: 'key-00001' }),
    hi(bob, { clientId: 'key-00002', parentId: parent.id, metadata: { a: [1, { b: null }] }, type: 'VOICE' }),
    { content: 'x', groupId: group, clientId: 'key-00003' },
    hi(ada, { clientId: 'key-00004' }),
  ];
  for (const draft of drafts) {
    const first = await messaging.send(ada, draft);
    assert.equal(first.clientId, draft.clientId);
    const head = await house.log.head();
    assert.deepEqual(await messaging.send(ada, draft), first);
    assert.equal(await house.log.head(), head);
  }
  // A key belongs to its account.
  const others = await messaging.send(carol, hi(bob, { content: 'mine', clientId: 'key-00001' }));
  assert.deepEqual([others.content, others.senderId], ['mine', carol.id]);
});

test('the same key with another input is a conflict, and nothing is done', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob, carol] = await three(house);
  const group = await house.group(ada, bob);
  const parent = await messaging.send(ada, hi(bob));
  const clientId = 'key-00001';
  const draft = hi(bob, { clientId, metadata: { a: 1 } });
  await messaging.send(ada, draft);
  const head = await house.log.head();
  const { receiverId: _, ...toNobody } = draft;
  const others: MessageDraft[] = [
    { ...draft, content: 'ho' },
    { ...draft, type: 'IMAGE' },
    { ...draft, metadata: { a: 2 } },
    { ...draft, metadata: null },
    { ...draft, parentId: parent.id },
    { ...draft, receiverId: carol.id },
    { ...draft, receiverId: ada.id },
    { ...toNobody, groupId: group },
  ];
  for (const other of others)
    assert.equal(await codeOf(messaging.send(ada, other)), 'KEY_REUSED', JSON.stringify(other));
  assert.equal(await house.log.head(), head);
});

test('twins, in one batch and while the first is under way, make one message', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob] = await three(house);
  for (let round = 0; round < 5; round += 1) {
    const draft = hi(bob, { clientId: `key-0000${round}` });
    const sends: Promise<string>[] = [];
    for (let twin = 0; twin < 20; twin += 1) {
      sends.push(fate(messaging.send(ada, draft)));
      if (twin % 4 === round % 4) await turn();
    }
    assert.equal(new Set(await Promise.all(sends)).size, 1);
  }
  assert.equal(await countOf(house, 'messages'), 5);
  assert.equal(await house.log.head(), 5);
});

test('twins with another input in one batch: the first is sent, the others are conflicts', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob] = await three(house);
  const send = (content: string, clientId: string) => fate(messaging.send(ada, hi(bob, { content, clientId })));
  const [first, ...others] = await Promise.all(['a', 'b', 'a', 'c'].map((content) => send(content, 'key-00001')));
  assert.deepEqual(others, ['KEY_REUSED', first, 'KEY_REUSED']);
  // And when the key is known from before.
  assert.deepEqual(await Promise.all(['b', 'a', 'b'].map((content) => send(content, 'key-00001'))), [
    'KEY_REUSED',
    first,
    'KEY_REUSED',
  ]);
  assert.deepEqual(await Promise.all(['a', 'b', 'a'].map((content) => send(content, 'key-00001'))), [
    first,
    'KEY_REUSED',
    first,
  ]);
  assert.equal(await countOf(house, 'messages'), 1);
});

test('refusals are not stored: the key is free, also for a twin in the same batch', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob] = await three(house);
  const lost = { content: 'hi', receiverId: nobody, clientId: 'key-00001' };
  assert.equal(await fate(messaging.send(ada, lost)), 'RECEIVER_NOT_FOUND');
  const sent = await fate(messaging.send(ada, hi(bob, { clientId: 'key-00001' })));
  assert.equal((await messaging.read(bob, sent)).content, 'hi');
  const [refused, accepted] = await Promise.all([
    fate(messaging.send(ada, { ...lost, clientId: 'key-00002' })),
    fate(messaging.send(ada, hi(bob, { clientId: 'key-00002' }))),
  ]);
  assert.equal(refused, 'RECEIVER_NOT_FOUND');
  assert.equal((await messaging.read(bob, accepted)).clientId, 'key-00002');
});

test('a retry gets what the first try made, although receiver or membership are gone since, and after a kill', async (t) => {
  const house = await openHouse(t);
  const { messaging } = house;
  const [ada, bob, carol] = await three(house);
  const group = await house.group(carol, ada);
  const drafts = [hi(bob, { clientId: 'key-00001' }), { content: 'x', groupId: group, clientId: 'key-00002' }];
  const sent = await Promise.all(drafts.map((draft) => fate(messaging.send(ada, draft))));
  await house.remove(bob);
  await house.leave(ada, group);
  assert.deepEqual(await Promise.all(drafts.map((draft) => fate(messaging.send(ada, draft)))), sent);
  const changed = drafts.map((draft) => fate(messaging.send(ada, { ...draft, content: 'other' })));
  assert.deepEqual(await Promise.all(changed), ['KEY_REUSED', 'KEY_REUSED']);
  assert.equal(await codeOf(messaging.send(ada, hi(bob))), 'RECEIVER_NOT_FOUND');
  const later = await house.afterKill();
  assert.deepEqual(await Promise.all(drafts.map((draft) => fate(later.messaging.send(ada, draft)))), sent);
});

test('a retry by who may no longer read the group says what they sent, and nothing that it has become since', async (t) => {
  const house = await openHouse(t);
  const { messaging, groups } = house;
  const [ada, bob, carol] = await house.people(3);
  assert.ok(ada && bob && carol);
  const thumb = (by: Principal, id: string) => messaging.changes.react(by, id, { emoji: '👍', action: 'added' });
  for (const end of ['left', 'deleted'] as const) {
    const group = await house.group(bob, ada, carol);
    const draft = { content: 'x', groupId: group, clientId: `key-of-${end}` };
    const sent = await messaging.send(ada, draft);
    house.clock.forward(1_000);
    await messaging.changes.edit(ada, sent.id, 'y');
    await thumb(carol, sent.id);
    const { content, reactions } = await messaging.send(ada, draft);
    assert.deepEqual([content, reactions], ['y', [{ emoji: '👍', count: 1 }]], 'a member is told what it is now');
    if (end === 'left') await groups.leave(ada, group, null);
    else await groups.remove(bob, group);
    assert.deepEqual(await messaging.send(ada, draft), sent);
    assert.equal(await codeOf(messaging.send(ada, { ...draft, content: 'y' })), 'KEY_REUSED');
    if (end === 'deleted') continue;
    await thumb(bob, sent.id);
    assert.deepEqual(await messaging.send(ada, draft), sent);
    await groups.update(bob, group, { type: 'PUBLIC' });
    assert.deepEqual((await messaging.send(ada, draft)).reactions, [{ emoji: '👍', count: 2 }], 'all may read it');
  }
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

test('postgres: a set that is written once more, because nobody knows whether it was, is known with keys and without', {
  skip: engine !== 'postgres',
}, async (t) => {
  const house = await openHouse(t);
  const [ada, bob] = await three(house);
  await house.messaging.send(ada, hi(bob));
  const { sql } = house;
  assert.ok(sql instanceof PostgresSql);
  const hex = (id: string): string => id.replaceAll('-', '');
  const draft = { sender: ada.account, receiver: hex(bob.id), content: 'x', type: 'TEXT', status: 'SENT', at: 1 };
  const set = [
    { ...draft, i: 0, id: hex(newIdText()) },
    { ...draft, i: 1, id: hex(newIdText()), key: 'key-00001' },
  ];
  const append = async () => {
    const { rows } = await sql.pool.query<{ verdict: string; seq: number; known: number }>(
      'SELECT verdict, seq, known FROM messages_append($1::jsonb)',
      [JSON.stringify(set)],
    );
    return rows;
  };
  const sent = await append();
  assert.deepEqual(
    sent.map(({ verdict }) => verdict),
    ['sent', 'sent'],
  );
  const again = await append();
  assert.deepEqual(
    again.map(({ verdict, known }) => [verdict, known]),
    sent.map(({ seq }) => ['known', seq]),
  );
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
