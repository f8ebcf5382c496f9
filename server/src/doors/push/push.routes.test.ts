import assert from 'node:assert/strict';
import test from 'node:test';
import { connected, field, plainClient } from '../../../test/support/clients.ts';
import { as, keyOf, openPush } from '../../../test/support/push.ts';
import type { TestServer } from '../../../test/support/server.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '507f1f77bcf86cd799439011';
const production = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  JWT_SECRET: 'The push door is tested with these 48 characters',
};

const news = { title: 'New Message', body: 'You have a new message', timestamp: '2026-02-07T10:00:00.000Z' };

/** So many pushes wait already: their rows are below those that are to come. */
async function wait(server: TestServer, who: SignedIn, count: number): Promise<void> {
  const row = { account: who.principal.account, after_seq: await server.storage.log.head(), at: Date.now() };
  await server.storage.log.write(async ({ sql }) => {
    const db = sql.withTables<{ push_waiting: typeof row }>();
    await db
      .insertInto('push_waiting')
      .values(Array.from({ length: count }, () => row))
      .execute();
    const queue = { account: row.account, waiting: count };
    await sql.withTables<{ push_queues: typeof queue }>().insertInto('push_queues').values(queue).execute();
  });
}

test('[push:header Authorization (REST)] [push:error Authentication Failed] without a good token or key every endpoint says 401', async (t) => {
  const { server } = await openPush(t);
  const body = { userId: nobody, event: 'news', message: 1 };
  for (const token of [undefined, 'nonsense', 'rk_nonsense'])
    for (const [method, path, given] of [
      ['POST', 'send', body],
      ['POST', 'send-many', { ...body, userIds: [nobody] }],
      ['GET', `status/${nobody}`, undefined],
      ['GET', 'connected', undefined],
      ['GET', 'stats', undefined],
    ] as const) {
      const options = { ...(token === undefined ? {} : { token }), ...(given === undefined ? {} : { body: given }) };
      const reply = await server.call(method, `/api/gateway/${path}`, options);
      assert.deepEqual([reply.status, reply.body], [401, { success: false, message: 'Authentication failed' }], path);
    }
});

test('[push:POST /api/gateway/send] [push:sdk curl POST /api/gateway/send] [push:listen notification] [push:rule message flow 1 API receives userId] [push:rule message flow 2 looks up socketId] [push:rule message flow 3 emits to that socket] [push:rule message flow 4 only that user receives] [push:rule security user isolation] [push:rule security no broadcasting] a push reaches every connection of its account, unchanged, and nobody else', async (t) => {
  const { server, ada, bob, carol, asAda, listen } = await openPush(t);
  const plain = plainClient(t, server, { token: bob.accessToken });
  const [one, two, other] = [await listen(bob), await listen(bob), await listen(carol)];
  await plain.ear.until('connected');
  const { status, body } = await asAda.send(bob.principal.id, 'notification', news);
  assert.deepEqual([status, body], [200, { success: true, message: `Message sent to user ${bob.principal.id}` }]);
  for (const { ear } of [one, two, plain]) assert.deepEqual((await ear.until('notification')).data, news);
  await server.send(ada, { receiverId: carol.principal.id }, 'later');
  await other.ear.messages(1);
  assert.deepEqual(other.ear.of('notification'), []);
});

test('[push:listen custom events] [push:listen alert] [push:listen update] any free name carries any JSON value, past the log', async (t) => {
  const { server, bob, asAda, listen } = await openPush(t);
  const { ear } = await listen(bob);
  const head = await server.storage.log.head();
  const values = [{ message: 'alarm' }, 'a text', 7, null, true, [1, 'two', null], {}, ''];
  for (const [index, value] of values.entries()) {
    await asAda.send(bob.principal.id, `update ${index}`, value);
    const { data, args } = await ear.until(`update ${index}`);
    assert.deepEqual(data, value);
    // A stock client takes a text at the end for its place in the log.
    if (typeof value === 'string') assert.equal(args[1], `${server.storage.log.epoch}.${head}`);
  }
  assert.equal(await server.storage.log.head(), head);
  await asAda.send(bob.principal.id, 'alert', { message: 'alarm' });
  assert.deepEqual((await ear.until('alert')).data, { message: 'alarm' });
});

test('[push:error User Not Connected] who is away or unknown is an ordinary answer, with the id as it was written', async (t) => {
  const { bob, asAda } = await openPush(t);
  for (const id of [bob.principal.id, bob.principal.id.toUpperCase(), nobody, 'x']) {
    const { status, body } = await asAda.send(id, 'alert', news);
    assert.deepEqual([status, body], [200, { success: false, message: `User ${id} is not connected` }]);
  }
});

test('[push:POST /api/gateway/send-many] [push:listen announcement] several accounts get it, each once, and the answer says who was there', async (t) => {
  const { bob, carol, ada, asAda, listen } = await openPush(t);
  const [first, second] = [await listen(bob), await listen(carol)];
  const message = { title: 'System Announcement', body: 'Scheduled maintenance tonight' };
  const [b, c, a] = [bob.principal.id, carol.principal.id, ada.principal.id];
  const { status, body } = await asAda.sendMany([b, c, a, nobody, b, b.toUpperCase()], 'announcement', message);
  const userIds = [b, c, a, nobody];
  const expected = { success: true, message: 'Message sent to 4 users', userIds };
  assert.deepEqual([status, body], [200, { ...expected, delivered: [b, c], queued: [], offline: [a, nobody] }]);
  for (const { ear } of [first, second]) assert.deepEqual((await ear.until('announcement')).data, message);
  await asAda.send(b, 'last', 1);
  await first.ear.until('last');
  assert.equal(first.ear.of('announcement').length, 1);
});

test('[push:GET /api/gateway/status/:userId] [push:GET /api/gateway/connected] [push:GET /api/gateway/stats] [push:rule one identity per user by MongoDB _id] [push:rule connection flow 4 stores userId -> socketId] [push:rule disconnection flow 1 client disconnects] [push:rule disconnection flow 2 mapping removed] [push:rule disconnection flow 3 cleanup] [push:rule security automatic cleanup on disconnection] who is connected: an account is until its last connection ends', async (t) => {
  const { server, ada, bob, asAda, listen } = await openPush(t);
  const id = bob.principal.id;
  const answers = async () => [
    (await asAda.get(`status/${id}`)).body,
    (await asAda.get('connected')).body,
    (await asAda.get('stats')).body,
  ];
  const away = [
    { userId: id, connected: false },
    { connectedUsers: [], count: 0 },
    { connectedUsers: 0, userIds: [] },
  ];
  const there = [
    { userId: id, connected: true },
    { connectedUsers: [id], count: 1 },
    { connectedUsers: 1, userIds: [id] },
  ];
  assert.deepEqual(await answers(), away);
  const [one, two] = [await listen(bob), await listen(bob)];
  assert.deepEqual(await answers(), there);
  one.socket.disconnect();
  await asAda.send(id, 'still', 1);
  await two.ear.until('still');
  assert.deepEqual(await answers(), there);
  const own = await listen(ada);
  own.socket.disconnect();
  two.socket.disconnect();
  // A disconnect is a packet: it is there once something that was sent behind it is.
  for (let tries = 0; tries < 500 && (await asAda.get('stats')).body['connectedUsers'] !== 0; tries += 1);
  assert.deepEqual(await answers(), away);
  assert.deepEqual((await asAda.get('status/x')).body, { userId: 'x', connected: false });
  assert.equal((await server.call('GET', '/api/gateway/connected')).status, 401);
});

test('[push:rule offline notification is saved for later] a notification waits for who is away and comes behind `connected`, once, also after a restart', async (t) => {
  const { server, bob, asAda } = await openPush(t);
  const id = bob.principal.id;
  const away = `User ${id} is not connected`;
  assert.deepEqual((await asAda.send(id, 'notification', news)).body, { success: false, message: away, queued: true });
  const kept = await asAda.send(id, 'order', { n: 1 }, { durable: true });
  assert.deepEqual([kept.status, kept.body], [200, { success: true, message: away, queued: true }]);
  const many = await asAda.sendMany([id, nobody], 'order', { n: 2 }, { durable: true });
  assert.deepEqual([many.body['queued'], many.body['offline']], [[id], [id, nobody]]);
  await server.restart();
  const { ear, socket } = await connected(t, server, { token: bob.accessToken });
  await ear.until(({ data }) => JSON.stringify(data) === '{"n":2}');
  const heard = ear.all.map(({ event, data }) => [event, data]);
  assert.deepEqual(heard.slice(1), [
    ['notification', news],
    ['order', { n: 1 }],
    ['order', { n: 2 }],
  ]);
  assert.equal(heard[0]?.[0], 'connected');
  socket.disconnect();
  const again = await connected(t, server, { token: bob.accessToken });
  await asAda.send(id, 'last', 1);
  await again.ear.until('last');
  assert.deepEqual(again.ear.of('notification', 'order'), []);
});

test('a durable push to who is there is a row of the log: who loses the connection gets it once', async (t) => {
  const { bob, asAda, listen } = await openPush(t);
  const client = await listen(bob);
  const { body } = await asAda.send(bob.principal.id, 'order', { n: 1 }, { durable: true });
  assert.deepEqual(body, { success: true, message: `Message sent to user ${bob.principal.id}` });
  await client.ear.until('order');
  await client.cut();
  await asAda.send(bob.principal.id, 'order', { n: 2 }, { durable: true });
  assert.equal(field((await client.back()).data, 'recovered'), true);
  await client.ear.until('order');
  assert.deepEqual(
    client.ear.of('order').map(({ data }) => data),
    [{ n: 2 }],
  );
});

test('at most 1,000 pushes wait for one account, however they come; who has come back has room again', async (t) => {
  const { server, bob, carol, asAda } = await openPush(t);
  const id = bob.principal.id;
  await wait(server, bob, 980);
  const replies = await Promise.all(
    Array.from({ length: 30 }, (_, n) => asAda.send(id, 'order', { n }, { durable: true })),
  );
  const queued = replies.filter(({ body }) => body['queued'] === true && body['success'] === true);
  const full = replies.filter(({ body }) => body['queued'] === false && body['success'] === false);
  assert.deepEqual([queued.length, full.length], [20, 10]);
  const others = await asAda.sendMany([id, carol.principal.id], 'order', { n: -1 }, { durable: true });
  assert.deepEqual(others.body['queued'], [carol.principal.id]);
  const { ear, socket } = await connected(t, server, { token: bob.accessToken });
  await asAda.send(id, 'last', 1);
  await ear.until('last');
  assert.equal(ear.of('order').length, 20);
  socket.disconnect();
  // Where a session was is stored when the server ends, and every few seconds.
  await server.restart();
  assert.equal((await asAda.send(id, 'order', { n: 0 }, { durable: true })).body['queued'], true);
});

test('a durable push to many is written in small pieces, and takes little of the memory for replay', async (t) => {
  const { server, asAda } = await openPush(t);
  const crowd = (await server.people(120)).map(({ principal }) => principal.id);
  const { log } = server.storage;
  const commits: { rows: number; size: number }[] = [];
  const announce = log.committed;
  log.committed = (rows) => {
    commits.push({ rows: rows.length, size: rows.reduce((sum, { size }) => sum + size, 0) });
    announce(rows);
  };
  const { body } = await asAda.sendMany(crowd, 'order', 'x'.repeat(60_000), { durable: true });
  assert.equal((body['queued'] as string[]).length, 120);
  assert.deepEqual(
    commits.map(({ rows }) => rows),
    [50, 50, 20],
  );
  for (const { size } of commits) assert.ok(size < 100_000, `${size} bytes for one message`);
});

test('who has blocked the pusher gets nothing and looks like somebody who is away', async (t) => {
  const { server, ada, bob, carol, asAda, listen } = await openPush(t);
  const id = bob.principal.id;
  const { ear } = await listen(bob);
  await server.app.identity.block(bob.principal, ada.principal.id);
  const away = `User ${id} is not connected`;
  assert.deepEqual((await asAda.send(id, 'alert', 1)).body, { success: false, message: away });
  assert.deepEqual((await asAda.send(id, 'notification', 1)).body, { success: false, message: away, queued: true });
  assert.deepEqual((await asAda.send(id, 'order', 1, { durable: true })).body, {
    success: true,
    message: away,
    queued: true,
  });
  assert.deepEqual((await asAda.sendMany([id], 'alert', 1)).body['offline'], [id]);
  assert.deepEqual((await asAda.get(`status/${id}`)).body, { userId: id, connected: false });
  assert.deepEqual((await asAda.get('connected')).body, { connectedUsers: [], count: 0 });
  const other = as(server, carol.accessToken);
  assert.deepEqual((await other.get('stats')).body, { connectedUsers: 1, userIds: [id] });
  await other.send(id, 'last', 1);
  await ear.until('last');
  assert.deepEqual(ear.of('alert', 'notification', 'order'), []);
});

test('[push:rule REST endpoints let the backend send to users] threat N-1: production: administrators and service keys with the scope push, nobody else', async (t) => {
  const { server, ada, bob, asAda, listen } = await openPush(t, production);
  const { ear } = await listen(bob);
  const id = bob.principal.id;
  const sender = as(server, await keyOf(server, 'push:send'));
  const looker = as(server, await keyOf(server, 'push:read'));
  const other = as(server, await keyOf(server, 'metrics:read'));
  for (const caller of [asAda, as(server, bob.accessToken), looker, other]) {
    assert.equal((await caller.send(id, 'alert', 1)).status, 403);
    assert.equal((await caller.sendMany([id], 'notification', 1)).status, 403);
  }
  for (const caller of [asAda, sender, other]) {
    for (const path of [`status/${id}`, 'connected', 'stats']) assert.equal((await caller.get(path)).status, 403, path);
  }
  assert.deepEqual((await looker.get('connected')).body, { connectedUsers: [id], count: 1 });
  assert.equal((await sender.send(id, 'from-a-key', 1)).body['success'], true);
  await server.app.identity.setRole(ada.profile.email, 'ADMIN');
  assert.equal((await asAda.send(id, 'from-an-admin', 1)).body['success'], true);
  await ear.until('from-an-admin');
  assert.deepEqual(
    ear.all.map(({ event }) => event).filter((event) => event !== 'connected'),
    ['from-a-key', 'from-an-admin'],
  );
});

test('threat N-2: reserved names, and what looks like them, are refused by 400; so is what has no form', async (t) => {
  const { bob, asAda, listen } = await openPush(t);
  const { ear } = await listen(bob);
  const id = bob.principal.id;
  for (const name of [
    'message',
    'Connected',
    'error ',
    'call:ringing',
    'disconnect\u200b',
    'ｅrror',
    'x'.repeat(65),
    '',
  ]) {
    const { status, body } = await asAda.send(id, name, 1);
    assert.deepEqual([status, body['success']], [400, false], name);
    assert.equal((await asAda.sendMany([id], name, 1, { durable: true })).status, 400, name);
  }
  const post = (body: unknown) => asAda.sendMany(body as string[], 'x', 1);
  for (const ids of ['text', [], [7], Array.from({ length: 1_001 }, () => id), [''], null])
    assert.equal((await post(ids)).status, 400);
  assert.equal((await asAda.send(id, 'x', undefined)).status, 400);
  assert.equal((await asAda.send(id, 'x', 1, { durable: 'yes' })).status, 400);
  await asAda.send(id, 'last', 1);
  await ear.until('last');
  assert.deepEqual(
    ear.all.map(({ event }) => event),
    ['connected', 'last'],
  );
});

test('a message may have 64 KiB, and be nested 32 levels deep', async (t) => {
  const { server, ada, bob, asAda, listen } = await openPush(t);
  const { ear } = await listen(bob);
  const id = bob.principal.id;
  assert.equal((await asAda.send(id, 'x', 'é'.repeat(32_767))).status, 200);
  await ear.until('x');
  const larger = await asAda.send(id, 'x', 'é'.repeat(32_768));
  assert.deepEqual([larger.status, larger.body['success']], [413, false]);
  const nested = (levels: number) =>
    `{"userId":"${id}","event":"y","message":${'['.repeat(levels)}${']'.repeat(levels)}}`;
  for (const [levels, status] of [
    [32, 200],
    [33, 400],
    [10_000, 400],
  ] as const) {
    const reply = await server.call('POST', '/api/gateway/send', { token: ada.accessToken, body: nested(levels) });
    assert.equal(reply.status, status, String(levels));
  }
});

test('pushes are counted by account, and by service key; those who are not let in by address', async (t) => {
  const settings = { RATE_LIMIT_PUSH: '2/60', RATE_LIMIT_PUSH_KEYS: '3/60', RATE_LIMIT_GENERAL: '4/900' };
  const { server, bob, carol, asAda } = await openPush(t, settings);
  const id = bob.principal.id;
  const statuses = async (caller: ReturnType<typeof as>, count: number) => {
    const found: number[] = [];
    for (let n = 0; n < count; n += 1) found.push((await caller.send(id, 'x', 1)).status);
    return found;
  };
  assert.deepEqual(await statuses(asAda, 3), [200, 200, 429]);
  const { headers, body } = await asAda.sendMany([id], 'x', 1);
  assert.deepEqual([headers.get('x-ratelimit-limit'), body['success']], ['2', false]);
  assert.ok(Number(headers.get('retry-after')) > 0);
  assert.equal((await asAda.get('stats')).status, 200);
  assert.deepEqual(await statuses(as(server, carol.accessToken), 3), [200, 200, 429]);
  assert.deepEqual(await statuses(as(server, await keyOf(server, 'push:send')), 4), [200, 200, 200, 429]);
  assert.deepEqual(await statuses(as(server, 'nonsense'), 5), [401, 401, 401, 401, 429]);
});
