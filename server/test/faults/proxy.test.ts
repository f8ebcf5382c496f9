import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { TestContext } from 'node:test';
import test from 'node:test';

import { CuttingProxy } from './proxy.ts';
import { until } from './timing.ts';

async function echo(t: TestContext): Promise<{ port: number; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets };
}

async function through(t: TestContext, proxy: CuttingProxy): Promise<Socket> {
  const socket = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  socket.on('error', () => socket.destroy());
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** Unlike `once`, not upset by the error that comes before. */
const closing = (socket: Socket): Promise<unknown> => new Promise((closed) => socket.once('close', closed));

test('a proxy passes bytes both ways', async (t) => {
  const { port } = await echo(t);
  const proxy = await CuttingProxy.to(port);
  t.after(() => proxy.close());
  const socket = await through(t, proxy);
  socket.write('hello');
  assert.equal(String((await once(socket, 'data'))[0]), 'hello');
  assert.equal(proxy.links, 1);
});

test('a reset reaches both sides', async (t) => {
  const { port, sockets } = await echo(t);
  const proxy = await CuttingProxy.to(port);
  t.after(() => proxy.close());
  const socket = await through(t, proxy);
  assert.ok(await until(() => sockets.size === 1, 2000));
  const closed = closing(socket);
  await proxy.cut('reset');
  await closed;
  assert.ok(await until(() => sockets.size === 0, 2000));
});

test('an abandoned connection stays open at the server', async (t) => {
  const { port, sockets } = await echo(t);
  const proxy = await CuttingProxy.to(port);
  t.after(() => proxy.close());
  const socket = await through(t, proxy);
  assert.ok(await until(() => sockets.size === 1, 2000));
  const closed = closing(socket);
  await proxy.cut('abandon');
  await closed;
  assert.equal(await until(() => sockets.size === 0, 200), false);
});

test('a frozen connection passes nothing, and is reset afterwards', async (t) => {
  const { port } = await echo(t);
  const proxy = await CuttingProxy.to(port);
  t.after(() => proxy.close());
  const socket = await through(t, proxy);
  let heard = 0;
  socket.on('data', (bytes) => {
    heard += bytes.length;
  });
  const closed = closing(socket);
  const cut = proxy.cut('freeze', 100);
  socket.write('into the void');
  await cut;
  await closed;
  assert.equal(heard, 0);
});

test('a refused client is turned away, and let in again later', async (t) => {
  const { port } = await echo(t);
  const proxy = await CuttingProxy.to(port);
  t.after(() => proxy.close());
  proxy.refuse(true);
  const refused = connect(Number(new URL(proxy.url).port), '127.0.0.1');
  refused.on('error', () => refused.destroy());
  await closing(refused);
  proxy.refuse(false);
  const socket = await through(t, proxy);
  socket.write('again');
  assert.equal(String((await once(socket, 'data'))[0]), 'again');
});

test('a throttled connection brings about so many bytes a second', async (t) => {
  const { port } = await echo(t);
  const proxy = await CuttingProxy.to(port);
  t.after(() => proxy.close());
  proxy.throttle(200_000);
  const socket = await through(t, proxy);
  let heard = 0;
  socket.on('data', (bytes) => {
    heard += bytes.length;
  });
  const began = performance.now();
  socket.write(Buffer.alloc(300_000));
  assert.ok(await until(() => heard === 300_000, 10_000));
  const seconds = (performance.now() - began) / 1000;
  assert.ok(seconds > 0.8 && seconds < 6, `${seconds} s for 300,000 bytes at 200,000 a second`);
});
