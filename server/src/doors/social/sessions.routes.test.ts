import assert from 'node:assert/strict';
import test from 'node:test';
import { here } from '../../../test/support/identity.ts';
import { startSocial } from '../../../test/support/social.ts';

const ada = { username: 'ada', email: 'ada@example.org', password: 'Password123' };

test('one’s own sessions are listed, the last used first, and ended one by one', async (t) => {
  const { call, identity, clock } = await startSocial(t);
  const from = (address: string, device: string) => ({ ...here, address, device });
  const first = await identity.register(ada, from('192.0.2.1', 'a phone'));
  clock.forward(1_000);
  const second = await identity.login(ada, from('192.0.2.2', 'a laptop'));
  const stranger = await identity.register({ ...ada, username: 'eve', email: 'eve@example.org' }, here);
  const list = async (token: string, query = '') =>
    (await call('GET', `/api/v1/auth/sessions${query}`, { token })).body;
  assert.equal((await call('GET', '/api/v1/auth/sessions')).status, 401);
  const at = (milliseconds: number) => new Date(milliseconds).toISOString();
  const [then, now] = [at(clock.now() - 1_000), at(clock.now())];
  const phone = { device: 'a phone', address: '192.0.2.1', createdAt: then, lastUsed: then, current: true };
  const laptop = { device: 'a laptop', address: '192.0.2.2', createdAt: now, lastUsed: now, current: false };
  assert.deepEqual(await list(first.accessToken), {
    success: true,
    data: [
      { id: second.principal.sessionId, ...laptop },
      { id: first.principal.sessionId, ...phone },
    ],
    pagination: { page: 1, limit: 20, total: 2, totalPages: 1 },
  });
  assert.equal(Object((await list(first.accessToken, '?limit=1&page=2'))['data']).length, 1);
  clock.forward(1_000);
  await identity.refresh(first.refreshToken);
  assert.equal(Object((await list(first.accessToken))['data'])[0].device, 'a phone');
  const end = (id: string, token?: string) =>
    call('DELETE', `/api/v1/auth/sessions/${id}`, token === undefined ? {} : { token });
  assert.equal((await end(second.principal.sessionId)).status, 401);
  assert.equal((await end(second.principal.sessionId, stranger.accessToken)).status, 404);
  assert.equal((await end('nonsense', first.accessToken)).status, 404);
  const ended = await end(second.principal.sessionId.toUpperCase(), first.accessToken);
  assert.deepEqual(
    [ended.status, ended.body],
    [200, { success: true, message: 'Session ended successfully', data: null }],
  );
  assert.equal((await end(second.principal.sessionId, first.accessToken)).status, 404);
  assert.equal((await call('GET', '/api/v1/auth/me', { token: second.accessToken })).status, 401);
  assert.equal(Object((await list(first.accessToken))['data']).length, 1);
});
