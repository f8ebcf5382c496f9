import assert from 'node:assert/strict';
import test from 'node:test';
import { engine } from '../../../test/support/database.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { countOf, fate, hi, openHouse, three } from '../../../test/support/messaging.ts';
import { PostgresSql } from '../../infra/sql/sql.postgres.ts';
import { newIdText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { MessageDraft } from './schema.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

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

test('postgres: a set that is written once more, because nobody knows whether it was, is known with keys and without', {
  skip: engine !== 'postgres',
}, async (t) => {
  const house = await openHouse(t);
  const [ada, bob] = await three(house);
  const first = await house.messaging.send(ada, hi(bob));
  const { sql } = house;
  assert.ok(sql instanceof PostgresSql);
  const ids = [newIdText(), newIdText()].map((id) => id.replaceAll('-', ''));
  const twice = <Value>(value: Value): Value[] => [value, value];
  const places = await sql.statement<{ places: number }>('SELECT places FROM log_state').get();
  const append = async (counted: number | null) => {
    const none = 'ARRAY[NULL, NULL]';
    const { rows } = await sql.pool.query<{ verdict: string; seq: number; known: number }>(
      `SELECT verdict, seq, known FROM messages_append($1, $2, $3, ${none}::text[], ${none}::text[], $4, $4, $4,
         ${none}::text[], $5, $6, $7, $8, ${none}::bigint[], $9)`,
      [
        ids,
        twice(ada.account),
        twice(bob.id.replaceAll('-', '')),
        twice('TEXT'),
        [null, 'key-00001'],
        twice(1),
        twice(first.conversation),
        twice(bob.account),
        counted,
      ],
    );
    return rows.map(({ verdict, seq, known }) => [verdict, seq, known]);
  };
  const now = places?.places ?? -1;
  // As it is written when the places are remembered, and again when they are, and are not.
  assert.deepEqual(await append(now), [[null, 2, now]]);
  for (const counted of [now, null]) {
    assert.deepEqual(await append(counted), [
      [null, 4, now],
      ['known', null, 2],
      ['known', null, 3],
    ]);
  }
  assert.equal(await countOf(house, 'messages'), 3);
});
