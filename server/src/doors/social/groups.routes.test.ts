import assert from 'node:assert/strict';
import test from 'node:test';
import { connected } from '../../../test/support/clients.ts';
import { idOf, startServer } from '../../../test/support/server.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

async function open(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const create = (who: SignedIn, body: unknown, headers = {}) =>
    server.call('POST', '/api/v1/groups', { token: who.accessToken, body, headers });
  const read = (who: SignedIn, id: string) => server.call('GET', `/api/v1/groups/${id}`, { token: who.accessToken });
  const add = (who: SignedIn, id: string, body: unknown) =>
    server.call('POST', `/api/v1/groups/${id}/members`, { token: who.accessToken, body });
  return { server, ada, bob, carol, create, read, add };
}

const dataOf = ({ body }: { body: Record<string, unknown> }) => body['data'] as Record<string, unknown>;

test('every route refuses a caller without a token with 401', async (t) => {
  const server = await startServer(t);
  for (const [method, path] of [
    ['POST', 'groups'],
    ['GET', 'groups'],
    ['GET', 'groups/public'],
    ['GET', `groups/${nobody}`],
    ['PATCH', `groups/${nobody}`],
    ['DELETE', `groups/${nobody}`],
    ['GET', `groups/${nobody}/members`],
    ['POST', `groups/${nobody}/members`],
    ['PUT', `groups/${nobody}/members/${nobody}`],
    ['DELETE', `groups/${nobody}/members/${nobody}`],
    ['POST', `groups/${nobody}/join`],
    ['POST', `groups/${nobody}/leave`],
  ] as const) {
    const { status, body } = await server.call(method, `/api/v1/${path}`, /^P/.test(method) ? { body: {} } : {});
    assert.deepEqual([status, body['code']], [401, 'UNAUTHORIZED'], path);
  }
});

test('[social:POST /groups] a group is made', async (t) => {
  const { ada, create } = await open(t);
  const draft = {
    title: 'Project Team',
    description: 'Discussion group for our project',
    cover: 'https://example.com/cover.jpg',
    type: 'PRIVATE',
  };
  const { status, body } = await create(ada, draft);
  assert.equal(status, 201);
  assert.deepEqual([body['success'], body['message']], [true, 'Group created successfully']);
  const { id, createdAt, updatedAt, ...rest } = dataOf({ body });
  assert.match(String(id), /^[0-9a-f-]{36}$/);
  assert.match(String(createdAt), /^\d{4}-.*\.\d{3}Z$/);
  assert.equal(updatedAt, createdAt);
  assert.deepEqual(rest, draft);
});

test('[social:limit group title 1-100 characters] [social:limit group description max 500 characters] [social:rule group cover is an optional URL] [social:enum group type]', async (t) => {
  const { ada, create } = await open(t);
  const good = [
    { title: 'x' },
    { title: 'x'.repeat(100), description: 'x'.repeat(500) },
    { title: 'x', description: null, cover: null, type: null },
    { title: 'x', cover: 'http://example.org' },
  ];
  for (const draft of good) assert.equal((await create(ada, draft)).status, 201);
  for (const type of ['PRIVATE', 'PUBLIC', 'SECRET'])
    assert.equal(dataOf(await create(ada, { title: 'x', type }))['type'], type);
  assert.equal(dataOf(await create(ada, { title: 'x' }))['type'], 'PRIVATE');
  const bad = [
    {},
    { title: '' },
    { title: 'x'.repeat(101) },
    { title: 7 },
    { title: 'a\0b' },
    { title: 'x', description: 'x'.repeat(501) },
    { title: 'x', description: '\0' },
  ];
  const others = [
    { title: 'x', cover: 'javascript:alert(1)' },
    { title: 'x', cover: 'cover.jpg' },
    { title: 'x', type: 'OPEN' },
    { title: 'x', type: 'private' },
  ];
  for (const draft of [...bad, ...others]) {
    const { status, body } = await create(ada, draft);
    assert.deepEqual([status, body['code']], [400, 'VALIDATION_ERROR'], JSON.stringify(draft).slice(0, 60));
  }
});

test('[social:GET /groups/{id}] [social:rule group creator is OWNER] with its members', async (t) => {
  const { ada, bob, carol, create, read, add } = await open(t);
  const id = idOf((await create(ada, { title: 'x', type: 'SECRET' })).body);
  await add(ada, id, { userId: bob.principal.id });
  const { status, body } = await read(bob, id);
  assert.equal(status, 200);
  assert.deepEqual(dataOf({ body })['members'], [
    { userId: ada.principal.id, username: ada.profile.username, role: 'OWNER' },
    { userId: bob.principal.id, username: bob.profile.username, role: 'MEMBER' },
  ]);
  for (const [who, path] of [
    [carol, id],
    [ada, nobody],
    [ada, 'nonsense'],
  ] as const) {
    const answer = await read(who, path);
    assert.deepEqual([answer.status, answer.body['code']], [404, 'NOT_FOUND']);
  }
  const closed = idOf((await create(ada, { title: 'closed' })).body);
  assert.deepEqual(dataOf(await read(carol, closed))['members'], []);
});

test('[social:POST /groups/{id}/members] [social:enum group member role] 200 with null, MEMBER unless ADMIN is said', async (t) => {
  const { server, ada, bob, carol, read, add } = await open(t);
  const [dan] = await server.people(1);
  assert.ok(dan);
  const id = await server.group(ada);
  const { status, body } = await add(ada, id, { userId: bob.principal.id, role: 'ADMIN' });
  assert.deepEqual([status, body], [200, { success: true, message: 'Member added successfully', data: null }]);
  assert.equal((await add(bob, id, { userId: carol.principal.id })).status, 200);
  const members = dataOf(await read(ada, id))['members'] as { role: string }[];
  assert.deepEqual(
    members.map(({ role }) => role),
    ['OWNER', 'ADMIN', 'MEMBER'],
  );
  const refusals: [SignedIn, object, number, string][] = [
    [carol, { userId: dan.principal.id }, 403, 'FORBIDDEN'],
    [dan, { userId: dan.principal.id }, 403, 'FORBIDDEN'],
    [bob, { userId: dan.principal.id, role: 'ADMIN' }, 403, 'FORBIDDEN'],
    [ada, { userId: bob.principal.id }, 409, 'CONFLICT'],
    [ada, { userId: nobody }, 404, 'NOT_FOUND'],
    [ada, { userId: dan.principal.id, role: 'OWNER' }, 400, 'VALIDATION_ERROR'],
    [ada, { userId: '' }, 400, 'VALIDATION_ERROR'],
    [ada, {}, 400, 'VALIDATION_ERROR'],
  ];
  for (const [who, fields, expected, code] of refusals) {
    const answer = await add(who, id, fields);
    assert.deepEqual([answer.status, answer.body['code']], [expected, code], JSON.stringify(fields));
  }
  assert.equal((await add(ada, nobody, { userId: bob.principal.id })).status, 404);
});

test('with an Idempotency-Key a group is made once; another input is 409', async (t) => {
  const { ada, create } = await open(t);
  const headers = { 'idempotency-key': 'key-00001' };
  const first = await create(ada, { title: 'x' }, headers);
  assert.deepEqual((await create(ada, { title: 'x' }, headers)).body, first.body);
  assert.equal((await create(ada, { title: 'y' }, headers)).status, 409);
});

test('[social:GET /groups] one’s own groups, the newest first, in pages', async (t) => {
  const { server, ada, bob, create, add } = await open(t);
  const ids: string[] = [];
  for (const title of ['a', 'b', 'c']) ids.push(idOf((await create(ada, { title, type: 'SECRET' })).body));
  await add(ada, ids[1] ?? '', { userId: bob.principal.id });
  const list = (who: SignedIn, query = '') => server.call('GET', `/api/v1/groups${query}`, { token: who.accessToken });
  const first = await list(ada, '?limit=2');
  assert.equal(first.status, 200);
  const titles = ({ body }: { body: Record<string, unknown> }) =>
    (body['data'] as { title: string }[]).map(({ title }) => title);
  assert.deepEqual([first.body['success'], titles(first)], [true, ['c', 'b']]);
  assert.deepEqual(first.body['pagination'], { page: 1, limit: 2, total: 3, totalPages: 2 });
  assert.deepEqual(titles(await list(ada, '?limit=2&page=2')), ['a']);
  assert.deepEqual(titles(await list(ada, `?before=${ids[1]}`)), ['a']);
  const [own] = (await list(bob)).body['data'] as Record<string, unknown>[];
  assert.deepEqual([own?.['id'], own?.['title'], own?.['type']], [ids[1], 'b', 'SECRET']);
  assert.equal((await list(ada, '?page=0')).body['code'], 'VALIDATION_ERROR');
  assert.equal((await list(ada, `?before=${nobody}`)).status, 404);
});

test('[social:PATCH /groups/{id}] by the owner and admins; null empties, what is absent stays', async (t) => {
  const { server, ada, bob, carol, create, read, add } = await open(t);
  const id = idOf((await create(ada, { title: 'x', description: 'd', cover: 'http://example.org/a' })).body);
  await add(ada, id, { userId: bob.principal.id, role: 'ADMIN' });
  await add(ada, id, { userId: carol.principal.id });
  const patch = (who: SignedIn, group: string, body: unknown) =>
    server.call('PATCH', `/api/v1/groups/${group}`, { token: who.accessToken, body });
  const { status, body } = await patch(bob, id, { title: 'Updated Group Name', cover: null, type: 'PUBLIC' });
  assert.deepEqual([status, body['message']], [200, 'Group updated successfully']);
  const { createdAt: _, updatedAt: __, ...shown } = dataOf({ body });
  const expected = { id, title: 'Updated Group Name', description: 'd', cover: null, type: 'PUBLIC' };
  assert.deepEqual(shown, expected);
  assert.equal(dataOf(await read(ada, id))['title'], 'Updated Group Name');
  const refusals: [SignedIn, string, object, number][] = [
    [carol, id, { title: 'y' }, 403],
    [ada, nobody, { title: 'y' }, 404],
    [ada, id, { title: '' }, 400],
    [ada, id, { title: null }, 400],
    [ada, id, { type: 'OPEN' }, 400],
    [ada, id, { cover: 'javascript:alert(1)' }, 400],
  ];
  for (const [who, group, fields, wanted] of refusals) {
    assert.equal((await patch(who, group, fields)).status, wanted, JSON.stringify(fields));
  }
});

test('[social:DELETE /groups/{id}] by the owner only, and then it is gone for everybody', async (t) => {
  const { server, ada, bob, create, read, add } = await open(t);
  const id = idOf((await create(ada, { title: 'x', type: 'PUBLIC' })).body);
  await add(ada, id, { userId: bob.principal.id, role: 'ADMIN' });
  const remove = (who: SignedIn) => server.call('DELETE', `/api/v1/groups/${id}`, { token: who.accessToken });
  assert.equal((await remove(bob)).status, 403);
  const { status, body } = await remove(ada);
  assert.deepEqual([status, body], [200, { success: true, message: 'Group deleted successfully', data: null }]);
  assert.equal((await remove(ada)).status, 404);
  for (const who of [ada, bob]) assert.equal((await read(who, id)).status, 404);
});

test('[social:DELETE /groups/{id}/members/{userId}] by the owner and admins', async (t) => {
  const { server, ada, bob, carol } = await open(t);
  const id = await server.group(ada, bob, carol);
  const remove = (who: SignedIn, userId: string) =>
    server.call('DELETE', `/api/v1/groups/${id}/members/${userId}`, { token: who.accessToken });
  assert.equal((await remove(bob, carol.principal.id)).status, 403);
  const { status, body } = await remove(ada, bob.principal.id);
  assert.deepEqual([status, body], [200, { success: true, message: 'Member removed successfully', data: null }]);
  assert.equal((await remove(ada, bob.principal.id)).status, 404);
  assert.equal((await remove(ada, ada.principal.id)).status, 403);
});

test('[social:POST /groups/{id}/leave] 200 with null; after an owner somebody follows', async (t) => {
  const { server, ada, bob, read } = await open(t);
  const id = await server.group(ada, bob);
  const leave = (who: SignedIn, group = id) =>
    server.call('POST', `/api/v1/groups/${group}/leave`, { token: who.accessToken });
  const { status, body } = await leave(ada);
  assert.deepEqual([status, body], [200, { success: true, message: 'Left group successfully', data: null }]);
  assert.deepEqual(dataOf(await read(bob, id))['members'], [
    { userId: bob.principal.id, username: bob.profile.username, role: 'OWNER' },
  ]);
  assert.equal((await leave(ada)).status, 403);
  assert.equal((await leave(ada, nobody)).status, 404);
  assert.equal((await leave(bob)).status, 200);
  assert.equal((await read(bob, id)).status, 404);
});

test('a PUBLIC group is joined, a role given, and its members are listed in pages', async (t) => {
  const { server, ada, bob, carol, create } = await open(t);
  const id = idOf((await create(ada, { title: 'x', type: 'PUBLIC' })).body);
  const call = (who: SignedIn, method: string, path: string, body?: unknown) =>
    server.call(method, `/api/v1/groups/${id}/${path}`, { token: who.accessToken, ...(body ? { body } : {}) });
  assert.equal((await call(bob, 'POST', 'join')).status, 200);
  assert.equal((await call(bob, 'POST', 'join')).status, 409);
  const role = `members/${bob.principal.id}`;
  assert.equal((await call(ada, 'PUT', role, { role: 'OWNER' })).status, 200);
  assert.equal((await call(ada, 'PUT', role, { role: 'MEMBER' })).status, 403);
  assert.equal((await call(bob, 'PUT', role, { role: 'MEMBER' })).status, 409);
  assert.equal((await call(bob, 'PUT', role, { role: 'KING' })).status, 400);
  const { body } = await call(carol, 'GET', 'members?limit=1&page=2');
  const { username, avatar } = bob.profile;
  assert.deepEqual(body['data'], [{ userId: bob.principal.id, username, avatar, role: 'OWNER' }]);
  assert.deepEqual(body['pagination'], { page: 2, limit: 1, total: 2, totalPages: 2 });
  const closed = await server.group(ada);
  const list = await server.call('GET', `/api/v1/groups/${closed}/members`, { token: carol.accessToken });
  assert.equal(list.status, 403);
});

test('threat S-3: to a stranger, on every route and event, a SECRET group is what a group is that does not exist', async (t) => {
  const { server, ada, bob, carol, create, add } = await open(t);
  const before = await server.call('GET', '/api/v1/groups', { token: bob.accessToken });
  const secret = idOf((await create(ada, { title: 'x', type: 'SECRET' })).body);
  await add(ada, secret, { userId: carol.principal.id });
  await server.send(ada, { groupId: secret }, 'hidden');
  const member = carol.principal.id;
  const asked: [string, (id: string) => string, unknown?][] = [
    ['GET', (id) => `groups/${id}`],
    ['PATCH', (id) => `groups/${id}`, { title: 'y' }],
    ['DELETE', (id) => `groups/${id}`],
    ['GET', (id) => `groups/${id}/members`],
    ['GET', (id) => `groups/${id}/members?after=${member}`],
    ['POST', (id) => `groups/${id}/members`, { userId: member }],
    ['PUT', (id) => `groups/${id}/members/${member}`, { role: 'ADMIN' }],
    ['DELETE', (id) => `groups/${id}/members/${member}`],
    ['POST', (id) => `groups/${id}/join`],
    ['POST', (id) => `groups/${id}/leave`],
    ['GET', (id) => `groups?before=${id}`],
    ['GET', (id) => `messages/group/${id}`],
  ];
  const withId = (method: string, path: string, body?: unknown) =>
    server.call(method, `/api/v1/${path}`, { token: bob.accessToken, ...(body ? { body } : {}) });
  for (const [method, path, body] of asked) {
    const [hidden, none] = [await withId(method, path(secret), body), await withId(method, path(nobody), body)];
    assert.deepEqual([hidden.status, hidden.text], [404, none.text], `${method} ${path('')}`);
    assert.equal(none.status, 404);
  }
  const client = await connected(t, server, { token: bob.accessToken });
  for (const event of ['message:send', 'typing:start', 'typing:stop']) {
    const ask = (groupId: string) => client.ask(event, { groupId, content: 'x' });
    assert.deepEqual(await ask(secret), await ask(nobody), event);
  }
  const after = await server.call('GET', '/api/v1/groups', { token: bob.accessToken });
  assert.equal(after.text, before.text);
});

test('threat S-7: whoever is blocked cannot add the blocker to a group: 403', async (t) => {
  const { server, ada, bob, add } = await open(t);
  const id = await server.group(ada);
  await server.app.identity.block(bob.principal, ada.principal.id);
  const { status, body } = await add(ada, id, { userId: bob.principal.id });
  assert.deepEqual([status, body['code']], [403, 'FORBIDDEN']);
});

test('the key of a group that one has left since gives nothing of what it has become', async (t) => {
  const { server, ada, bob } = await open(t);
  const headers = { 'idempotency-key': 'key-00001' };
  const create = () =>
    server.call('POST', '/api/v1/groups', { token: ada.accessToken, headers, body: { title: 'Plan', type: 'SECRET' } });
  const made = (await create()).body['data'] as { id: string };
  const on = (who: typeof ada, method: string, path: string, body?: unknown) =>
    server.call(method, `/api/v1/groups/${made.id}${path}`, { token: who.accessToken, body });
  await on(ada, 'POST', '/members', { userId: bob.principal.id });
  await on(ada, 'PUT', `/members/${bob.principal.id}`, { role: 'OWNER' });
  assert.equal((await on(bob, 'DELETE', `/members/${ada.principal.id}`)).status, 200);
  assert.equal((await on(bob, 'PATCH', '', { title: 'New plan' })).status, 200);
  const again = await create();
  assert.deepEqual([again.status, JSON.stringify(again.body).includes('New plan')], [404, false]);
});
