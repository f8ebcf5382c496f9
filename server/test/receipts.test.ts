import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PostgresSql } from '../src/infra/sql/sql.postgres.ts';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, type Ear, field } from './support/clients.ts';
import { startServer } from './support/server.ts';

async function open(t: Parameters<typeof startServer>[0], settings: Parameters<typeof startServer>[1] = {}) {
  const server = await startServer(t, settings);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const call = async (who: SignedIn, method: string, path: string) => {
    const answer = await server.call(method, `/api/v1/${path}`, { token: who.accessToken });
    return { ...answer, data: answer.body['data'] as Record<string, unknown> };
  };
  const mark = (who: SignedIn, id: string, what: 'delivered' | 'seen') => call(who, 'POST', `messages/${id}/${what}`);
  const statuses = async (who: SignedIn, path: string): Promise<string[]> => {
    const { body } = await call(who, 'GET', `messages/${path}`);
    return (body['data'] as { status: string }[]).map(({ status }) => status);
  };
  return { server, ada, bob, carol, call, mark, statuses };
}

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

test('[social:POST /messages/{id}/delivered] [social:POST /messages/{id}/seen] [social:enum message status] a receipt counts for the message and all before it, and never goes back', async (t) => {
  const { server, ada, bob, call, mark, statuses } = await open(t);
  const ids: string[] = [];
  for (const text of ['a', 'b', 'c']) ids.push(await server.send(ada, { receiverId: bob.principal.id }, text));
  const [first = '', second = '', third = ''] = ids;
  const path = `direct/${bob.principal.id}`;
  assert.deepEqual(await statuses(ada, path), ['SENT', 'SENT', 'SENT']);
  const { status, body } = await mark(bob, second, 'delivered');
  assert.deepEqual([status, body], [200, { success: true, data: { id: second, status: 'DELIVERED' } }]);
  assert.deepEqual(await statuses(ada, path), ['SENT', 'DELIVERED', 'DELIVERED']);
  assert.deepEqual((await mark(bob, first, 'seen')).body, { success: true, data: { id: first, status: 'SEEN' } });
  assert.deepEqual(await statuses(ada, path), ['SENT', 'DELIVERED', 'SEEN']);
  assert.deepEqual((await mark(bob, first, 'delivered')).data, { id: first, status: 'SEEN' }, 'never back');
  assert.deepEqual((await mark(bob, third, 'seen')).data['status'], 'SEEN');
  assert.deepEqual((await mark(bob, second, 'delivered')).data['status'], 'SEEN');
  assert.deepEqual(await statuses(ada, path), ['SEEN', 'SEEN', 'SEEN']);
  assert.deepEqual(await statuses(bob, `direct/${ada.principal.id}`), ['SEEN', 'SEEN', 'SEEN']);
  assert.equal((await call(ada, 'GET', `messages/${third}`)).data['status'], 'SEEN');
  await server.restart();
  assert.deepEqual(await statuses(ada, path), ['SEEN', 'SEEN', 'SEEN']);
  const answer = await server.send(bob, { receiverId: ada.principal.id }, 'an answer');
  assert.equal((await call(bob, 'GET', `messages/${answer}`)).data['status'], 'SENT');
});

test('threat S-5: a receipt is given by the receiver and by members, for what is there', async (t) => {
  const { server, ada, bob, carol, mark, call } = await open(t);
  const group = await server.group(ada, bob);
  const direct = await server.send(ada, { receiverId: bob.principal.id }, 'direct');
  const inGroup = await server.send(ada, { groupId: group }, 'in the group');
  const deleted = await server.send(ada, { receiverId: bob.principal.id }, 'deleted');
  await call(ada, 'DELETE', `messages/${deleted}`);
  const cases: [SignedIn, string, number, string][] = [
    [ada, direct, 403, 'FORBIDDEN'],
    [ada, inGroup, 403, 'FORBIDDEN'],
    [carol, direct, 404, 'NOT_FOUND'],
    [carol, inGroup, 404, 'NOT_FOUND'],
    [bob, deleted, 404, 'NOT_FOUND'],
    [bob, nobody, 404, 'NOT_FOUND'],
    [bob, 'nonsense', 404, 'NOT_FOUND'],
  ];
  for (const [who, messageId, status, code] of cases) {
    const { ask, socket } = await connected(t, server, { token: who.accessToken });
    for (const what of ['delivered', 'seen'] as const) {
      assert.equal((await mark(who, messageId, what)).status, status, `${what} ${code}`);
      assert.equal(field(await ask(`message:${what}`, { messageId }), 'code'), code);
    }
    socket.disconnect();
  }
  for (const id of [direct, inGroup]) assert.equal((await call(ada, 'GET', `messages/${id}`)).data['status'], 'SENT');
});

const statusesIn = (ear: Ear) => ear.of('message:status').map(({ data }) => data);

test('the sender alone hears what has become of a message: at once, and then what has gathered within the second', async (t) => {
  const { server, ada, bob } = await open(t);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  const [own, other] = [
    await connected(t, server, { token: ada.accessToken }),
    await connected(t, server, { token: bob.accessToken }),
  ];
  const began = performance.now();
  assert.deepEqual(await other.ask('message:delivered', { messageId: id }), {
    success: true,
    data: { id, status: 'DELIVERED' },
  });
  await other.ask('message:seen', { messageId: id });
  await other.ask('message:seen', { messageId: id });
  await other.ask('message:delivered', { messageId: id });
  await own.ear.until(({ data }) => field(data, 'status') === 'SEEN');
  assert.ok(performance.now() - began >= 900, 'once a second for a message');
  const { id: userId } = bob.principal;
  assert.deepEqual(statusesIn(own.ear), [
    { messageId: id, groupId: null, status: 'DELIVERED', members: [{ userId, status: 'DELIVERED' }] },
    { messageId: id, groupId: null, status: 'SEEN', members: [{ userId, status: 'SEEN' }] },
  ]);
  assert.deepEqual(statusesIn(other.ear), []);
});

test('what comes in while another receipt is being stored does not make the sender hear less', async (t) => {
  const { server, ada, bob } = await open(t);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  const next = await server.send(ada, { receiverId: bob.principal.id }, 'next');
  const own = await connected(t, server, { token: ada.accessToken });
  const phone = await connected(t, server, { token: bob.accessToken });
  const desk = await connected(t, server, { token: bob.accessToken });
  await Promise.all([phone.ask('message:seen', { messageId: id }), desk.ask('message:delivered', { messageId: id })]);
  await phone.ask('message:delivered', { messageId: next });
  await phone.ask('message:seen', { messageId: next });
  // Told a second after the receipts of this one, and so after all that is told of the first.
  await own.ear.until(({ data }) => field(data, 'messageId') === next && field(data, 'status') === 'SEEN');
  const members = [{ userId: bob.principal.id, status: 'SEEN' }];
  const told = statusesIn(own.ear).filter((data) => field(data, 'messageId') === id);
  assert.deepEqual(told.at(-1), { messageId: id, groupId: null, status: 'SEEN', members });
});

test('in a group the sender sees what all have done, and everybody else what they have', async (t) => {
  const { server, ada, bob, carol, mark, call, statuses } = await open(t);
  const [late] = await server.people(1);
  assert.ok(late);
  const group = await server.group(ada, bob, carol);
  const own = await connected(t, server, { token: ada.accessToken });
  const id = await server.send(ada, { groupId: group }, 'hello');
  const path = `group/${group}`;
  const seenBy = async (...people: SignedIn[]) =>
    Promise.all(people.map(async (who) => (await statuses(who, path))[0]));
  await mark(bob, id, 'seen');
  assert.deepEqual(await seenBy(ada, bob, carol), ['SENT', 'SEEN', 'SENT']);
  assert.deepEqual((await own.ear.until('message:status')).data, {
    messageId: id,
    groupId: group,
    status: 'SENT',
    members: [{ userId: bob.principal.id, status: 'SEEN' }],
  });
  await mark(carol, id, 'delivered');
  assert.deepEqual(await seenBy(ada, bob, carol), ['DELIVERED', 'SEEN', 'DELIVERED']);
  const { token, body } = { token: ada.accessToken, body: { userId: late.principal.id } };
  assert.equal((await server.call('POST', `/api/v1/groups/${group}/members`, { token, body })).status, 200);
  assert.deepEqual(await seenBy(ada), ['DELIVERED'], 'who joins later holds nothing back');
  assert.equal((await call(ada, 'DELETE', `groups/${group}/members/${carol.principal.id}`)).status, 200);
  assert.deepEqual(await seenBy(ada), ['SEEN'], 'nor does who has left');
  assert.equal((await mark(carol, id, 'seen')).status, 404);
  const next = await server.send(bob, { groupId: group }, 'next');
  await mark(ada, next, 'seen');
  assert.deepEqual(await seenBy(bob), ['SENT'], 'the last one in the group has not');
  await mark(late, next, 'seen');
  assert.deepEqual(await seenBy(bob), ['SEEN']);
});

test('in a group of more than fifty the sender hears how many', async (t) => {
  const { server, ada, mark } = await open(t);
  const people = await server.people(52);
  const group = await server.group(ada, ...people);
  const id = await server.send(ada, { groupId: group }, 'hello');
  const own = await connected(t, server, { token: ada.accessToken });
  for (const who of people.slice(0, 3)) assert.equal((await mark(who, id, 'delivered')).status, 200);
  assert.equal((await mark(people[0] as SignedIn, id, 'seen')).status, 200);
  const { data } = await own.ear.until(
    ({ event, data: told }) => event === 'message:status' && field(told, 'seen') === 1,
  );
  assert.deepEqual(data, { messageId: id, groupId: group, status: 'SENT', delivered: 3, seen: 1 });
});

test('threat S-7: no receipt passes between the blocked and the blocker', async (t) => {
  const { server, ada, bob, mark, call } = await open(t);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  const own = await connected(t, server, { token: ada.accessToken });
  await server.app.identity.block(bob.principal, ada.principal.id);
  assert.equal((await mark(bob, id, 'seen')).status, 200);
  // What is told is told before the answer.
  await own.ask('message:edit', { messageId: id, content: 'x' });
  assert.deepEqual(statusesIn(own.ear), []);
  assert.equal((await call(bob, 'GET', `messages/${id}`)).data['status'], 'SEEN');
});

test('the blocked are shown over REST what was so before the block, until the next receipt after it', async (t) => {
  const { server, ada, bob, mark, call, statuses } = await open(t);
  const ids: string[] = [];
  for (const text of ['a', 'b', 'c']) ids.push(await server.send(ada, { receiverId: bob.principal.id }, text));
  const [first = '', second = '', third = ''] = ids;
  await mark(bob, first, 'seen');
  await mark(bob, second, 'delivered');
  const shown = () => statuses(ada, `direct/${bob.principal.id}`);
  assert.deepEqual(await shown(), ['SENT', 'DELIVERED', 'SEEN']);
  await server.app.identity.block(bob.principal, ada.principal.id);
  assert.equal((await mark(bob, second, 'seen')).data['status'], 'SEEN');
  assert.equal((await call(bob, 'POST', `conversations/${ada.principal.id}/seen`)).status, 200);
  assert.deepEqual(await shown(), ['SENT', 'DELIVERED', 'SEEN']);
  assert.equal((await call(ada, 'GET', `messages/${third}`)).data['status'], 'SENT');
  assert.deepEqual(await statuses(bob, `direct/${ada.principal.id}`), ['SEEN', 'SEEN', 'SEEN']);
  await server.app.identity.unblock(bob.principal, ada.principal.id);
  const fourth = await server.send(ada, { receiverId: bob.principal.id }, 'd');
  assert.deepEqual(await shown(), ['SENT', 'SENT', 'DELIVERED', 'SEEN']);
  await mark(bob, fourth, 'seen');
  assert.deepEqual(await shown(), ['SEEN', 'SEEN', 'SEEN', 'SEEN']);
});

test('the blocked are shown no more when behind what is hidden only one’s own message is left to be seen', async (t) => {
  const { server, ada, bob, mark, call, statuses } = await open(t);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'a');
  await server.send(bob, { receiverId: ada.principal.id }, 'own');
  await server.app.identity.block(bob.principal, ada.principal.id);
  assert.equal((await mark(bob, id, 'seen')).status, 200);
  assert.equal((await call(bob, 'POST', `conversations/${ada.principal.id}/seen`)).status, 200);
  assert.deepEqual((await statuses(ada, `direct/${bob.principal.id}`)).at(-1), 'SENT');
});

test('the other devices of a reader hear up to where a conversation is seen', async (t) => {
  const { server, ada, bob, mark, call } = await open(t);
  const [phone, own] = [
    await connected(t, server, { token: bob.accessToken }),
    await connected(t, server, { token: ada.accessToken }),
  ];
  const first = await server.send(ada, { receiverId: bob.principal.id }, 'a');
  await mark(bob, first, 'seen');
  const seen = (ear: Ear) => ear.of('conversation:seen').map(({ data }) => data);
  const conversationId = ada.principal.id;
  await phone.ear.until('conversation:seen');
  assert.deepEqual(seen(phone.ear), [{ conversationId, messageId: first }]);
  const group = await server.group(ada, bob);
  const inGroup = await server.send(ada, { groupId: group }, 'b');
  for (const id of [group, group, conversationId]) {
    assert.equal((await call(bob, 'POST', `conversations/${id}/seen`)).status, 200);
  }
  await phone.ear.until(({ data }) => field(data, 'messageId') === inGroup);
  assert.deepEqual(seen(phone.ear).slice(1), [{ conversationId: group, messageId: inGroup }]);
  assert.deepEqual(seen(own.ear), []);
});

test('an edit in a group tells nobody but its sender what all have done', async (t) => {
  const { server, ada, bob, mark, statuses } = await open(t);
  const group = await server.group(ada, bob);
  const id = await server.send(ada, { groupId: group }, 'hello');
  await mark(bob, id, 'seen');
  const [own, other] = [
    await connected(t, server, { token: ada.accessToken }),
    await connected(t, server, { token: bob.accessToken }),
  ];
  await own.ask('message:edit', { messageId: id, content: 'x' });
  assert.equal(field((await own.ear.until('message:edit')).data, 'status'), 'SEEN');
  const { data } = await other.ear.until('message:edit');
  assert.deepEqual([field(data, 'content'), field(data, 'status')], ['x', undefined]);
  assert.deepEqual(await statuses(bob, `group/${group}`), ['SEEN']);
});

test('who has left a group hears no more of what they said there', async (t) => {
  const { server, ada, bob, carol, mark, call } = await open(t);
  const group = await server.group(ada, bob, carol);
  const id = await server.send(bob, { groupId: group }, 'hello');
  const own = await connected(t, server, { token: bob.accessToken });
  assert.equal((await call(ada, 'DELETE', `groups/${group}/members/${bob.principal.id}`)).status, 200);
  assert.equal((await mark(carol, id, 'seen')).status, 200);
  // What is told is told before the answer.
  await own.ask('message:delivered', { messageId: id });
  assert.deepEqual(statusesIn(own.ear), []);
});

test('an edit says no less of a message than was said before', async (t) => {
  const { server, ada, bob, mark } = await open(t);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  await mark(bob, id, 'seen');
  const own = await connected(t, server, { token: ada.accessToken });
  const edited = await own.ask('message:edit', { messageId: id, content: 'x' });
  assert.equal(field(field(edited, 'data'), 'status'), 'SEEN');
  assert.equal(field((await own.ear.until('message:edit')).data, 'status'), 'SEEN');
});

test('threat S-5: a hundred thousand random receipts leave each account where the highest of them says', async (t) => {
  const { server, ada } = await open(t);
  const { storage } = server;
  const people = await server.people(4);
  const group = await server.group(ada, ...people);
  const found = await storage.sql
    .statement<{ topic: number }>('SELECT topic FROM receipts WHERE account = ?1')
    .all(ada.principal.account);
  const topic = found[0]?.topic ?? 0;
  const stranger = (await server.people(1))[0]?.principal.account ?? 0;
  const model = new Map<string, { delivered: number; seen: number }>();
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  let raises: Promise<boolean>[] = [];
  const allRaised = async (): Promise<void> => {
    assert.ok((await Promise.all(raises)).every(Boolean));
    raises = [];
  };
  for (let n = 0; n < 100_000; n += 1) {
    const account = people[random(4)]?.principal.account ?? 0;
    const place = random(2) === 0 ? topic : 4 + 8 * (1 + random(3));
    const [delivered, seen] = [100 + random(5_000), random(2) * (100 + random(5_000))];
    raises.push(storage.messageStore.raise({ topic: place, account, delivered, seen }));
    // No more at once than the store lets wait.
    if (raises.length === 5_000) await allRaised();
    const known = model.get(`${place} ${account}`) ?? { delivered: 0, seen: 0 };
    model.set(`${place} ${account}`, {
      delivered: Math.max(known.delivered, delivered),
      seen: Math.max(known.seen, seen),
    });
  }
  await allRaised();
  assert.equal(await storage.messageStore.raise({ topic, account: stranger, delivered: 1, seen: 1 }), false);
  const marks = storage.sql.statement<{ delivered: number; seen: number }>(
    'SELECT delivered, seen FROM receipts WHERE topic = ?1 AND account = ?2',
  );
  for (const [key, { delivered, seen }] of model) {
    const [place = 0, account = 0] = key.split(' ').map(Number);
    assert.deepEqual({ ...(await marks.get(place, account)) }, { delivered, seen });
  }
  assert.equal(await marks.get(topic, stranger), undefined);
  assert.ok(group);
});

/** Until so many statements of this database wait for a lock. */
async function waitingForLocks(sql: PostgresSql, count: number): Promise<void> {
  const text = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  for (const until = Date.now() + 1_500; Date.now() < until; ) {
    if ((await sql.pool.query(text)).rows.length >= count) return;
    await sleep(5);
  }
  assert.fail('nobody waits');
}

test('a group ends while receipts for it are being stored, and neither is refused', async (t) => {
  const { server, ada, call } = await open(t);
  const { sql } = server.storage;
  if (!(sql instanceof PostgresSql)) return t.skip('SQLite has one writer');
  const people = await server.people(30);
  const group = await server.group(ada, ...people);
  const { rows } = await sql.pool.query<{ topic: number; account: number }>(
    'SELECT topic, account FROM receipts ORDER BY account',
  );
  const { topic, account: held } = rows[20] ?? { topic: 0, account: 0 };
  const raise = (account: number, delivered: number) =>
    server.storage.messageStore.raise({ topic, account, delivered, seen: 0 });
  // What is written again lies behind the others in the table.
  await Promise.all(rows.slice(0, 15).map(({ account }) => raise(account, 9_000)));
  const holder = await sql.pool.connect();
  await holder.query('BEGIN');
  await holder.query('SELECT 1 FROM receipts WHERE topic = $1 AND account = $2 FOR UPDATE', [topic, held]);
  const raised = Promise.allSettled(rows.map(({ account }) => raise(account, 9_999)));
  await waitingForLocks(sql, 1);
  const deleted = call(ada, 'DELETE', `groups/${group}`);
  await waitingForLocks(sql, 2);
  await holder.query('COMMIT');
  holder.release();
  assert.deepEqual(await raised, Array(rows.length).fill({ status: 'fulfilled', value: true }));
  assert.equal((await deleted).status, 200);
});

test('receipts are counted by account, over REST and sockets together, and not with messages', async (t) => {
  const { server, ada, bob, carol, call, mark } = await open(t, {
    RATE_LIMIT_RECEIPTS: '4/60',
    RATE_LIMIT_MESSAGES: '1/60',
  });
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'one');
  const client = await connected(t, server, { token: bob.accessToken });
  const codeOf = async (event: string, input: object) => field(await client.ask(event, input), 'code');
  assert.equal(await codeOf('message:delivered', { messageId: id }), undefined);
  assert.equal(await codeOf('message:seen', { messageId: id }), undefined);
  assert.equal(await codeOf('conversation:seen', { conversationId: ada.principal.id }), undefined);
  assert.equal((await mark(bob, id, 'seen')).status, 200);
  for (const [event, input] of [
    ['message:delivered', { messageId: id }],
    ['message:seen', { messageId: id }],
    ['conversation:seen', { conversationId: ada.principal.id }],
  ] as const) {
    assert.equal(await codeOf(event, input), 'RATE_LIMIT_EXCEEDED', event);
  }
  assert.equal((await mark(bob, id, 'delivered')).status, 429);
  const { status, headers } = await call(bob, 'POST', `conversations/${ada.principal.id}/seen`);
  assert.deepEqual([status, headers.get('x-ratelimit-limit')], [429, '4']);
  assert.equal((await mark(carol, id, 'seen')).status, 404, 'another account has its own');
  await server.send(bob, { receiverId: ada.principal.id }, 'still sent');
});
