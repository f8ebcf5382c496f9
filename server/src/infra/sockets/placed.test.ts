import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { ada, held, offline, openSockets, type Sockets } from '../../../test/support/socket-door.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { plainCodec } from './codec.ts';
import { type Places, type Seat, servePlaces } from './placed.ts';
import type { SocketDoor } from './sockets.ts';

type Given = Partial<SocketDoor> & { seat?: Partial<Seat>; hold?: () => Promise<void> };

/** An endpoint `/places/:place` of which the place `closed` lets nobody in; says what seats were left with. */
function addPlaces({ parts, upgrades, whenClosing }: Sockets, { seat, hold, ...more }: Given = {}) {
  const left: boolean[] = [];
  const door: SocketDoor = { ...parts.door, partial: true, inOrder: true, ...more };
  const places: Places = {
    authenticate: (token) => door.authenticate(token, { continuation: false }),
    async seat(_principal, { place }) {
      await hold?.();
      if (place === 'closed') throw new Refusal(commonErrors.NOT_FOUND);
      return {
        door,
        codec: plainCodec,
        fromNow: false,
        opened: () => {},
        caughtUp: () => {},
        left: (conversing) => void left.push(conversing !== undefined),
        ...seat,
      };
    },
    refused: (error) => ({ status: error instanceof Refusal ? 404 : 500, body: { told: String(error) } }),
  };
  const endpoint = servePlaces({ ...parts, places });
  upgrades.at('/places/:place', endpoint.take);
  whenClosing(() => endpoint.close());
  return { left };
}

/** Frames are kept as they came. */
function open(t: TestContext, { url }: Sockets, path: string, options: { autoPong?: boolean } = {}) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/places/${path}`, options);
  const frames: Record<string, unknown>[] = [];
  let look = (): void => {};
  socket.on('message', (data) => {
    frames.push(JSON.parse(String(data)));
    look();
  });
  socket.on('error', () => {});
  t.after(() => socket.terminate());
  const until = async (count: number): Promise<void> => {
    while (frames.length < count) {
      await new Promise<void>((resolve) => {
        look = resolve;
      });
    }
  };
  const closed = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)));
  return { socket, frames, until, closed };
}

test('who may not be in a place is refused over HTTP, and leaves nothing behind', async (t) => {
  const server = await openSockets(t);
  const { left } = addPlaces(server);
  for (const path of ['closed?token=1', 'open', 'open?token=bad']) {
    const [, response] = await once(open(t, server, path).socket, 'unexpected-response');
    assert.equal(response.statusCode, 404);
    assert.equal(response.headers['content-type'], 'application/json');
    const chunks: Buffer[] = await response.toArray();
    assert.match(Buffer.concat(chunks).toString(), /^\{"told":"Refusal: .+"\}$/);
  }
  assert.deepEqual(left, []);
  assert.equal(server.hub.connections, 0);
});

test('a place has its own connections: they make nobody online, count, and end once', async (t) => {
  const server = await openSockets(t, { perAccount: 1 });
  const { left } = addPlaces(server);
  const connected: boolean[] = [];
  server.hub.onConnected = (_who, is) => void connected.push(is);
  server.hub.onOnline = () => assert.fail('online');
  const first = open(t, server, 'open?token=1');
  await first.until(1);
  assert.deepEqual([server.hub.isOnline('user-1'), server.hub.isConnected('user-1')], [false, true]);
  assert.equal(server.hub.connections, 1);
  const second = open(t, server, 'open?token=1');
  await second.until(1);
  assert.equal(second.frames[0]?.['event'], 'error');
  await second.closed;
  first.socket.close();
  await first.closed;
  while (left.length < 2) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(left, [true, true]);
  assert.deepEqual(connected, [true, false]);
});

test('a place begins now, or behind the offset of its client, and for who must not know before now', async (t) => {
  const server = await openSockets(t);
  addPlaces(server);
  await server.write({ topic: ada, type: 'row', payload: 'before' });
  const first = open(t, server, 'open?token=1');
  await first.until(1);
  await server.write({ topic: ada, type: 'row', payload: 'live' });
  await first.until(2);
  assert.equal(first.frames[1]?.['data'], 'live');
  const offset = String(first.frames[0]?.['offset']);
  const again = open(t, server, `open?token=1&since=${offset}`);
  await again.until(2);
  assert.equal(again.frames[1]?.['data'], 'live');
  const other = await openSockets(t);
  addPlaces(other, { seat: { fromNow: true } });
  await other.write({ topic: ada, type: 'row', payload: 'before' });
  const zero = other.hub.offset(0);
  const late = open(t, other, `open?token=1&since=${zero}`);
  await late.until(1);
  await other.write({ topic: ada, type: 'row', payload: 'live' });
  await late.until(2);
  assert.equal(late.frames[1]?.['data'], 'live');
});

test('events of one connection are carried out one after another, however many come at once', async (t) => {
  const server = await openSockets(t);
  let running = 0;
  const done: unknown[] = [];
  const work = async (_connection: unknown, input: unknown): Promise<() => null> => {
    running += 1;
    assert.equal(running, 1);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    done.push(input);
    return () => null;
  };
  addPlaces(server, { events: new Map([['work', work]]) });
  const client = open(t, server, 'open?token=1');
  await client.until(1);
  const numbers = Array.from({ length: 300 }, (_, number) => number);
  for (const data of numbers) client.socket.send(JSON.stringify({ event: 'work', data, id: data }));
  await client.until(1 + numbers.length);
  assert.deepEqual(done, numbers);
  assert.deepEqual(server.failures, []);
});

test('a client that answers no ping is closed', async (t) => {
  const server = await openSockets(t, { bounds: { pingEvery: 50, silentFor: 50 } });
  addPlaces(server);
  const quiet = open(t, server, 'open?token=1');
  const dead = open(t, server, 'open?token=2', { autoPong: false });
  await Promise.all([quiet.until(1), dead.until(1)]);
  assert.equal(await dead.closed, 1006);
  assert.equal(quiet.socket.readyState, quiet.socket.OPEN);
});

test('who goes while it is looked whether they may come in leaves their seat, and who waits too long is cut', async (t) => {
  const { hold, asked, answer } = held();
  const server = await openSockets(t, { bounds: { authenticateWithin: 150 } });
  const { left } = addPlaces(server, { hold });
  const gone = open(t, server, 'open?token=1');
  await asked;
  const started = performance.now();
  await gone.closed;
  assert.ok(performance.now() - started < 4_000);
  answer();
  while (left.length < 1) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([left, server.hub.connections], [[false], 0]);
  await offline(server.hub);
});
