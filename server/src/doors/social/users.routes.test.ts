import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { field } from '../../../test/support/clients.ts';
import { here } from '../../../test/support/identity.ts';
import { type Reply, startSocial, type TestSocial } from '../../../test/support/social.ts';
import type { Principal } from '../../kernel/principal.ts';

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const nobody = '00000000-0000-7000-8000-000000000000';
const password = 'Password123';

type Someone = { id: string; token: string; principal: Principal };

async function someone(
  { identity }: Pick<TestSocial, 'identity'>,
  username: string,
  email = `${username}@example.org`,
): Promise<Someone> {
  const { principal, accessToken } = await identity.register({ username, email, password }, here);
  return { id: principal.id, token: accessToken, principal };
}

const openUsers = async (t: TestContext) => {
  const house = await startSocial(t);
  const ask = (who: Someone, method: string, path: string, body?: unknown) =>
    house.call(method, `/api/v1${path}`, { token: who.token, body });
  return { ...house, ask, ada: await someone(house, 'ada'), bob: await someone(house, 'bob_the_builder') };
};

const failure = (reply: Reply) => [reply.status, reply.body['success'], reply.body['code']];

test('[social:GET /users/{id}] [social:rule ids are UUIDs] [social:rule timestamps ISO 8601 UTC with milliseconds] [social:rule success envelope] shows somebody as documented, without email and role', async (t) => {
  const { call, ask, ada, bob } = await openUsers(t);
  assert.deepEqual(failure(await call('GET', `/api/v1/users/${bob.id}`)), [401, false, 'UNAUTHORIZED']);
  const { status, body } = await ask(ada, 'GET', `/users/${bob.id.toUpperCase()}`);
  assert.deepEqual([status, Object.keys(body), body['success']], [200, ['success', 'data'], true]);
  const { id, lastSeen, ...rest } = Object(body['data']);
  assert.match(id, uuid);
  assert.match(lastSeen, isoTime);
  assert.deepEqual(rest, { username: 'bob_the_builder', avatar: null, statusMessage: null, isOnline: true });
  for (const unknown of [nobody, 'nonsense']) {
    assert.deepEqual(failure(await ask(ada, 'GET', `/users/${unknown}`)), [404, false, 'NOT_FOUND']);
  }
});

test('[social:GET /users/{id}/presence] says whether somebody is there, and when last', async (t) => {
  const { call, ask, ada, bob, clock, online, identity } = await openUsers(t);
  const path = `/users/${bob.id}/presence`;
  assert.equal((await call('GET', `/api/v1${path}`)).status, 401);
  const presence = async () => field((await ask(ada, 'GET', path)).body, 'data');
  const at = (milliseconds: number) => new Date(milliseconds).toISOString();
  const registered = clock.now();
  clock.forward(60_000);
  assert.deepEqual(await presence(), { isOnline: false, lastSeen: at(registered) });
  online.add(bob.id);
  clock.forward(60_000);
  assert.deepEqual(await presence(), { isOnline: true, lastSeen: at(clock.now()) });
  await identity.noteSeen([bob.principal.account], clock.now());
  await identity.noteSeen([bob.principal.account], registered);
  online.delete(bob.id);
  const left = clock.now();
  clock.forward(60_000);
  assert.deepEqual(await presence(), { isOnline: false, lastSeen: at(left) });
  assert.equal((await ask(ada, 'GET', `/users/${nobody}/presence`)).status, 404);
});

test('who has signed out everywhere is not there, however short a time ago they signed in', async (t) => {
  const { ask, ada, bob, clock, identity } = await openUsers(t);
  const other = await identity.login({ email: 'bob_the_builder@example.org', password }, here);
  const presence = async () => field((await ask(ada, 'GET', `/users/${bob.id}/presence`)).body, 'data');
  clock.forward(1_000);
  await identity.logout(other.principal, other.refreshToken);
  assert.equal(field(await presence(), 'isOnline'), true);
  clock.forward(1_000);
  await identity.logoutAll(bob.principal);
  const left = new Date(clock.now()).toISOString();
  clock.forward(1_000);
  assert.deepEqual(await presence(), { isOnline: false, lastSeen: left });
});

test('whoever is blocked sees an account that went offline when the block was made, and nothing else changes', async (t) => {
  const { ask, ada, bob, clock, online, identity } = await openUsers(t);
  const carol = await someone({ identity }, 'carol');
  online.add(bob.id);
  const blockedAt = clock.now();
  await ask(bob, 'POST', `/users/${ada.id}/block`);
  clock.forward(1_000);
  await identity.noteSeen([bob.principal.account], clock.now());
  const seen = { isOnline: false, lastSeen: new Date(blockedAt).toISOString() };
  assert.deepEqual(field((await ask(ada, 'GET', `/users/${bob.id}/presence`)).body, 'data'), seen);
  const view = Object(field((await ask(ada, 'GET', `/users/${bob.id}`)).body, 'data'));
  assert.deepEqual([view.isOnline, view.lastSeen, view.username], [false, seen.lastSeen, 'bob_the_builder']);
  assert.equal(field(field((await ask(carol, 'GET', `/users/${bob.id}/presence`)).body, 'data'), 'isOnline'), true);
});

test('lastSeen stays where it was at a block, for who is there and for who is not, and is in whole seconds', async (t) => {
  const { ada, bob, clock, online, identity } = await openUsers(t);
  const presence = async () => {
    const { isOnline, lastSeen } = await identity.profileFor(ada.principal, bob.id);
    return { isOnline, lastSeen };
  };
  const start = clock.now();
  clock.forward(3_600_123);
  // Away for an hour: the last time is the same before and after, also when the other comes back.
  assert.deepEqual(await presence(), { isOnline: false, lastSeen: start });
  await identity.block(bob.principal, ada.id);
  online.add(bob.id);
  await identity.noteSeen([bob.principal.account], clock.now());
  assert.deepEqual(await presence(), { isOnline: false, lastSeen: start });
  await identity.unblock(bob.principal, ada.id);
  clock.forward(3_600_000);
  // There for an hour: what was shown before is not later than what is shown from then on.
  const shown = await presence();
  assert.deepEqual(shown, { isOnline: true, lastSeen: clock.now() - 123 });
  await identity.block(bob.principal, ada.id);
  clock.forward(3_600_000);
  await identity.noteSeen([bob.principal.account], clock.now());
  assert.deepEqual(await presence(), { isOnline: false, lastSeen: shown.lastSeen });
});

test('[social:PATCH /users/{id}] changes the own profile, as documented; what is missing stays and null empties', async (t) => {
  const { call, ask, ada } = await openUsers(t);
  const path = `/users/${ada.id}`;
  assert.equal((await call('PATCH', `/api/v1${path}`, { body: {} })).status, 401);
  const change = { username: 'New_Name', avatar: 'https://example.com/new-avatar.jpg', statusMessage: 'Busy' };
  const changed = await ask(ada, 'PATCH', path, { ...change, role: 'ADMIN', email: 'x@example.org' });
  assert.deepEqual(
    [changed.status, changed.body],
    [200, { success: true, message: 'User updated successfully', data: { id: ada.id, ...change } }],
  );
  const emptied = await ask(ada, 'PATCH', path, { avatar: null });
  assert.deepEqual(field(emptied.body, 'data'), { id: ada.id, ...change, avatar: null });
  const me = Object((await ask(ada, 'GET', '/auth/me')).body['data']);
  assert.deepEqual([me.email, me.role, me.statusMessage], ['ada@example.org', 'USER', 'Busy']);
  const unfit = [
    ...['ab', 'with space', 7, null, 'x'.repeat(51)].map((username) => ({ username })),
    ...['javascript:alert(1)', 'ftp://x', `https://${'x'.repeat(2_048)}`, 'https://a b', ''].map((avatar) => ({
      avatar,
    })),
    ...['x'.repeat(201), 'a\u0000b', {}].map((statusMessage) => ({ statusMessage })),
  ];
  for (const body of unfit) {
    assert.deepEqual(
      failure(await ask(ada, 'PATCH', path, body)),
      [400, false, 'VALIDATION_ERROR'],
      JSON.stringify(body),
    );
  }
});

test('[social:rule users can only update or delete themselves] not even an administrator changes or deletes somebody else', async (t) => {
  const { ask, ada, bob, identity } = await openUsers(t);
  await identity.setRole('ada@example.org', 'ADMIN');
  for (const [method, body] of [
    ['PATCH', { username: 'mine' }],
    ['DELETE', undefined],
  ] as const) {
    assert.deepEqual(failure(await ask(ada, method, `/users/${bob.id}`, body)), [403, false, 'FORBIDDEN']);
    assert.deepEqual(failure(await ask(ada, method, `/users/${nobody}`, body)), [404, false, 'NOT_FOUND']);
  }
  assert.equal(field((await ask(ada, 'GET', `/users/${bob.id}`)).body['data'], 'username'), 'bob_the_builder');
});

test('a username is taken in whatever case, also for two who want it at once; the own one may change its case', async (t) => {
  const { ask, ada, bob } = await openUsers(t);
  const taken = await ask(ada, 'PATCH', `/users/${ada.id}`, { username: 'BOB_the_builder' });
  assert.deepEqual(failure(taken), [409, false, 'CONFLICT']);
  assert.equal((await ask(bob, 'PATCH', `/users/${bob.id}`, { username: 'BOB_the_builder' })).status, 200);
  const wanted = await Promise.all(
    [ada, bob].map((who, n) => ask(who, 'PATCH', `/users/${who.id}`, { username: n === 0 ? 'prize' : 'PRIZE' })),
  );
  assert.deepEqual(wanted.map(({ status }) => status).sort(), [200, 409]);
});

test('[social:GET /users] [social:rule search users by username or email] finds by a part of the name, or by a whole email, in pages', async (t) => {
  const house = await openUsers(t);
  const { call, ask, ada, bob, identity } = house;
  assert.equal((await call('GET', '/api/v1/users?query=ada')).status, 401);
  for (const nonsense of ['a%40%00', '%00', '%00%40']) {
    assert.equal((await ask(ada, 'GET', `/users?query=${nonsense}`)).status, 200, nonsense);
  }
  const found = async (query: string) => (await ask(ada, 'GET', `/users?query=${encodeURIComponent(query)}`)).body;
  assert.deepEqual(await found('THE_B'), {
    success: true,
    data: [{ id: bob.id, username: 'bob_the_builder', avatar: null }],
    pagination: { page: 1, limit: 20, total: 1, totalPages: 1 },
  });
  for (const [query, total] of [
    ['Bob_The_Builder@Example.org', 1],
    ['builder@example.org', 0],
    ['@example.org', 0],
    ['the%builder', 0],
    ['theXbuilder', 0],
    ["' or 1=1 --", 0],
  ] as const) {
    assert.equal(field((await found(query))['pagination'], 'total'), total, query);
  }
  await identity.provision(
    Array.from({ length: 45 }, (_, n) => ({ username: `many_${n}`, email: `many${n}@example.org` })),
  );
  await someone(house, 'many');
  const page = async (n: number) => (await ask(ada, 'GET', `/users?query=many&page=${n}&limit=20`)).body;
  const pages = [await page(1), await page(2), await page(3), await page(4)];
  assert.deepEqual(
    pages.map(({ data }) => Object(data).length),
    [20, 20, 6, 0],
  );
  assert.deepEqual(pages[2]?.['pagination'], { page: 3, limit: 20, total: 46, totalPages: 3 });
  const names = pages.flatMap(({ data }) => Object(data).map(({ username }: { username: string }) => username));
  assert.deepEqual([names[0], new Set(names).size], ['many', 46]);
  for (const query of ['', '?query=', '?query=%20', '?query=a&page=0', '?query=a&limit=x']) {
    assert.deepEqual(failure(await ask(ada, 'GET', `/users${query}`)), [400, false, 'VALIDATION_ERROR'], query);
  }
});

test('a search counts to 1,000 and says when there is more', async (t) => {
  const { ask, ada, identity } = await openUsers(t);
  const people = Array.from({ length: 1_001 }, (_, n) => ({ username: `crowd_${n}`, email: `crowd${n}@example.org` }));
  await identity.provision(people);
  const { body } = await ask(ada, 'GET', '/users?query=crowd&page=10&limit=100');
  assert.deepEqual(body['pagination'], { page: 10, limit: 100, total: 1_000, totalPages: 10, capped: true });
  assert.equal(Object(body['data']).length, 100);
});

test('[social:DELETE /users/{id}] an account is gone at once: its tokens, name, email and place in searches', async (t) => {
  const { call, ask, ada, bob, identity, sql } = await openUsers(t);
  assert.equal((await call('DELETE', `/api/v1/users/${bob.id}`)).status, 401);
  await ask(bob, 'PATCH', `/users/${bob.id}`, { avatar: 'https://example.org/bob.png', statusMessage: 'secret words' });
  await ask(ada, 'POST', `/users/${bob.id}/block`);
  await ask(bob, 'POST', `/users/${ada.id}/block`);
  const gone = await ask(bob, 'DELETE', `/users/${bob.id}`);
  assert.deepEqual(
    [gone.status, gone.body],
    [200, { success: true, message: 'User deleted successfully', data: null }],
  );
  assert.equal((await ask(bob, 'GET', '/auth/me')).status, 401);
  const login = { email: 'bob_the_builder@example.org', password };
  assert.equal((await call('POST', '/api/v1/auth/login', { body: login })).status, 401);
  const { lastSeen: _, ...seen } = Object(field((await ask(ada, 'GET', `/users/${bob.id}`)).body, 'data'));
  const nameless = { username: 'deleted user', avatar: null };
  assert.deepEqual(seen, { id: bob.id, ...nameless, statusMessage: null, isOnline: false });
  for (const query of ['bob', 'deleted', 'bob_the_builder@example.org']) {
    assert.deepEqual((await ask(ada, 'GET', `/users?query=${query}`)).body['data'], [], query);
  }
  const [listed] = Object((await ask(ada, 'GET', '/users/blocked')).body['data']);
  assert.deepEqual([listed.id, listed.username], [bob.id, 'deleted user']);
  assert.equal((await ask(ada, 'DELETE', `/users/${bob.id}/block`)).status, 200);
  assert.equal(await identity.isBlocked(bob.principal.account, ada.principal.account), false);
  const kept = await Promise.all(
    // What its own topic holds is emptied by a job: server/test/deletion.test.ts.
    ['accounts', 'sessions'].map((table) => sql.statement(`SELECT * FROM ${table}`).all()),
  );
  assert.doesNotMatch(JSON.stringify(kept), /builder|bob\.png|secret words/i);
  assert.equal(
    (await identity.register({ username: 'bob_the_builder', ...login }, here)).profile.username,
    'bob_the_builder',
  );
});

test('blocks are listed the latest first, in pages, and taken back', async (t) => {
  const house = await openUsers(t);
  const { call, ask, ada, clock } = house;
  const people: Someone[] = [];
  for (const name of ['carol', 'dave', 'erin']) people.push(await someone(house, name));
  for (const { id } of people) {
    assert.equal((await call('POST', `/api/v1/users/${id}/block`)).status, 401);
    clock.forward(1_000);
    const done = await ask(ada, 'POST', `/users/${id}/block`);
    assert.deepEqual(
      [done.status, done.body],
      [200, { success: true, message: 'User blocked successfully', data: null }],
    );
  }
  const { body } = await ask(ada, 'GET', '/users/blocked?limit=2');
  assert.deepEqual(
    [Object(body['data']).map(({ username }: { username: string }) => username), body['pagination']],
    [['erin', 'dave'], { page: 1, limit: 2, total: 3, totalPages: 2 }],
  );
  assert.match(Object(body['data'])[0].blockedAt, isoTime);
  for (const { id } of people) assert.equal((await ask(ada, 'DELETE', `/users/${id}/block`)).status, 200);
  const none = (await ask(ada, 'GET', '/users/blocked')).body;
  assert.deepEqual([none['data'], field(none['pagination'], 'total')], [[], 0]);
  assert.deepEqual(failure(await ask(ada, 'POST', `/users/${ada.id}/block`)), [400, false, 'VALIDATION_ERROR']);
  assert.deepEqual(failure(await ask(ada, 'POST', `/users/${nobody}/block`)), [404, false, 'NOT_FOUND']);
  for (const [method, path] of [
    ['GET', '/users/blocked'],
    ['DELETE', `/users/${ada.id}/block`],
  ] as const) {
    assert.equal((await call(method, `/api/v1${path}`)).status, 401);
  }
});

test('[social:enum user role] a role is given by an administrator and by nobody else; this door shows USER and ADMIN', async (t) => {
  const { call, ask, ada, bob, identity } = await openUsers(t);
  const give = (who: Someone, whom: Someone, role: string) => ask(who, 'PUT', `/users/${whom.id}/role`, { role });
  assert.equal((await call('PUT', `/api/v1/users/${bob.id}/role`, { body: { role: 'HR' } })).status, 401);
  assert.deepEqual(failure(await give(ada, ada, 'ADMIN')), [403, false, 'FORBIDDEN']);
  await identity.setRole('ada@example.org', 'ADMIN');
  const given = await give(ada, bob, 'MANAGER');
  assert.deepEqual(
    [given.status, given.body],
    [200, { success: true, message: 'Role changed successfully', data: { id: bob.id, role: 'MANAGER' } }],
  );
  const shown = async (who: Someone) => field((await ask(who, 'GET', '/auth/me')).body['data'], 'role');
  assert.deepEqual([await shown(ada), await shown(bob)], ['ADMIN', 'USER']);
  assert.deepEqual(failure(await give(ada, bob, 'OWNER')), [400, false, 'VALIDATION_ERROR']);
  assert.deepEqual(failure(await ask(ada, 'PUT', `/users/${nobody}/role`, { role: 'HR' })), [404, false, 'NOT_FOUND']);
});
