import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { type Ear, field, plainClient, stockClient } from '../support/clients.ts';
import { createDatabase, dropDatabase, serverUrl } from '../support/database.ts';
import { startServer as startProcess, testFolder } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { type Call, caller } from '../support/social.ts';
import { tamperedTokens } from '../support/tampered-tokens.ts';
import { eventsOf, everyWay } from './ways.ts';

/** Longer ones fit into no address and no header: Node refuses the request before it is one. */
const longestLine = 8_000;

/** The ways in over which a token was taken. */
async function takenBy(t: TestContext, server: TestServer, token: string): Promise<string[]> {
  const taken: string[] = [];
  const headers = { authorization: `Bearer ${token}` };
  for (const path of ['/api/v1/auth/me', '/api/gateway/stats']) {
    const { status, text } = await server.call('GET', path, { headers });
    assert.ok(status < 500, text);
    if (![400, 401].includes(status)) taken.push(path);
  }
  for (const transports of [['websocket'], ['polling']]) {
    const { ear, socket } = stockClient(t, server, { token, transports, reconnection: false });
    if (await isIn(ear)) taken.push(transports.join());
    socket.disconnect();
  }
  if (token.length > longestLine) return taken;
  const plain = plainClient(t, server, { token });
  if (await isIn(plain.ear)) taken.push('plain');
  plain.socket.terminate();
  return taken;
}

const isIn = async (ear: Ear): Promise<boolean> =>
  (await ear.until(({ event }) => /^(connected|error)$/.test(event))).event === 'connected';

test('threat G-5: no tampered token, and no token for something else, is taken by any door over any transport', async (t) => {
  const server = await startServer(t);
  const [real, other] = await server.people(2);
  assert.ok(real && other);
  const key = server.secrets.tokens;
  const { good, bad } = await tamperedTokens({ real, other, key, now: Math.floor(Date.now() / 1_000) });
  assert.equal((await takenBy(t, server, good)).length, 5);
  const body = { type: 'VIDEO', participantIds: [other.principal.id] };
  const call = await server.call('POST', '/api/v1/calls', { token: real.accessToken, body });
  const { key: serviceKey } = await server.app.identity.createKey({ name: 'metrics', scopes: ['metrics:read'] });
  const elsewhere = { Jitsi: String(field(call.body['data'], 'token')), 'a service key': serviceKey };
  assert.ok(Object.keys(bad).length >= 40);
  for (const [name, token] of Object.entries({ ...bad, ...elsewhere })) {
    const taken = await takenBy(t, server, token);
    // A key is what the push door takes; without the scope it is answered 403.
    assert.deepEqual(taken, name === 'a service key' ? ['/api/gateway/stats'] : [], name);
  }
});

const inWire = { username: 'ada', email: 'ada@example.org', password: 'Password123' };

/** A server in a process of its own, to be killed and started again on what it left. */
async function mortal(t: TestContext) {
  const folder = testFolder(t);
  const database = serverUrl === undefined ? undefined : await createDatabase(serverUrl);
  const env = { RATE_LIMITS: 'off', ...(database === undefined ? {} : { DATABASE_URL: database }) };
  let running = await startProcess(t, { folder, env });
  t.after(async () => {
    running.child.kill('SIGKILL');
    await running.ended;
    if (serverUrl !== undefined && database !== undefined) await dropDatabase(serverUrl, database);
  });
  return {
    call: (...asked: Parameters<Call>) => caller(running.url)(...asked),
    kill: async () => {
      running.child.kill('SIGKILL');
      await running.ended;
      running = await startProcess(t, { folder, env });
    },
  };
}

test('threat G-6: a server that is killed while it rotates leaves one successor, which the retry gets', async (t) => {
  const { call, kill } = await mortal(t);
  const made = await call('POST', '/api/v1/auth/register', { body: inWire });
  let { refreshToken, accessToken } = made.body['data'] as Record<string, string>;
  for (let round = 0; round < 3; round += 1) {
    const refresh = () => call('POST', '/api/v1/auth/refresh', { body: { refreshToken } });
    const lost = Array.from({ length: 20 }, () => refresh().catch(() => undefined));
    // Some rounds before the first answer, some between the answers.
    await (round === 0 ? Promise.resolve() : Promise.race(lost));
    await kill();
    const early = (await Promise.all(lost)).filter((answer) => answer !== undefined);
    const answers = [...early, ...(await Promise.all(Array.from({ length: 5 }, refresh)))];
    const successors = new Set(answers.map(({ status, body }) => `${status} ${field(body['data'], 'refreshToken')}`));
    assert.equal(successors.size, 1, [...successors].join());
    const data = answers.at(-1)?.body['data'] as Record<string, string>;
    ({ refreshToken, accessToken } = data);
    assert.equal((await call('GET', '/api/v1/auth/me', { token: accessToken ?? '' })).status, 200);
  }
});

test('threat G-7: after a change of the role the old one is worth nothing, and its connections end within a second', async (t) => {
  const server = await startServer(t);
  const [admin, other, target] = await server.people(3);
  assert.ok(admin && other && target);
  await server.app.identity.setRole(admin.profile.email, 'ADMIN');
  await server.app.identity.setRole(other.profile.email, 'ADMIN');
  const give = (by: typeof admin) =>
    server.call('PUT', `/api/v1/users/${target.principal.id}/role`, { token: by.accessToken, body: { role: 'HR' } });
  assert.equal((await give(other)).status, 200);
  const ways = await everyWay(t, server, other);
  const started = performance.now();
  const demoted = await server.call('PUT', `/api/v1/users/${other.principal.id}/role`, {
    token: admin.accessToken,
    body: { role: 'GUEST' },
  });
  assert.equal(demoted.status, 200, demoted.text);
  assert.equal((await give(other)).status, 403, 'the role of now counts, not the one in the token');
  await Promise.all(ways.map(({ ended }) => ended));
  const took = performance.now() - started;
  assert.ok(took < 1_000, `${took} ms`);
});

test('threat G-7: what happens after a logout or a removal is heard on no connection, also not after a resume', async (t) => {
  const server = await startServer(t);
  const [ada, bob, eve] = await server.people(3);
  assert.ok(ada && bob && eve);
  const group = await server.group(ada, bob, eve);
  const ways = await everyWay(t, server, eve);
  const removed = await server.call('DELETE', `/api/v1/groups/${group}/members/${eve.principal.id}`, {
    token: ada.accessToken,
  });
  assert.equal(removed.status, 200);
  await server.send(ada, { groupId: group }, 'canary after the removal');
  const { status } = await server.call('POST', '/api/v1/auth/logout-all', { token: eve.accessToken });
  assert.equal(status, 200);
  await server.send(bob, { receiverId: eve.principal.id }, 'canary after the logout');
  await Promise.all(ways.map(({ ended }) => ended));
  for (const way of ways) {
    assert.deepEqual(eventsOf(way, eve), ['group:member:removed'], way.name);
    assert.doesNotMatch(JSON.stringify(way.ear.all), /canary/, way.name);
  }
  // Mail for the next session is that of the one message that was meant for the account.
  const [back] = await server.app.identity.provision([{ username: eve.profile.username, email: eve.profile.email }]);
  assert.ok(back);
  const since = { auth: { token: back.accessToken, since: `${server.storage.log.epoch}.0` } };
  const { ear } = stockClient(t, server, since);
  await ear.until(({ data }) => JSON.stringify(data ?? '').includes('after the logout'));
  assert.doesNotMatch(JSON.stringify(ear.all), /after the removal/);
});
