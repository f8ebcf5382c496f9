import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { io } from 'socket.io-client';
import { type Server, startServer, testFolder } from './support/process.ts';

const person = JSON.stringify({ username: 'ada', email: 'ada@example.org', password: 'Password123' });
const silent = { RATE_LIMITS: 'off' };

/** Sends SIGTERM and measures until the exit. */
async function drain(server: Server) {
  const began = performance.now();
  server.child.kill('SIGTERM');
  const { code, signal } = await server.ended;
  return { code, signal, took: performance.now() - began };
}

async function open(t: TestContext, server: Server): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** A registration of which the server has the head and the beginning; `finish` sends the rest and reads the answer. */
async function beginRegistration(t: TestContext, server: Server) {
  const socket = await open(t, server);
  const head = `POST /api/v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${person.length}\r\n\r\n`;
  socket.write(head + person.slice(0, 10));
  await sleep(100);
  return {
    socket,
    finish: () => {
      socket.write(person.slice(10));
      return text(socket);
    },
  };
}

async function tokenOf(server: Server): Promise<string> {
  const headers = { 'content-type': 'application/json', connection: 'close' };
  const answer = await fetch(`${server.url}/api/v1/auth/register`, { method: 'POST', headers, body: person });
  return /"accessToken":"([^"]+)"/.exec(await answer.text())?.[1] ?? '';
}

test('SIGTERM with nothing under way ends at once, in spite of idle connections', async (t) => {
  const server = await startServer(t, { folder: testFolder(t) });
  const kept = await open(t, server);
  kept.write('GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(kept, 'data');
  const { code, took } = await drain(server);
  assert.equal(code, 0);
  assert.ok(took < 2_000, `${took} ms`);
});

test('a request under way gets its answer, its kept-alive connection ends with it, and the server exits 0', async (t) => {
  const server = await startServer(t, { folder: testFolder(t), env: silent });
  const request = await beginRegistration(t, server);
  const drained = drain(server);
  await sleep(1_500);
  assert.equal(server.child.exitCode, null);
  assert.match(await request.finish(), /^HTTP\/1\.1 201 /);
  const { code, took } = await drained;
  assert.equal(code, 0);
  assert.ok(took < 3_500, `${took} ms`);
});

test('while it drains it is not ready and takes no new connection', async (t) => {
  const server = await startServer(t, { folder: testFolder(t), env: silent });
  const request = await beginRegistration(t, server);
  const probe = await open(t, server);
  const ready = 'GET /api/v1/health/ready HTTP/1.1\r\nHost: x\r\n\r\n';
  probe.write(ready);
  const [before] = await once(probe, 'data');
  assert.match(String(before), /^HTTP\/1\.1 200 /);
  // Its head is on the way already when the drain begins, so that it is not closed as idle.
  probe.write(ready.slice(0, 20));
  await sleep(50);
  const drained = drain(server);
  await sleep(300);
  probe.write(ready.slice(20));
  assert.match(await text(probe), /^HTTP\/1\.1 503 /);
  await assert.rejects(open(t, server), { code: 'ECONNREFUSED' });
  await request.finish();
  assert.equal((await drained).code, 0);
});

test('connections that never ask, and upgraded ones whose other end does not close, do not hold it up', async (t) => {
  const server = await startServer(t, { folder: testFolder(t), env: silent });
  const token = await tokenOf(server);
  await open(t, server);
  const half = await open(t, server);
  half.write('GET /api/v1/health HTT');
  for (const path of [`/ws?token=${token}`, '/socket.io/?EIO=4&transport=websocket']) {
    const deaf = await open(t, server);
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
    deaf.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n\r\n`);
    const [answer] = await once(deaf, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 101 /);
  }
  const { code, took } = await drain(server);
  assert.equal(code, 0);
  assert.ok(took < 4_000, `${took} ms`);
});

for (const transport of ['polling', 'websocket'] as const) {
  test(`a stock client over ${transport} is cut so that it reconnects by itself`, async (t) => {
    const server = await startServer(t, { folder: testFolder(t), env: silent });
    const client = io(server.url, {
      transports: [transport],
      auth: { token: await tokenOf(server) },
      reconnection: false,
    });
    t.after(() => client.disconnect());
    await new Promise<void>((resolve) => client.once('connected', () => resolve()));
    const cut = new Promise<string>((resolve) => client.once('disconnect', (reason) => resolve(reason)));
    const { code, took } = await drain(server);
    assert.equal(code, 0);
    assert.ok(took < 3_000, `${took} ms`);
    // After 'io server disconnect' a client would stay away.
    assert.match(await cut, /^transport (close|error)$/);
  });
}

test('a request that never ends is cut in time for exit 0 within ten seconds', async (t) => {
  const server = await startServer(t, { folder: testFolder(t), env: silent });
  await beginRegistration(t, server);
  const { code, took } = await drain(server);
  assert.equal(code, 0);
  assert.ok(took > 5_000 && took < 9_500, `${took} ms`);
});

for (const second of ['SIGTERM', 'SIGINT'] as const) {
  test(`a second signal, ${second}, ends the drain at once with code 1`, async (t) => {
    const server = await startServer(t, { folder: testFolder(t), env: silent });
    await beginRegistration(t, server);
    const began = performance.now();
    server.child.kill('SIGTERM');
    await sleep(300);
    server.child.kill(second);
    const { code } = await server.ended;
    assert.equal(code, 1);
    assert.ok(performance.now() - began < 2_000);
  });
}
