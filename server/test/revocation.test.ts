import assert from 'node:assert/strict';
import test from 'node:test';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, plainClient, stockClient } from './support/clients.ts';
import { startServer, type TestServer } from './support/server.ts';

/** One client of each transport for this session; the promises tell why and when each was ended. */
async function three(t: Parameters<typeof startServer>[0], server: TestServer, { accessToken: token }: SignedIn) {
  const stock = await connected(t, server, { token });
  const polling = await connected(t, server, { token, transports: ['polling'] });
  const plain = plainClient(t, server, { token });
  await plain.ear.until('connected');
  const reasons = [stock, polling].map(({ socket }) => new Promise((resolve) => socket.once('disconnect', resolve)));
  return { stock, polling, plain, ended: Promise.all([...reasons, plain.closed]) };
}

/** Somebody with two login sessions. */
async function twice(server: TestServer): Promise<[SignedIn, SignedIn]> {
  const [first] = await server.people(1);
  assert.ok(first);
  const { username, email } = first.profile;
  const [second] = await server.app.identity.provision([{ username, email }]);
  assert.ok(second);
  return [first, second];
}

async function withinASecond(ended: Promise<unknown>): Promise<unknown> {
  const started = performance.now();
  const outcome = await ended;
  const took = performance.now() - started;
  assert.ok(took < 1_000, `${took} ms`);
  return outcome;
}

test('[social:rule logout-all revokes all devices] threat G-7: every live socket of the account ends within a second, on all transports', async (t) => {
  const server = await startServer(t);
  const [first, second] = await twice(server);
  const [other] = await server.people(1);
  assert.ok(other);
  const [one, two, others] = [
    await three(t, server, first),
    await three(t, server, second),
    await three(t, server, other),
  ];
  const { status } = await server.call('POST', '/api/v1/auth/logout-all', { token: second.accessToken });
  assert.equal(status, 200);
  for (const { ended } of [one, two]) {
    assert.deepEqual(await withinASecond(ended), ['io server disconnect', 'io server disconnect', 4101]);
  }
  // They do not get in again, neither anew nor by resuming; who is somebody else did not notice.
  one.stock.socket.connect();
  await one.stock.ear.until('error');
  const anew = stockClient(t, server, { token: first.accessToken, reconnection: false });
  await anew.ear.until('error');
  assert.equal(await plainClient(t, server, { token: second.accessToken }).closed, 4100);
  assert.deepEqual(
    [others.stock.socket.connected, others.polling.socket.connected, others.plain.socket.readyState],
    [true, true, 1],
  );
});

test('threat G-7: a change of the password ends the sockets of the other sessions, a reset and a deletion those of all', async (t) => {
  const server = await startServer(t);
  const post = (path: string, body: unknown, token = '') =>
    server.call('POST', `/api/v1/auth/${path}`, { token, body });
  const ada = { username: 'ada', email: 'ada@example.org', password: 'Password123' };
  const here = { address: '127.0.0.1', device: null, foreign: false };
  const { identity } = server.app;
  const own = await identity.register(ada, here);
  const [staying, going] = [await three(t, server, own), await three(t, server, await identity.login(ada, here))];
  const change = { currentPassword: ada.password, newPassword: 'Another-Password-4' };
  assert.equal((await post('password', change, own.accessToken)).status, 200);
  const gone = ['io server disconnect', 'io server disconnect', 4101];
  assert.deepEqual(await withinASecond(going.ended), gone);
  assert.deepEqual([staying.stock.socket.connected, staying.plain.socket.readyState], [true, 1]);
  const code = await identity.resetCode(ada.email);
  assert.equal((await post('reset', { email: ada.email, code, password: ada.password })).status, 200);
  assert.deepEqual(await withinASecond(staying.ended), gone);
  const back = await identity.login(ada, here);
  const last = await three(t, server, back);
  const { status } = await server.call('DELETE', `/api/v1/users/${back.principal.id}`, { token: back.accessToken });
  assert.equal(status, 200);
  assert.deepEqual(await withinASecond(last.ended), gone);
});

test('threat G-7: a logout ends the sockets of its own session only', async (t) => {
  const server = await startServer(t);
  const [first, second] = await twice(server);
  const [one, two] = [await three(t, server, first), await three(t, server, second)];
  const body = { refreshToken: first.refreshToken };
  const { status } = await server.call('POST', '/api/v1/auth/logout', { token: first.accessToken, body });
  assert.equal(status, 200);
  assert.deepEqual(await withinASecond(one.ended), ['io server disconnect', 'io server disconnect', 4101]);
  assert.deepEqual(
    [two.stock.socket.connected, two.polling.socket.connected, two.plain.socket.readyState],
    [true, true, 1],
  );
});

test('threat G-6: a refresh token that is used a second time, too late, ends its session’s sockets', async (t) => {
  const server = await startServer(t);
  const [first] = await twice(server);
  const { refreshToken } = await server.app.identity.refresh(first.refreshToken);
  await server.app.identity.refresh(refreshToken);
  const one = await three(t, server, first);
  const { log } = server.storage;
  await log.write(async ({ sql }) => {
    const tokens = sql.withTables<{ refresh_tokens: { used_at: number | null } }>();
    await tokens
      .updateTable('refresh_tokens')
      .set({ used_at: Date.now() - 60_000 })
      .where('used_at', 'is not', null)
      .execute();
  });
  const answer = await server.call('POST', '/api/v1/auth/refresh', { body: { refreshToken: first.refreshToken } });
  assert.equal(answer.status, 401);
  assert.deepEqual(await withinASecond(one.ended), ['io server disconnect', 'io server disconnect', 4101]);
});
