import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventsOf, everyWay, quiet } from './ways.ts';

const production = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  JWT_SECRET: 'The push door is tested with these 48 characters',
};

const push = (server: TestServer, token: string | undefined, path: string, body?: unknown) =>
  server.call(body === undefined ? 'GET' : 'POST', `/api/gateway/${path}`, {
    ...(token === undefined ? {} : { token }),
    ...(body === undefined ? {} : { body }),
  });

/** Those who ask in production: a stranger and keys of one scope each, and an administrator. */
async function callers(server: TestServer, people: readonly SignedIn[]) {
  const [stranger, admin] = people;
  assert.ok(stranger && admin);
  await server.app.identity.setRole(admin.profile.email, 'ADMIN');
  const key = async (...scopes: string[]) => (await server.app.identity.createKey({ name: 'a back end', scopes })).key;
  return {
    nobody: undefined,
    stranger: stranger.accessToken,
    metrics: await key('metrics:read'),
    sender: await key('push:send'),
    looker: await key('push:read'),
    admin: admin.accessToken,
  };
}

async function open(t: TestContext) {
  const server = await startServer(t, production);
  const [victim, ...others] = await server.people(3);
  assert.ok(victim);
  return { server, victim, stranger: others[0], who: await callers(server, others) };
}

test('threat N-1: in production a stranger, and a key without the scope, push nothing to anybody: 403 and not one frame', async (t) => {
  const { server, victim, stranger, who } = await open(t);
  assert.ok(stranger);
  const ways = await everyWay(t, server, victim);
  const { id } = victim.principal;
  for (const [name, status] of [
    ['nobody', 401],
    ['stranger', 403],
    ['metrics', 403],
    ['looker', 403],
  ] as const) {
    for (const durable of [false, true]) {
      const one = { userId: id, event: 'notification', message: name, durable };
      assert.equal((await push(server, who[name], 'send', one)).status, status, name);
      const many = { ...one, userId: undefined, userIds: [id], role: 'ADMIN' };
      assert.equal((await push(server, who[name], 'send-many', many)).status, status, name);
    }
  }
  // What a socket says to the server's `message` goes to nobody but itself.
  for (const way of await everyWay(t, server, stranger)) {
    await way.ask('message', { userId: id, to: id, event: 'notification', message: 'x' });
  }
  await quiet(server, victim, ways);
  for (const way of ways) assert.deepEqual(eventsOf(way, victim), [], way.name);
  for (const name of ['sender', 'admin'] as const) {
    assert.equal((await push(server, who[name], 'send', { userId: id, event: 'alert', message: name })).status, 200);
  }
  for (const { ear } of ways) await ear.until(({ event, data }) => event === 'alert' && data === 'admin');
});

test('threat N-3: who is connected is told to administrators and keys for it, and to four others not', async (t) => {
  const { server, victim, who } = await open(t);
  await everyWay(t, server, victim);
  const { id } = victim.principal;
  for (const path of ['connected', 'stats', `status/${id}`, `status/${id.toUpperCase()}`]) {
    for (const name of ['nobody', 'stranger', 'metrics', 'sender'] as const) {
      const { status, text } = await push(server, who[name], path);
      assert.equal(status, name === 'nobody' ? 401 : 403, `${name} ${path}`);
      assert.ok(!text.includes(id), name);
    }
    for (const name of ['looker', 'admin'] as const) {
      assert.equal((await push(server, who[name], path)).status, 200, `${name} ${path}`);
    }
  }
});

/** Spellings that a client, or a person, could take for the name. */
const spellings: readonly ((name: string) => string)[] = [
  (name) => name,
  (name) => name.toUpperCase(),
  (name) => ` ${name}`,
  (name) => `${name}\t`,
  (name) => `${name}\u200b`,
  (name) => `\ufeff${name}`,
  (name) => `${name}\u0000`,
  (name) => name.replace('e', 'е'),
  (name) => name.replace('o', 'ο'),
  (name) => name.replaceAll(/[a-z:]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
  (name) => name.replace(':', '∶'),
  (name) => name.replace('e', 'e\u0301'),
];

/** What the server says of itself, or clients of the sockets do. */
const spoken = [
  ...['message', 'messageReceived', 'connected', 'connect', 'connect_error', 'disconnect', 'disconnecting', 'error'],
  ...['reconnect', 'reconnect_attempt', 'reconnect_failed', 'newListener', 'removeListener', 'ping', 'pong', 'cursor'],
  ...['resync', 'auth', 'system', 'reply', 'open', 'close', 'packet', 'upgrade', 'connection', 'handshake', 'then'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'isPrototypeOf', '__defineGetter__'],
  ...['message:received', 'message:sent', 'message:edit', 'message:delete', 'message:reaction', 'message:status'],
  ...['call:ringing', 'call:end', 'call:answer', 'call:initiate', 'call:reject', 'call:participant:join'],
  ...['user:online', 'user:offline', 'typing:start', 'typing:stop', 'group:created', 'group:member:added', 'any:thing'],
];

test('threat N-2: no push, by whomever, has a name that the server speaks under, in any spelling', async (t) => {
  const { server, victim, who } = await open(t);
  const ways = await everyWay(t, server, victim);
  const { id } = victim.principal;
  const names = [...new Set([...spoken, ...server.app.surface.events])];
  const spelled = new Set(names.flatMap((name) => spellings.map((spell) => spell(name))));
  assert.ok(names.length >= 60 && spelled.size > 400, `${names.length} names, ${spelled.size} spellings`);
  const taken: string[] = [];
  for (const event of spelled) {
    const { status } = await push(server, who.sender, 'send', { userId: id, event, message: { from: 'the server' } });
    if (status !== 400) taken.push(`${status} ${JSON.stringify(event)}`);
  }
  for (const event of names) {
    const many = { userIds: [id], event, message: 1, durable: true };
    const { status } = await push(server, who.admin, 'send-many', many);
    if (status !== 400) taken.push(`${status} ${JSON.stringify(event)}, to many`);
  }
  assert.deepEqual(taken, []);
  await quiet(server, victim, ways);
  for (const way of ways) assert.deepEqual(eventsOf(way, victim), [], way.name);
});
