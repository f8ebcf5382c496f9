import assert from 'node:assert/strict';
import test from 'node:test';
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
    ['GET', `groups/${nobody}`],
    ['POST', `groups/${nobody}/members`],
  ] as const) {
    const { status, body } = await server.call(method, `/api/v1/${path}`, method === 'POST' ? { body: {} } : {});
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
    { userId: ada.principal.id, role: 'OWNER' },
    { userId: bob.principal.id, role: 'MEMBER' },
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
