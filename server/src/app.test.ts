import assert from 'node:assert/strict';
import test from 'node:test';
import { connected } from '../test/support/clients.ts';
import { startServer } from '../test/support/server.ts';
import { readConfig } from './config.ts';

test('[social:env Base URL http://localhost:3000/api/v1] [social:env WebSocket server ws://localhost:3000] REST and sockets share one port, 3000 unless it is set', async (t) => {
  assert.equal(readConfig({}).SOCIAL_PORT, 3_000);
  const server = await startServer(t);
  const { hostname, port } = new URL(server.url);
  assert.ok(['127.0.0.1', 'localhost'].includes(hostname));
  const [ada, bob] = await server.people(2);
  assert.ok(ada && bob);
  const client = await connected(t, { url: `ws://localhost:${port}` }, { token: bob.accessToken });
  await server.send(ada, { receiverId: bob.principal.id }, 'over REST');
  assert.deepEqual(await client.ear.messages(1), ['over REST']);
  assert.equal((await server.call('GET', '/messages')).status, 404);
});

test('a drain takes every step, also when one of them fails, and says the first failure', async (t) => {
  const server = await startServer(t);
  const { log, sql } = server.storage;
  const full = new Error('the disk is full');
  const closed = t.mock.method(sql, 'close');
  t.mock.method(log, 'settled', () => Promise.reject(full));
  t.mock.method(log, 'close', () => Promise.reject(new Error('later')));
  await assert.rejects(server.app.close(), full);
  await assert.rejects(fetch(server.url));
  assert.equal(closed.mock.callCount(), 1);
  // What the helper does after the test must find a server that can end.
  t.mock.restoreAll();
  t.mock.method(server.app, 'close', async () => {});
});

test('a drain closes the log once, when nobody uses it any more', async (t) => {
  const server = await startServer(t);
  const order: string[] = [];
  const { log } = server.storage;
  const { close, settled, write } = log;
  t.mock.method(log, 'settled', () => settled.call(log).then(() => void order.push('settled')));
  t.mock.method(log, 'write', (act: Parameters<typeof write>[0]) => {
    order.push('write');
    return write.call(log, act);
  });
  t.mock.method(log, 'close', () => {
    order.push('close');
    return close.call(log);
  });
  await server.people(1);
  await server.stop();
  assert.equal(order.filter((step) => step === 'close').length, 1);
  assert.ok(order.indexOf('settled') < order.indexOf('close'));
});
