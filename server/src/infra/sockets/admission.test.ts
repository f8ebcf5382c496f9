import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import test from 'node:test';
import { WebSocket } from 'ws';
import { connected, field, plainClient, stockClient } from '../../../test/support/clients.ts';
import { held, openSockets, rawSocketIo } from '../../../test/support/socket-door.ts';

test('threat W-3: a connection that does not authenticate in time is closed', async (t) => {
  const server = await openSockets(t, { bounds: { authenticateWithin: 150 } });
  const started = performance.now();
  const silent = await rawSocketIo(t, server);
  await silent.closed;
  const took = performance.now() - started;
  assert.ok(took >= 100 && took < 4_000, `${took} ms`);
});

test('so is one whose authentication is not answered in time', async (t) => {
  let answer = (): void => {};
  const hold = () =>
    new Promise<void>((resolve) => {
      answer = resolve;
    });
  const server = await openSockets(t, { bounds: { authenticateWithin: 150 }, hold });
  const plain = plainClient(t, server, { token: '1' });
  await plain.closed;
  answer();
  const stock = await rawSocketIo(t, server);
  stock.socket.send('40{"token":"1"}');
  await stock.closed;
  answer();
  assert.deepEqual([server.hub.isOnline('user-1'), plain.ear.all.length], [false, 0]);
});

test('threat W-2: browser origins that are not listed are refused, on both; others and programs without one are let in', async (t) => {
  const server = await openSockets(t, { origins: ['https://chat.example'] });
  const refused = { origin: 'https://evil.example' };
  const plain = plainClient(t, server, { token: '1', headers: refused });
  const failed = new Promise((resolve) => plain.socket.once('error', resolve));
  plain.closed.catch(() => {});
  assert.match(String(await failed), /403/);
  const stock = stockClient(t, server, { token: '1', extraHeaders: refused, reconnection: false });
  await new Promise((resolve) => stock.socket.once('connect_error', resolve));
  const allowed = { origin: 'https://chat.example' };
  await plainClient(t, server, { token: '1', headers: allowed }).ear.until('connected');
  await connected(t, server, { token: '1', extraHeaders: allowed });
  await plainClient(t, server, { token: '1' }).ear.until('connected');
});

test('a token is taken from the query, a header or the subprotocol', async (t) => {
  const server = await openSockets(t);
  for (const options of [{ token: '1' }, { headers: { authorization: 'Bearer 1' } }, { protocols: ['bearer', '1'] }]) {
    const { ear, socket } = plainClient(t, server, options);
    assert.equal(field((await ear.until('connected')).data, 'userId'), 'user-1');
    if ('protocols' in options) assert.equal(socket.protocol, 'bearer');
  }
  await connected(t, server, { auth: { token: '1' } });
  await connected(t, server, { extraHeaders: { authorization: 'Bearer 1' } });
  await connected(t, server, { query: { token: '1' } });
});

test('without a good token there is an `error` and the end, as documented', async (t) => {
  const server = await openSockets(t);
  const plain = plainClient(t, server, { token: 'bad' });
  assert.equal(await plain.closed, 4100);
  assert.deepEqual(
    plain.ear.all.map(({ event, data }) => [event, data]),
    [['error', { message: 'Authentication failed' }]],
  );
  const stock = stockClient(t, server, { token: 'bad' });
  const events: string[] = [];
  stock.socket.on('connect', () => events.push('connect'));
  const reason = await new Promise((resolve) => stock.socket.once('disconnect', resolve));
  assert.equal(reason, 'io server disconnect');
  assert.deepEqual(events, ['connect']);
  assert.deepEqual(
    stock.ear.all.map(({ event, args }) => [event, args]),
    [['error', [{ message: 'Authentication failed' }]]],
  );
  assert.equal(server.hub.isOnline('user-1'), false);
});

test('paths that are nobody’s are refused', async (t) => {
  const server = await openSockets(t);
  for (const path of ['/', '/ws/', '/wss', '/socket.iox', '/x/../socket.io/']) {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`);
    const [error] = await once(socket, 'error');
    assert.match(String(error), /404|400|hang up|closed/i, path);
  }
  // Paths that no URL parser takes, and those that one would take for others.
  const { port } = new URL(server.url);
  for (const path of ['//', '//[', '/x/../socket.io/', '/./ws2']) {
    const tcp = connectTcp(Number(port), '127.0.0.1');
    tcp.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    const [answer] = await once(tcp, 'data');
    assert.match(String(answer), /^HTTP\/1.1 404/, path);
    tcp.destroy();
  }
  await connected(t, server, { token: '1' });
});

test('events sent before `connected` are not lost', async (t) => {
  let answer = (): void => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const server = await openSockets(t, { hold: () => held });
  const plain = plainClient(t, server, { token: '1' });
  await once(plain.socket, 'open');
  const asked = plain.ask('echo', 'early');
  const stock = stockClient(t, server, { token: '1' });
  const emitted = stock.ask('echo', 'early');
  setTimeout(answer, 30);
  assert.deepEqual([(await asked)['data'], field(await emitted, 'data')], ['early', 'early']);
  assert.deepEqual([plain.ear.all[0]?.event, stock.ear.all[0]?.event], ['connected', 'connected']);
});

test('of one address so many connections may wait to be signed in; who is in, or gone, makes room', async (t) => {
  let holding = true;
  const { hold, answer } = held();
  const server = await openSockets(t, { waiting: 2, hold: async () => (holding ? hold() : undefined) });
  const plain = plainClient(t, server, { token: '1' });
  await once(plain.socket, 'open');
  const silentOne = await rawSocketIo(t, server);
  const refused = plainClient(t, server, { token: '2' });
  refused.closed.catch(() => {});
  const [error] = await once(refused.socket, 'error');
  assert.match(String(error), /429/);
  for (const transports of [['polling'], ['websocket']]) {
    const stock = stockClient(t, server, { token: '2', transports, reconnection: false });
    await new Promise((resolve) => stock.socket.once('connect_error', resolve));
  }
  holding = false;
  answer();
  await plain.ear.until('connected');
  // The one that says nothing waits on; one place is free, for one after the other.
  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    await connected(t, server, { token: '2', transports });
  }
  silentOne.socket.terminate();
  await plainClient(t, server, { token: '3' }).ear.until('connected');
});

test('a stock client comes back when its handshake could not be answered', async (t) => {
  let broken = true;
  const hold = async (): Promise<void> => {
    if (!broken) return;
    broken = false;
    throw new Error('the database is away');
  };
  const server = await openSockets(t, { hold });
  const stock = stockClient(t, server, { token: '1' });
  await stock.ear.until('connected');
  assert.deepEqual(server.failures.map(String), ['Error: the database is away']);
});

test('an upgrade that is refused and reset at once ends no process, and no connection stays open', async (t) => {
  const server = await openSockets(t);
  const { port } = new URL(server.url);
  for (let time = 0; time < 60; time += 1) {
    const socket = connectTcp(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write('GET /nope HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    if (time % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    socket.resetAndDestroy();
  }
  const stays = connectTcp({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  stays.write('GET /nope HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  stays.resume();
  await once(stays, 'end');
  stays.destroy();
  await connected(t, server, { token: '1' });
});

test('a second CONNECT on one connection ends it, and leaves nobody online', async (t) => {
  const server = await openSockets(t);
  const raw = await rawSocketIo(t, server);
  raw.socket.send('40{"token":"1"}');
  raw.socket.send('40{"token":"1"}');
  await raw.closed;
  for (let wait = 0; wait < 100 && server.hub.isOnline('user-1'); wait += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(server.hub.isOnline('user-1'), false);
});

test('who talks on without ever connecting is cut', async (t) => {
  const server = await openSockets(t);
  const raw = await rawSocketIo(t, server);
  for (let time = 0; time < 40; time += 1) raw.socket.send('40/f,');
  await raw.closed;
});
