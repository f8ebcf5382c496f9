import assert from 'node:assert/strict';
import test from 'node:test';
import { connected, field, plainClient } from './support/clients.ts';
import { memoryOf, numbered, sendMany, to, two } from './support/resume.ts';
import { startServer } from './support/server.ts';

test('a foreign epoch, a number above the head and garbage are no offsets: recovered is false', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  await client.ear.messages(1);
  const { pid, offset } = memoryOf(client);
  const { epoch } = server.storage.log;
  const wrong = [
    '0',
    '',
    'null',
    `${epoch}`,
    `${epoch}.`,
    `${epoch}.2`,
    `${epoch}.-1`,
    `${epoch}.1e0`,
    `${epoch}.01`,
    `x${offset}`,
  ];
  for (const given of [
    ...wrong,
    `${epoch}.9007199254740993`,
    'AAAAAAAAAAA.1',
    `${offset}.1`,
    ` ${offset}`,
    'x'.repeat(5_000),
  ]) {
    const { socket, ear } = await connected(t, server, { auth: { token: bob.accessToken, pid, offset: given } });
    assert.equal(field((await ear.until('connected')).data, 'recovered'), false, given);
    socket.disconnect();
    const plain = plainClient(t, server, { token: bob.accessToken, since: given });
    assert.equal(field((await plain.ear.until('connected')).data, 'recovered'), false, given);
    plain.socket.close();
  }
  const good = await connected(t, server, { auth: { token: bob.accessToken, pid, offset } });
  assert.equal(field((await good.ear.until('connected')).data, 'recovered'), true);
  // A pid that we did not sign is none.
  const [account = '', session = '', nonce = ''] = pid.split('.');
  for (const forged of [
    `${account}.${session}.${nonce}.AAAA`,
    `${pid}A`,
    'x',
    `${account}.${session}`,
    'x'.repeat(5_000),
  ]) {
    const { ear } = await connected(t, server, { auth: { token: bob.accessToken, pid: forged, offset } });
    assert.equal(field((await ear.until('connected')).data, 'recovered'), false, forged.slice(0, 80));
  }
});

test('a plain WebSocket says `since` and is told in its first frame whether that was possible', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = plainClient(t, server, { token: bob.accessToken });
  const welcome = await client.ear.until('connected');
  assert.equal(field(welcome.data, 'recovered'), false);
  await server.send(ada, to(bob), 'before');
  const { offset } = await client.ear.until('message:received');
  assert.equal(offset, `${server.storage.log.epoch}.1`);
  client.socket.terminate();
  await client.closed;
  await server.restart();
  await sendMany(server, ada, bob, numbered(1, 5));
  const back = plainClient(t, server, { token: bob.accessToken, since: String(offset) });
  await back.ear.messages(5);
  await server.send(ada, to(bob), 'live again');
  assert.deepEqual(await back.ear.messages(6), [...numbered(1, 5), 'live again']);
  const [first, ...rest] = back.ear.all;
  assert.equal(first?.event, 'connected');
  assert.equal(field(first?.data, 'recovered'), true);
  assert.equal(first?.offset, offset);
  assert.deepEqual(
    rest.map((heard) => heard.offset),
    [2, 3, 4, 5, 6, 7].map((seq) => `${server.storage.log.epoch}.${seq}`),
  );
});

test('a client without an offset goes on where its login session was, also after a restart', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  await server.send(ada, to(bob), 'before the first connection');
  const first = await connected(t, server, { token: bob.accessToken });
  assert.deepEqual(await first.ear.messages(1), ['before the first connection']);
  await server.send(ada, to(bob), 'live');
  await first.ear.messages(2);
  first.socket.disconnect();
  await server.send(ada, to(bob), 'missed by a reloaded page');
  const reloaded = await connected(t, server, { token: bob.accessToken });
  assert.equal(field((await reloaded.ear.until('connected')).data, 'recovered'), false);
  assert.deepEqual(await reloaded.ear.messages(1), ['missed by a reloaded page']);
  reloaded.socket.disconnect();
  await server.restart();
  await server.send(ada, to(bob), 'after the restart');
  const plain = plainClient(t, server, { token: bob.accessToken });
  assert.deepEqual(await plain.ear.messages(1), ['after the restart']);
  // A new login session of the account begins at the account's highest.
  plain.socket.close();
  await plain.closed;
  await server.restart();
  const [again] = await server.app.identity.provision([{ username: bob.profile.username, email: bob.profile.email }]);
  assert.ok(again);
  await server.send(ada, to(bob), 'to the new session');
  const fresh = await connected(t, server, { token: again.accessToken });
  assert.deepEqual(await fresh.ear.messages(1), ['to the new session']);
});

test("`since: 'now'` and an offset in `auth.since` override the session's cursor", async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  await sendMany(server, ada, bob, numbered(1, 4));
  const now = await connected(t, server, { auth: { token: bob.accessToken, since: 'now' } });
  const offset = `${server.storage.log.epoch}.2`;
  const from = await connected(t, server, { auth: { token: bob.accessToken, since: offset } });
  const welcome = await from.ear.until('connected');
  assert.equal(field(welcome.data, 'recovered'), true);
  assert.equal(welcome.offset, offset);
  const plainNow = plainClient(t, server, { token: bob.accessToken, since: 'now' });
  await plainNow.ear.until('connected');
  await server.send(ada, to(bob), 'live');
  assert.deepEqual(await from.ear.messages(3), ['message 3', 'message 4', 'live']);
  assert.deepEqual(await now.ear.messages(1), ['live']);
  assert.deepEqual(await plainNow.ear.messages(1), ['live']);
});

test('above REPLAY_MAX a resume is refused; other accounts’ rows do not count', async (t) => {
  const server = await startServer(t, { REPLAY_MAX: '10' });
  const [ada, bob] = await two(server);
  const [carol] = await server.people(1);
  assert.ok(carol);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  await client.ear.messages(1);
  await client.cut();
  await sendMany(server, ada, carol, numbered(1, 20));
  await sendMany(server, ada, bob, numbered(1, 10));
  await client.back();
  assert.equal(client.socket.recovered, true);
  assert.deepEqual(await client.ear.messages(10), numbered(1, 10));
  await client.cut();
  const { pid, offset } = memoryOf(client);
  await sendMany(server, ada, bob, numbered(11, 21));
  const welcome = await client.back();
  assert.equal(client.socket.recovered, false);
  assert.equal(field(welcome.data, 'recovered'), false);
  assert.notEqual(memoryOf(client).pid, pid);
  const plain = plainClient(t, server, { token: bob.accessToken, since: offset });
  assert.equal(field((await plain.ear.until('connected')).data, 'recovered'), false);
});

test('a client without an offset gets 1,000 rows at most, then `resync` with the count, and is live', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const sender = await connected(t, server, { token: ada.accessToken });
  const contents = numbered(1, 1_007);
  await Promise.all(contents.map((content) => sender.ask('message:send', { content, receiverId: bob.principal.id })));
  const client = await connected(t, server, { token: bob.accessToken });
  const resync = await client.ear.until('resync');
  assert.deepEqual(resync.data, { missed: 7 });
  assert.equal(resync.offset, `${server.storage.log.epoch}.1007`);
  assert.deepEqual(client.ear.contents, contents.slice(0, 1_000));
  await server.send(ada, to(bob), 'live');
  assert.equal((await client.ear.messages(1_001)).at(-1), 'live');
  // Exactly 1,000 are no reason to resync.
  const exact = plainClient(t, server, { token: ada.accessToken, since: 'now' });
  await exact.ear.until('connected');
  await server.send(bob, to(ada), 'live too');
  await exact.ear.messages(1);
  assert.deepEqual(exact.ear.of('resync'), []);
  // With an offset there is no such bound.
  const offset = `${server.storage.log.epoch}.0`;
  const all = plainClient(t, server, { token: bob.accessToken, since: offset });
  assert.deepEqual((await all.ear.messages(1_009)).slice(0, 1_007), contents);
});
