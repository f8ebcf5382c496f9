import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { WebSocket, WebSocketServer } from 'ws';
import { connected, plainClient } from '../../../test/support/clients.ts';
import { held, openSockets, type Sockets } from '../../../test/support/socket-door.ts';
import type { Upgrade } from './upgrades.ts';

/** A second endpoint beside `/ws`, which says what it was asked for. */
function addRooms({ upgrades }: Sockets, path: string): void {
  const rooms = new WebSocketServer({ noServer: true });
  upgrades.at(path, ({ request, stream, head, query, params }: Upgrade) =>
    rooms.handleUpgrade(request, stream, head, (socket) => {
      socket.send(JSON.stringify({ path, query, params }));
      socket.close();
    }),
  );
}

function open(t: TestContext, { url }: Sockets, path: string, options: { origin?: string } = {}): WebSocket {
  const socket = new WebSocket(`${url.replace('http', 'ws')}${path}`, options);
  t.after(() => socket.terminate());
  return socket;
}

async function heard(socket: WebSocket): Promise<unknown> {
  const [data] = await once(socket, 'message');
  return JSON.parse(String(data));
}

const refusal = (socket: WebSocket): Promise<string> => once(socket, 'open').then(() => 'opened', String);

test('two endpoints stand side by side, and each gets what is for it', async (t) => {
  const server = await openSockets(t);
  addRooms(server, '/ws/rooms/:room');
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  assert.deepEqual(await heard(open(t, server, '/ws/rooms/7f%2F3?token=1&since=x')), {
    path: '/ws/rooms/:room',
    query: { token: '1', since: 'x' },
    params: { room: '7f%2F3' },
  });
  assert.equal((await plain.ask('echo', 'still here'))['data'], 'still here');
  await connected(t, server, { token: '1' });
});

test('what no endpoint has is refused, however alike it looks', async (t) => {
  const server = await openSockets(t);
  addRooms(server, '/ws/rooms/:room');
  for (const path of ['/ws/', '/ws/rooms', '/ws/rooms/', '/ws/rooms/1/2', '/x/ws/rooms/1', '/wsx', '/ws/rooms/1/'])
    assert.match(await refusal(open(t, server, path)), /404/, path);
});

test('a dot in a path is a dot', async (t) => {
  const server = await openSockets(t);
  addRooms(server, '/ws/v1.0/:room');
  assert.match(await refusal(open(t, server, '/ws/v1x0/1')), /404/);
  assert.deepEqual(await heard(open(t, server, '/ws/v1.0/1')), {
    path: '/ws/v1.0/:room',
    query: {},
    params: { room: '1' },
  });
});

test('origins that are not listed, and more connections than may wait, are refused at every endpoint', async (t) => {
  const { hold, asked, answer } = held();
  const server = await openSockets(t, { origins: ['https://a.example'], waiting: 1, hold });
  addRooms(server, '/ws/rooms/:room');
  assert.match(await refusal(open(t, server, '/ws/rooms/1', { origin: 'https://b.example' })), /403/);
  await heard(open(t, server, '/ws/rooms/1', { origin: 'https://a.example' }));
  const plain = plainClient(t, server, { token: '1' });
  await asked;
  assert.match(await refusal(open(t, server, '/ws/rooms/1')), /429/);
  answer();
  await plain.ear.until('connected');
  await heard(open(t, server, '/ws/rooms/1'));
});
