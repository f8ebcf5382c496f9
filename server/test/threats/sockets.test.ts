import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { connected, field, plainClient, stockClient } from '../support/clients.ts';
import { createDatabase, dropDatabase, serverUrl } from '../support/database.ts';
import { startServer as startProcess, testFolder } from '../support/process.ts';
import { startServer } from '../support/server.ts';
import { caller } from '../support/social.ts';
import { rawSocketIo } from '../support/socket-door.ts';
import { eventsOf, everyWay, quiet } from './ways.ts';

const asWebSocket = (url: string): string => url.replace('http', 'ws');

/** The status with which an upgrade is answered; 101 when it is taken. */
function upgraded(t: TestContext, address: string, headers: Record<string, string> = {}): Promise<number> {
  const socket = new WebSocket(address, { headers });
  t.after(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(101));
    socket.once('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.once('error', reject);
  });
}

/** A server in a process of its own, which says everything that it ever says. */
async function talkative(t: TestContext) {
  const folder = testFolder(t);
  const database = serverUrl === undefined ? undefined : await createDatabase(serverUrl);
  const env = { LOG_LEVEL: 'trace', ...(database === undefined ? {} : { DATABASE_URL: database }) };
  const server = await startProcess(t, { folder, env });
  t.after(async () => {
    server.child.kill('SIGKILL');
    await server.ended;
    if (serverUrl !== undefined && database !== undefined) await dropDatabase(serverUrl, database);
  });
  return { ...server, folder, call: caller(server.url) };
}

test('threat W-1: a token in an address is in no log line, no metric and no file of the server', async (t) => {
  const { url, call, folder, child, ended } = await talkative(t);
  const ada = { username: 'ada', email: 'ada@example.org', password: 'Canary-Password-1' };
  const made = await call('POST', '/api/v1/auth/register', { body: ada });
  const { accessToken, refreshToken } = made.body['data'] as Record<string, string>;
  assert.ok(accessToken && refreshToken);
  const wrong = 'canary5.canary5.canary5';
  const planned = await call('POST', '/api/v1/meetings', { token: accessToken, body: { title: 'Weekly' } });
  const meeting = (planned.body['data'] as Record<string, string>)['meeting_id'];
  for (const token of [accessToken, wrong]) {
    const query = `token=${token}&access_token=${token}&refreshToken=${refreshToken}`;
    for (const path of ['/health', '/api/v1/auth/me', '/nowhere', '/docs/readme', '/%zz']) {
      await call('GET', `${path}?${query}`, { headers: { referer: `${url}/?${query}` } }).catch(() => {});
    }
    const plain = plainClient(t, { url }, { token });
    const stock = stockClient(t, { url }, { auth: {}, query: { token }, reconnection: false });
    const polling = stockClient(t, { url }, { auth: {}, query: { token }, transports: ['polling'] });
    const first = token === wrong ? 'error' : 'connected';
    for (const { ear } of [plain, stock, polling]) await ear.until(first);
    for (const path of ['/nowhere', '/ws/meetings/01KFMQ8XH6J5V3B0R2ZD9T7WNC', `/ws/meetings/${token}`]) {
      await upgraded(t, `${asWebSocket(url)}${path}?${query}`);
    }
    await upgraded(t, `${asWebSocket(url)}/ws/meetings/${meeting}?token=${token}`);
    await fetch(`${url}/socket.io/?EIO=9&transport=${token}&token=${token}`);
    await plain.socket.send(`not JSON ${token}`);
  }
  await call('POST', '/api/v1/auth/login', { body: { ...ada, password: 'Wrong-canary5-Password' } });
  const metrics = await (await fetch(`${url}/metrics`, { headers: { accept: 'text/plain' } })).text();
  child.kill('SIGTERM');
  const { code, out, err } = await ended;
  assert.equal(code, 0);
  assert.match(err, /\/api\/v1\/auth\/me/);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const stored = files.map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'latin1')).join('\n');
  for (const secret of [accessToken, refreshToken, 'canary5', ada.password]) {
    for (const [place, text] of Object.entries({ out, err, metrics, stored })) {
      assert.ok(!text.includes(secret), `${secret.slice(0, 10)} in ${place}`);
    }
  }
});

test('threat W-2: no page from elsewhere opens a connection, over any transport; its cookie is nobody', async (t) => {
  const server = await startServer(t, { CORS_ORIGINS: 'https://app.example' });
  const [ada] = await server.people(1);
  assert.ok(ada);
  const token = ada.accessToken;
  // Engine.IO ends every upgrade that it does not take with 400.
  const refusals = new Map([
    [`${asWebSocket(server.url)}/socket.io/?EIO=4&transport=websocket`, 400],
    [`${asWebSocket(server.url)}/ws?token=${token}`, 403],
  ]);
  const polling = `${server.url}/socket.io/?EIO=4&transport=polling`;
  const foreign = [
    'null',
    'https://evil.example',
    'https://app.example.evil.example',
    'https://evilapp.example',
    'https://app.exampl',
    'http://app.example',
    'https://app.example:8443',
    'https://app.example@evil.example',
    'https://app.example/',
    'https://app.example https://evil.example',
    'file://',
    '',
  ];
  for (const origin of foreign) {
    for (const [address, status] of refusals) {
      assert.equal(await upgraded(t, address, { origin }), status, `${origin} ${address}`);
    }
    const answer = await fetch(polling, { headers: { origin } });
    assert.equal(answer.status, 403, `${origin} polling`);
    assert.equal(answer.headers.get('access-control-allow-origin'), null, origin);
  }
  for (const headers of [{ origin: 'https://app.example' }, {} as Record<string, string>]) {
    for (const address of refusals.keys()) assert.equal(await upgraded(t, address, headers), 101);
    assert.equal((await fetch(polling, { headers })).status, 200);
  }
  const cookie = `token=${token}; access_token=${token}; io=${token}; authorization=Bearer ${token}`;
  assert.equal(await plainClient(t, server, { headers: { cookie } }).closed, 4100);
  const stock = stockClient(t, server, { extraHeaders: { cookie }, reconnection: false });
  await stock.ear.until('error');
});

test('threat W-3: a thousand connections that never sign in are all gone within 15 seconds', async (t) => {
  const server = await startServer(t);
  const [ada] = await server.people(1);
  assert.ok(ada);
  const other = await connected(t, server, { token: ada.accessToken });
  const started = performance.now();
  const address = `${asWebSocket(server.url)}/socket.io/?EIO=4&transport=websocket`;
  const sids = await Promise.all(
    Array.from({ length: 100 }, async () => {
      const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling`);
      return /"sid":"([^"]+)"/.exec(await answer.text())?.[1] ?? '';
    }),
  );
  const silent = Array.from({ length: 900 }, () => new WebSocket(address));
  t.after(() => {
    for (const socket of silent) socket.terminate();
  });
  let opened = 0;
  await Promise.all(
    silent.map(
      (socket) =>
        new Promise((resolve) => {
          socket.once('open', () => {
            opened += 1;
          });
          socket.once('close', resolve);
          socket.once('error', () => {});
        }),
    ),
  );
  assert.equal(opened, 900);
  for (const sid of sids) {
    const answer = await fetch(`${server.url}/socket.io/?EIO=4&transport=polling&sid=${sid}`);
    assert.equal(answer.status, 400, 'a session that is known no more');
  }
  const took = performance.now() - started;
  assert.ok(took < 15_000, `${took} ms`);
  assert.equal(field(await other.ask('message', { message: 'still there?' }), 'success'), true);
});

const reserved = [
  ...[
    'connect',
    'connect_error',
    'connection',
    'disconnect',
    'disconnecting',
    'error',
    'newListener',
    'removeListener',
  ],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'then', 'toJSON', ''],
  ...['join', 'leave', 'room', 'subscribe', 'unsubscribe', 'emit', 'broadcast', 'to', 'in', 'except', 'use', 'auth'],
  ...[
    'message:received',
    'message:sent',
    'session.revoked',
    'connected',
    'cursor',
    'resync',
    'call:ringing',
    'user:online',
  ],
  ...['ping', 'pong', 'open', 'close', 'packet', 'data', 'drain', 'upgrade', 'reply'],
];
const spelled = reserved.flatMap((name) => [name, name.toUpperCase(), ` ${name}`, `${name}\u0000`]);

test('threat W-4: two hundred names that mean something to others mean nothing here, and nobody names a room to be in', async (t) => {
  assert.ok(spelled.length >= 180);
  const server = await startServer(t);
  const [ada, bob, eve] = await server.people(3);
  assert.ok(ada && bob && eve);
  const group = await server.group(ada, bob);
  const rooms = [ada.principal.id, `user:${ada.principal.id}`, group, `group:${group}`, '*', '/'];
  const ways = await everyWay(t, server, eve);
  const events = new Set(server.app.surface.events);
  for (const name of spelled.filter((one) => !events.has(one))) {
    const raw = await rawSocketIo(t, server, eve.accessToken);
    for (const room of rooms) raw.socket.send(`42${JSON.stringify([name, room, { room, token: ada.accessToken }])}`);
    raw.socket.send('427["message",{"message":"behind them"}]');
    await Promise.race([raw.closed, raw.until('437')]);
    const plain = ways.find((way) => way.name === 'WebSocket');
    for (const room of rooms) assert.equal(field(await plain?.ask(name, room), 'success'), false, name);
    raw.socket.terminate();
  }
  for (const way of ways) way.ear.forget();
  await server.send(ada, { groupId: group }, 'among us');
  await server.send(ada, { receiverId: bob.principal.id }, 'between us');
  await quiet(server, eve, ways);
  for (const way of ways) assert.deepEqual(eventsOf(way, eve), [], way.name);
  assert.equal((await server.call('GET', '/api/v1/auth/me', { token: ada.accessToken })).status, 200);
});
