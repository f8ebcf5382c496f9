import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { Server, type Socket } from 'socket.io';
import { stockClient } from '../../../test/support/clients.ts';
import { openSockets, rawSocketIo } from '../../../test/support/socket-door.ts';
import { WireEvent } from '../delivery/wire-event.ts';
import { topicOf } from '../log/topic.ts';
import { SocketGate } from './gate.ts';
import { SocketIoOutlet } from './outlet.socketio.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const large = new WireEvent('large', JSON.stringify('x'.repeat(30_000_000)), null);
const small = new WireEvent('small', JSON.stringify('some text'), null);

/** A bare Socket.IO server; `accepted` is its end of the next connection. */
async function open(t: TestContext, options: { pingInterval?: number } = {}) {
  const io = new Server(0, options);
  t.after(() => io.close());
  const server = io.httpServer;
  if (!server.listening) await once(server, 'listening');
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  const accepted = once(io, 'connection').then(([socket]: Socket[]) => {
    assert.ok(socket);
    const gate = new SocketGate((error) => assert.fail(String(error)));
    return { socket, gate, outlet: new SocketIoOutlet(socket, gate) };
  });
  return { url, accepted };
}

/** A client that speaks by hand and answers no ping. */
async function openRaw(t: TestContext, options: { pingInterval?: number } = {}) {
  const { url, accepted } = await open(t, options);
  const { socket: client } = await rawSocketIo(t, { url });
  client.send('40');
  return { client, ...(await accepted) };
}

test('an answer to the heartbeat is no answer to what was asked behind the rows', async (t) => {
  const { client, socket, outlet } = await openRaw(t, { pingInterval: 20 });
  let asked = 0;
  socket.conn.on('packetCreate', ({ type }: { type: string }) => {
    if (type === 'ping') asked += 1;
  });
  let answers = 0;
  const answerTo = async (ping: number): Promise<void> => {
    for (; answers < ping; answers += 1) {
      const arrived = once(socket.conn, 'heartbeat');
      client.send('3');
      await arrived;
    }
    await turn();
  };
  const heartbeat = (): Promise<unknown> => once(socket.conn, 'packetCreate');
  await heartbeat();
  // The second time a heartbeat is still out that was asked behind the first.
  for (const behind of [heartbeat, async () => {}]) {
    let came: boolean | undefined;
    const drained = outlet.drained().then((answer) => {
      came = answer;
    });
    const mine = asked;
    assert.ok(mine > answers + 1, 'a heartbeat is out');
    await answerTo(answers + 1);
    await behind();
    await answerTo(mine - 1);
    assert.equal(came, undefined);
    await answerTo(mine);
    await drained;
    assert.equal(came, true);
  }
});

test('a connection that was waited for often keeps no listener of it', async (t) => {
  const { url, accepted } = await open(t);
  stockClient(t, { url }, {});
  const { socket, outlet } = await accepted;
  const { conn } = socket;
  const listeners = () => ['heartbeat', 'packetCreate', 'close'].map((event) => conn.listenerCount(event));
  const before = listeners();
  for (let times = 0; times < 20; times += 1) assert.equal(await outlet.drained(), true);
  assert.deepEqual(listeners(), before);
});

test('what is asked behind the rows of a page leaves behind them', async (t) => {
  const server = await openSockets(t);
  const rows = Array.from({ length: 501 }, (_, index) => ({ topic: topicOf('user', 1), type: 'row', payload: index }));
  await server.write(...rows);
  const raw = await rawSocketIo(t, server, '1');
  await raw.until('2');
  const before = raw.packets.slice(0, raw.packets.indexOf('2'));
  assert.equal(before.filter((packet) => packet.startsWith('42["row"')).length, 500);
});

test('what is held for the end of the turn waits', async (t) => {
  const { url, accepted } = await open(t);
  const { ear } = stockClient(t, { url }, {});
  const { gate, outlet } = await accepted;
  gate.hold();
  outlet.send(small);
  const one = outlet.buffered();
  assert.ok(one >= small.json.length, `${one}`);
  outlet.send(small);
  assert.equal(outlet.buffered(), 2 * one);
  await ear.until('small');
  assert.equal(outlet.buffered(), 0);
});

test('what was read waits no more, also after an orderly end', async (t) => {
  for (const transports of [['websocket'], ['polling']]) {
    const { url, accepted } = await open(t);
    const { ear, socket: client } = stockClient(t, { url }, { transports });
    const { socket, outlet } = await accepted;
    outlet.send(small);
    await ear.until('small');
    const gone = once(socket, 'disconnect');
    client.io.engine.close();
    await gone;
    assert.equal(outlet.buffered(), 0, transports[0]);
  }
});

test('what still waited when a connection broke off waits for ever', async (t) => {
  const { client, socket, outlet } = await openRaw(t);
  client.pause();
  outlet.send(large);
  await turn();
  assert.ok(outlet.buffered() > 0);
  const gone = once(socket, 'disconnect');
  client.terminate();
  await gone;
  assert.ok(outlet.buffered() > 0);
});
