import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { followConnections } from './connections.ts';
import { createHttp } from './http.ts';
import { createLogger } from './logger.ts';

/** A server with answers of many sizes and times, whose clients may stall for half a second. */
async function startAnswering(t: TestContext) {
  const http = createHttp({ logger: createLogger('silent') });
  const large = Buffer.alloc(32 * 1_048_576, 'x');
  http.app.get('/large', async (_request, reply) => reply.type('text/plain').send(large));
  http.app.get('/later', async () => {
    await sleep(900);
    return 'in the end';
  });
  const closed: Promise<unknown>[] = [];
  http.app.server.on('connection', (socket) => closed.push(once(socket, 'close')));
  const url = await http.app.listen({ host: '127.0.0.1', port: 0 });
  followConnections(http.app.server, 500);
  t.after(() => http.app.close());
  const ask = (path: string) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    return socket;
  };
  return { server: http.app.server, closed, ask, size: large.length };
}

test('a client that takes nothing of its answer is cut; the next requests that it sends do not help it', async (t) => {
  const { server, closed, ask } = await startAnswering(t);
  const stalled = ask('/large').pause();
  const more = setInterval(() => stalled.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n'), 100);
  t.after(() => clearInterval(more));
  await once(server, 'request');
  await closed[0];
});

test('a slow reader, a slow answer and a quiet connection are no stalled client', async (t) => {
  const { server, closed, ask, size } = await startAnswering(t);
  server.keepAliveTimeout = 100;
  const slow = ask('/large');
  let taken = 0;
  for await (const chunk of slow as AsyncIterable<Buffer>) {
    const before = Math.floor(taken / 8_388_608);
    taken += chunk.length;
    if (Math.floor(taken / 8_388_608) > before) await sleep(200);
    if (taken > size) break;
  }
  const later = ask('/later');
  const [answer] = await once(later, 'data');
  assert.match(String(answer), /in the end$/);
  // Kept alive for its time only.
  await closed[1];
});
