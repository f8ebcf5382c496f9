import assert from 'node:assert/strict';
import test from 'node:test';
import { engine } from '../../../test/support/database.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { fate, type House, hi, openHouse, three } from '../../../test/support/messaging.ts';
import { PostgresSql } from '../../infra/sql/sql.postgres.ts';
import type { Principal } from '../../kernel/principal.ts';
import { LastPlaces } from './places.ts';
import type { Draft } from './store.ts';

/** Changes who may write where, and what the next message is answered; then takes it back. */
type Change = {
  name: string;
  code: string;
  change: (house: House, ada: Principal, bob: Principal) => Promise<unknown>;
  back?: (house: House, ada: Principal, bob: Principal) => Promise<unknown>;
};

const changes: Change[] = [
  {
    name: 'the receiver blocks',
    code: 'BLOCKED',
    change: ({ identity }, ada, bob) => identity.block(bob, ada.id),
    back: ({ identity }, ada, bob) => identity.unblock(bob, ada.id),
  },
  {
    name: 'the sender blocks',
    code: 'BLOCKING',
    change: ({ identity }, ada, bob) => identity.block(ada, bob.id),
    back: ({ identity }, ada, bob) => identity.unblock(ada, bob.id),
  },
  { name: 'the sender is gone', code: 'UNAUTHENTICATED', change: ({ remove }, ada) => remove(ada) },
  { name: 'the receiver is gone', code: 'RECEIVER_NOT_FOUND', change: ({ remove }, _, bob) => remove(bob) },
];

for (const { name, code, change, back } of changes) {
  test(`whose place is remembered is judged anew when ${name}`, async (t) => {
    const house = await openHouse(t);
    const [ada, bob, carol] = await three(house);
    const send = () => codeOf(house.messaging.send(ada, hi(bob)));
    for (let i = 0; i < 3; i += 1) assert.equal(await send(), 'no refusal');
    await change(house, ada, bob);
    assert.equal(await send(), code);
    const elsewhere = code === 'UNAUTHENTICATED' ? code : 'no refusal';
    assert.equal(await codeOf(house.messaging.send(ada, hi(carol))), elsewhere);
    if (back === undefined) return;
    await back(house, ada, bob);
    for (let i = 0; i < 3; i += 1) assert.equal(await send(), 'no refusal');
  });
}

test('whose place is remembered is judged anew when they have left the group, and come back', async (t) => {
  const house = await openHouse(t);
  const [ada, bob] = await three(house);
  const group = await house.group(ada, bob);
  const send = () => codeOf(house.messaging.send(bob, { content: 'x', groupId: group }));
  for (let i = 0; i < 3; i += 1) assert.equal(await send(), 'no refusal');
  await house.leave(bob, group);
  assert.equal(await send(), 'NOT_A_MEMBER');
  await house.groups.addMember(ada, group, { userId: bob.id, key: null });
  for (let i = 0; i < 3; i += 1) assert.equal(await send(), 'no refusal');
  await house.groups.remove(ada, group);
  assert.equal(await send(), 'GROUP_NOT_FOUND');
});

test('what is sent without waiting around a change is judged by what was so at its place in the log', async (t) => {
  const house = await openHouse(t);
  const [ada, bob, carol] = await three(house);
  for (const receiver of [carol, bob]) await house.messaging.send(ada, hi(receiver));
  const sends: Promise<string>[] = [];
  const send = () => sends.push(fate(house.messaging.send(ada, hi(bob))), fate(house.messaging.send(carol, hi(bob))));
  for (let i = 0; i < 5; i += 1) send();
  let blocked = false;
  const blocking = house.identity.block(bob, ada.id).then(() => {
    blocked = true;
  });
  for (let i = 0; i < 2_000 && !blocked; i += 1) {
    send();
    if (i % 10 === 9) await new Promise((resolve) => setImmediate(resolve));
  }
  await blocking;
  const fates = await Promise.all(sends);
  const ofAda = fates.filter((_, index) => index % 2 === 0);
  const first = ofAda.indexOf('BLOCKED');
  const from = first < 0 ? ofAda.length : first;
  assert.ok(
    ofAda.slice(from).every((fate) => fate === 'BLOCKED'),
    'none gets through after the first refusal',
  );
  assert.ok(
    fates.every((fate, index) => index % 2 === 0 || !/^[A-Z_]+$/.test(fate)),
    'others are not touched',
  );
  assert.equal(await codeOf(house.messaging.send(ada, hi(bob))), 'BLOCKED');
  const { total } = await house.messaging.directHistory(ada, bob.id, { page: 1, limit: 1 });
  assert.equal(total, 1 + from);
  const rows = await house.log.rowsAfter(0, 10_000);
  const block = rows.find(({ type }) => type === 'account.blocked')?.seq ?? 0;
  const written = rows.flatMap(({ seq, body }) => {
    const { sender, receiver } = body as { sender?: number; receiver?: number };
    return sender === ada.account && receiver === bob.account ? [seq] : [];
  });
  assert.ok(block > 0 && written.length === total);
  assert.ok(Math.max(...written) < block, 'none of hers lies above the block');
});

test('postgres: a change that another process commits is seen by the next message', {
  skip: engine !== 'postgres',
}, async (t) => {
  const house = await openHouse(t);
  assert.ok(house.sql instanceof PostgresSql);
  const [ada, bob, carol] = await three(house);
  const send = () => codeOf(house.messaging.send(ada, hi(bob)));
  for (let i = 0; i < 3; i += 1) assert.equal(await send(), 'no refusal');
  const { pool } = house.sql;
  const counted = async () =>
    (await pool.query<{ places: number }>('SELECT places FROM log_state')).rows[0]?.places ?? -1;
  const before = await counted();
  await pool.query('INSERT INTO blocks (account, blocked, at) VALUES ($1, $2, 1), ($1, $3, 1)', [
    bob.account,
    ada.account,
    carol.account,
  ]);
  assert.equal(await counted(), before + 1, 'once for a transaction');
  assert.equal(await send(), 'BLOCKED');
  await pool.query('UPDATE accounts SET last_seen = 2');
  assert.equal(await counted(), before + 1, 'of what touches no place nothing is counted');
  await pool.query('DELETE FROM blocks');
  assert.equal(await send(), 'no refusal');
});

test('the last place of a sender is remembered until it is forgotten, for that place only, and of so many senders', () => {
  const places = new LastPlaces();
  const draft = (sender: number, kind: 'direct' | 'group', id: string) => ({ sender, target: { kind, id } }) as Draft;
  const place = { conversation: 7, receiver: 2, group: null };
  assert.equal(places.of(draft(1, 'direct', 'b')), undefined);
  places.note(1, 'b', place);
  assert.equal(places.of(draft(1, 'direct', 'b')), place);
  for (const other of [draft(1, 'group', 'b'), draft(1, 'direct', 'c'), draft(2, 'direct', 'b')])
    assert.equal(places.of(other), undefined);
  places.note(1, 'c', { ...place, conversation: 8 });
  assert.equal(places.of(draft(1, 'direct', 'b')), undefined);
  assert.equal(places.of(draft(1, 'direct', 'c'))?.conversation, 8);
  for (let sender = 2; sender <= 50_000; sender += 1) places.note(sender, 'b', place);
  assert.equal(places.of(draft(1, 'direct', 'c'))?.conversation, 8);
  places.note(50_001, 'b', place);
  assert.equal(places.of(draft(1, 'direct', 'c')), undefined, 'one too many');
  places.forget();
  assert.equal(places.of(draft(50_001, 'direct', 'b')), undefined);
});
