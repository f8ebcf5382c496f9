import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import test, { type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { plainClient } from '../../../test/support/clients.ts';
import { openSockets } from '../../../test/support/socket-door.ts';
import { WireEvent } from '../delivery/wire-event.ts';
import { topicOf } from '../log/topic.ts';
import { SocketGate } from './gate.ts';
import { WebSocketOutlet } from './outlet.ws.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const large = new WireEvent('large', JSON.stringify('x'.repeat(30_000_000)), null);
const small = new WireEvent('small', '1', null);

/** One plain WebSocket, both its ends. */
async function open(t: TestContext, options: { autoPong?: boolean } = {}) {
  const http = createServer();
  const sockets = new WebSocketServer({ server: http });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  const accepted = once(sockets, 'connection');
  const client = new WebSocket(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, options);
  t.after(() => {
    client.terminate();
    for (const socket of sockets.clients) socket.terminate();
    http.close();
  });
  await once(client, 'open');
  const [socket] = (await accepted) as [WebSocket];
  const outlet = new WebSocketOutlet(socket, new SocketGate((error) => assert.fail(String(error))));
  /** Everything sent to the server before this has arrived there. */
  const heard = async (): Promise<void> => {
    const arrived = once(socket, 'message');
    client.send('heard');
    await arrived;
    await turn();
  };
  return { client, socket, outlet, heard };
}

test('an answer to the heartbeat is no answer to what was asked behind the rows', async (t) => {
  const { client, socket, outlet, heard } = await open(t, { autoPong: false });
  const asked: Buffer[] = [];
  client.on('ping', (data: Buffer) => asked.push(data));
  socket.ping();
  let answer: boolean | undefined;
  const drained = outlet.drained().then((came) => {
    answer = came;
  });
  while (asked.length < 2) await turn();
  client.pong(asked[0]);
  await heard();
  assert.equal(answer, undefined);
  client.pong(asked[1]);
  await drained;
  assert.equal(answer, true);
});

test('a connection that was waited for often keeps no listener of it', async (t) => {
  const { socket, outlet } = await open(t);
  const listeners = () => ['pong', 'close'].map((event) => socket.listenerCount(event));
  const before = listeners();
  for (let times = 0; times < 20; times += 1) assert.equal(await outlet.drained(), true);
  assert.deepEqual(listeners(), before);
});

test('what was read waits no more, also after an orderly end', async (t) => {
  const { client, socket, outlet, heard } = await open(t);
  const read = once(client, 'message');
  outlet.send(large);
  assert.ok(outlet.buffered() > 0);
  await read;
  await heard();
  assert.equal(outlet.buffered(), 0);
  const closed = once(socket, 'close');
  client.close();
  await closed;
  assert.equal(outlet.buffered(), 0);
});

test('what still waited when a connection broke off waits for ever', async (t) => {
  const { client, socket, outlet } = await open(t);
  client.pause();
  outlet.send(large);
  await turn();
  assert.ok(outlet.buffered() > 0);
  const closed = once(socket, 'close');
  client.terminate();
  await closed;
  assert.ok(outlet.buffered() > 0);
});

test('what is sent after the close has begun waits for ever', async (t) => {
  const { client, socket, outlet } = await open(t);
  const heard: unknown[] = [];
  client.on('message', (data) => heard.push(data));
  const closed = Promise.all([once(socket, 'close'), once(client, 'close')]);
  outlet.cut('come back');
  assert.equal(outlet.buffered(), 0);
  outlet.send(small);
  await closed;
  assert.deepEqual([heard, outlet.buffered() > 0], [[], true]);
});

test('who is cut is heard no more', async (t) => {
  const { client, socket, outlet } = await open(t);
  const heard: unknown[] = [];
  socket.on('message', (data) => heard.push(data));
  const closed = once(socket, 'close');
  outlet.cut('come back');
  client.send('too late');
  await closed;
  assert.deepEqual(heard, []);
});

test('what comes while a client that was cut has yet to answer goes to the next connection of its session', async (t) => {
  const server = await openSockets(t);
  const topic = topicOf('user', 1);
  const first = plainClient(t, server, { token: '1' });
  await server.write({ topic, type: 'row', payload: 'before' });
  await first.ear.until('row');
  await first.ask('echo', 1);
  // The client's side of the closing handshake never comes.
  Object.assign(first.socket, { close: () => {} });
  server.hub.renew(1, 'GUEST', 'come back');
  assert.equal(server.hub.isOnline('user-1'), false);
  await server.write({ topic, type: 'row', payload: 'behind the close' });
  const next = plainClient(t, server, { token: '1' });
  const { data } = await next.ear.until('row');
  assert.equal(data, 'behind the close');
  first.socket.terminate();
});
