import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { buildAccessTokens } from '../src/modules/identity/tokens.ts';
import { connected, field, plainClient, type Stock, stockClient } from './support/clients.ts';
import { memoryOf, numbered, sendMany, to, two } from './support/resume.ts';
import { startServer, type TestServer } from './support/server.ts';

const hour = 3_600_000;

/** An access token of this session, issued at another time. */
async function tokenIssued(server: TestServer, { principal }: SignedIn, at: number): Promise<string> {
  const { issue } = buildAccessTokens(server.secrets.tokens, { now: () => at }, 900);
  const { id, sessionId, role } = principal;
  return issue({ id, sessionId, role, until: at + 24 * hour });
}

test('a stock client that was cut comes back recovered, and gets what it missed once and in order', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await sendMany(server, ada, bob, numbered(1, 3));
  await client.ear.messages(3);
  await client.cut();
  await sendMany(server, ada, bob, numbered(4, 9));
  await client.back();
  assert.equal(client.socket.recovered, true);
  await client.ear.messages(6);
  await server.send(ada, to(bob), 'live again');
  assert.deepEqual(await client.ear.messages(7), [...numbered(4, 9), 'live again']);
});

test('a stock client comes back recovered to a server that was restarted', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  await client.ear.messages(1);
  await server.restart();
  await sendMany(server, ada, bob, numbered(1, 3));
  await client.ear.messages(4);
  assert.equal(client.socket.recovered, true);
  await server.send(ada, to(bob), 'live again');
  assert.deepEqual(await client.ear.messages(5), ['before', ...numbered(1, 3), 'live again']);
});

test('over long polling a cut and a return lose nothing either', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken, transports: ['polling'] });
  await server.send(ada, to(bob), 'before');
  await client.ear.messages(1);
  await client.cut();
  await sendMany(server, ada, bob, numbered(1, 3));
  await client.back();
  assert.equal(client.socket.recovered, true);
  await client.ear.messages(3);
  await server.send(ada, to(bob), 'live again');
  assert.deepEqual(await client.ear.messages(4), [...numbered(1, 3), 'live again']);
});

test('rule 1: each event from the server ends with an object or with an offset of ours', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: ada.accessToken });
  const group = await server.group(ada, bob);
  await client.ask('message:send', { content: '0', receiverId: bob.principal.id, metadata: { last: '0' } });
  await server.send(bob, to(ada), '0');
  await server.send(bob, { groupId: group }, '0');
  client.socket.emit('message:send', '0');
  client.socket.emit('0', '0');
  await client.ear.until(({ event, data }) => event === 'error' && field(data, 'event') === '0');
  await client.ear.messages(3);
  const ours = new RegExp(`^${server.storage.log.epoch}\\.\\d+$`);
  assert.equal(client.ear.of('error').length, 2);
  for (const { event, args } of client.ear.all) {
    const last = args.at(-1);
    if (typeof last === 'string') assert.match(last, ours, event);
    else assert.ok(typeof last === 'object' && last !== null, event);
  }
  assert.match(memoryOf(client).offset, ours);
});

test('rule 2: `connected` carries the offset from which the socket will be served, never the head', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  const { offset } = await client.ear.until('message:received');
  await client.cut();
  await sendMany(server, ada, bob, numbered(1, 3));
  const welcome = await client.back();
  assert.equal(welcome.offset, offset);
  assert.equal(field(welcome.data, 'recovered'), true);
  assert.equal(field(welcome.data, 'userId'), bob.principal.id);
  assert.equal(field(welcome.data, 'socketId'), client.socket.id);
  await client.ear.messages(3);
  const [first] = client.ear.all;
  assert.equal(first?.event, 'connected');
});

test('rule 2: a cut before the first replayed row loses nothing', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  await client.ear.messages(1);
  await client.cut();
  await sendMany(server, ada, bob, numbered(1, 30));
  const reading = client.socket as unknown as { onevent: (packet: unknown) => void };
  const { onevent } = reading;
  for (let round = 0; round < 3; round += 1) {
    // The connection ends inside the handler of `connected`: what lies behind it in the same piece is not read.
    client.socket.once('connected', () => {
      reading.onevent = () => {};
      client.socket.io.engine.close();
    });
    const gone = new Promise<void>((resolve) => client.socket.once('disconnect', () => resolve()));
    await client.back();
    await gone;
    assert.deepEqual(client.ear.contents, []);
    reading.onevent = onevent;
  }
  assert.deepEqual(await client.ear.messages(30), numbered(1, 30));
});

test('rule 3: every connection gets a new sid, and the half-open old ones end without harm', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const first = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  await first.ear.messages(1);
  // The old connections still stand when somebody resumes with their pid and offset.
  const { pid, offset } = memoryOf(first);
  first.socket.io.reconnection(false);
  const resumed: Stock[] = [];
  for (let round = 0; round < 3; round += 1) {
    const next = await connected(t, server, { auth: { token: bob.accessToken, pid, offset }, reconnection: false });
    assert.equal(field((await next.ear.until('connected')).data, 'recovered'), true);
    resumed.push(next);
  }
  const ids = [first, ...resumed].map(({ ear }) => field(ear.all[0]?.data, 'socketId'));
  assert.equal(new Set(ids).size, 4);
  for (const { socket } of [first, ...resumed.slice(0, 2)]) socket.disconnect();
  await server.send(ada, to(bob), 'to the last one');
  assert.deepEqual(await resumed[2]?.ear.messages(1), ['to the last one']);
  assert.equal(resumed[2]?.socket.connected, true);
});

test('rule 3: the replay comes after the authentication: without a token there is none', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'secret');
  await client.ear.messages(1);
  const { pid } = memoryOf(client);
  const thief = stockClient(t, server, { auth: { pid, offset: `${server.storage.log.epoch}.0` }, reconnection: false });
  const gone = new Promise<void>((resolve) => thief.socket.once('disconnect', () => resolve()));
  await thief.ear.until('error');
  await gone;
  assert.deepEqual(
    thief.ear.all.map(({ event, args }) => [event, ...args]),
    [['error', { message: 'Authentication failed' }]],
  );
});

test('rule 4: a pid that names another account, or another session, is replaced, and recovered is false', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  await client.ear.messages(1);
  const old = memoryOf(client);
  await client.cut();
  // The same library object, signed in as somebody else.
  client.socket.auth = { token: ada.accessToken };
  const welcome = await client.back();
  assert.equal(client.socket.recovered, false);
  assert.equal(field(welcome.data, 'recovered'), false);
  assert.equal(field(welcome.data, 'userId'), ada.principal.id);
  assert.notEqual(memoryOf(client).pid, old.pid);
  const [again] = await server.app.identity.provision([{ username: bob.profile.username, email: bob.profile.email }]);
  assert.ok(again);
  const other = await connected(t, server, { auth: { token: again.accessToken, ...old } });
  assert.equal(field((await other.ear.until('connected')).data, 'recovered'), false);
  const own = await connected(t, server, { auth: { token: bob.accessToken, ...old } });
  assert.equal(field((await own.ear.until('connected')).data, 'recovered'), true);
});

test('rule 5: a refused handshake leaves the client its pid, and the next one with a good token resumes', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  await client.ear.messages(1);
  const old = memoryOf(client);
  await client.cut();
  await sendMany(server, ada, bob, numbered(1, 2));
  client.socket.auth = { token: 'no token at all' };
  client.ear.forget();
  client.socket.connect();
  await client.ear.until('error');
  assert.deepEqual(client.ear.contents, []);
  assert.deepEqual(memoryOf(client), old);
  client.socket.auth = { token: bob.accessToken };
  client.socket.disconnect();
  await client.back();
  assert.equal(client.socket.recovered, true);
  assert.deepEqual(await client.ear.messages(2), numbered(1, 2));
});

test('rule 5: with its pid an expired token continues, while the session lives and for 12 hours at most', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const expired = await tokenIssued(server, bob, Date.now() - 11 * hour);
  const tooOld = await tokenIssued(server, bob, Date.now() - 13 * hour);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'before');
  await client.ear.messages(1);
  const memory = memoryOf(client);
  await client.cut();
  await server.send(ada, to(bob), 'missed');
  client.socket.auth = { token: expired };
  await client.back();
  assert.equal(client.socket.recovered, true);
  assert.deepEqual(await client.ear.messages(1), ['missed']);
  const refused = async (auth: Record<string, unknown>) => {
    const { ear, socket } = stockClient(t, server, { auth, reconnection: false });
    const first = await ear.until(() => true);
    socket.disconnect();
    return first.event === 'error';
  };
  assert.equal(await refused({ token: tooOld, ...memory }), true, 'more than 12 hours');
  assert.equal(await refused({ token: expired }), true, 'no pid');
  assert.equal(await refused({ token: expired, ...memory, pid: `${memory.pid}x` }), true, 'a forged pid');
  assert.equal(await refused({ token: `${expired.slice(0, -4)}AAAA`, ...memory }), true, 'a forged token');
  const stranger = await connected(t, server, { token: ada.accessToken });
  assert.equal(await refused({ token: expired, ...memory, pid: memoryOf(stranger).pid }), true, "somebody else's pid");
  const rest = await server.call('GET', '/api/v1/auth/me', { token: expired });
  assert.equal(rest.status, 401);
  const plain = plainClient(t, server, { token: expired, since: memory.offset });
  assert.equal(await plain.closed, 4100);
  assert.equal(await refused({ token: expired, ...memory }), false, 'still good');
  await server.app.identity.logoutAll(bob.principal);
  assert.equal(await refused({ token: expired, ...memory }), true, 'the session has ended');
});

test('rule 6: nothing is written at connect or disconnect', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  await server.send(ada, to(bob), 'before');
  await idle(server);
  const written: string[] = [];
  const { log } = server.storage;
  const write = log.write.bind(log);
  log.write = (act) => {
    written.push(String(act));
    return write(act);
  };
  const client = await connected(t, server, { token: bob.accessToken });
  await client.ear.messages(1);
  await client.cut();
  await client.back();
  await client.cut();
  const plain = plainClient(t, server, { token: bob.accessToken });
  await plain.ear.until('connected');
  plain.socket.close();
  await plain.closed;
  assert.deepEqual(
    // What is written on account of the message: the place of its sender's session, its index, its words for search.
    written.filter((act) => !/session_cursors|#take\(|^async ?\(\) ?=> ?\{\}$/.test(act)),
    [],
  );
});

/** What a server does by itself when it starts has been done. */
async function idle({ storage }: TestServer): Promise<void> {
  const due = storage.sql.statement<object>('SELECT id FROM jobs WHERE claim IS NOT NULL OR due <= ?1 LIMIT 1');
  for (const until = Date.now() + 8_000; Date.now() < until; await sleep(20)) {
    if ((await due.get(Date.now())) === undefined) return;
  }
}

test('a member added meanwhile hears from the row that adds them on, live and in replay alike', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const live = await connected(t, server, { token: bob.accessToken });
  const later = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'first');
  await Promise.all([live.ear.messages(1), later.ear.messages(1)]);
  await later.cut();
  const group = await server.group(ada);
  await server.send(ada, { groupId: group }, 'before they came');
  const body = { userId: bob.principal.id };
  await server.call('POST', `/api/v1/groups/${group}/members`, { token: ada.accessToken, body });
  await server.send(ada, { groupId: group }, 'for members');
  await server.send(bob, { groupId: group }, 'from the new one');
  const heard = ['first', 'for members', 'from the new one'];
  assert.deepEqual(await live.ear.messages(3), heard);
  await later.back();
  assert.deepEqual(await later.ear.messages(2), heard.slice(1));
});

test('who has left hears up to the row that says so and no more, live and in replay alike', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const group = await server.group(ada, bob);
  const live = await connected(t, server, { token: bob.accessToken });
  const later = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, { groupId: group }, 'first');
  await Promise.all([live.ear.messages(1), later.ear.messages(1)]);
  await later.cut();
  await server.send(ada, { groupId: group }, 'still a member');
  const topic = await topicOfGroup(server, bob);
  await server.storage.log.write(async ({ append }) => {
    const { account } = bob.principal;
    append({ topic, type: 'group.member_removed', payload: {}, moves: [{ account, topic, kind: 'leave' }] });
  });
  await server.send(ada, { groupId: group }, 'for those who stayed');
  await server.send(ada, to(bob), 'to you alone');
  const heard = ['first', 'still a member', 'to you alone'];
  assert.deepEqual(await live.ear.messages(3), heard);
  await later.back();
  assert.deepEqual(await later.ear.messages(2), heard.slice(1));
  const refused = await live.ask('message:send', { content: 'x', groupId: group });
  assert.equal(field(refused, 'code'), 'FORBIDDEN');
});

async function topicOfGroup({ storage }: TestServer, { principal }: SignedIn): Promise<number> {
  const intervals = await storage.log.intervals(principal.account, 0);
  const [group] = intervals.filter(({ from }) => from > 0);
  assert.ok(group);
  return group.topic;
}

test('two accounts that write to each other while both are cut again and again: no gap, no repetition', async (t) => {
  const server = await startServer(t);
  const [ada, bob] = await two(server);
  const client = await connected(t, server, { token: bob.accessToken });
  await server.send(ada, to(bob), 'message 0');
  await client.ear.messages(1);
  const everything = client.ear;
  let sending = true;
  const cuts = (async () => {
    while (sending) {
      client.socket.io.engine.close();
      await new Promise<void>((resolve) => client.socket.once('connected', () => resolve()));
      assert.equal(client.socket.recovered, true);
    }
  })();
  for (let number = 1; number <= 60; number += 1) await server.send(ada, to(bob), `message ${number}`);
  sending = false;
  await cuts;
  assert.deepEqual(await everything.messages(61), numbered(0, 60));
});
