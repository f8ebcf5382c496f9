import assert from 'node:assert/strict';
import test from 'node:test';
import { connected, field } from './support/clients.ts';
import { startServer } from './support/server.ts';

test('a refused body is told of every field that is wrong, in words that say what to write', async (t) => {
  const server = await startServer(t);
  const [ada] = await server.people(1);
  assert.ok(ada);
  const said = async (method: string, path: string, body?: unknown) => {
    const reply = await server.call(method, `/api/v1/${path}`, { token: ada.accessToken, body });
    assert.deepEqual([reply.status, reply.body['success'], reply.body['code']], [400, false, 'VALIDATION_ERROR'], path);
    assert.deepEqual(Object.keys(reply.body), ['success', 'message', 'code']);
    return reply.body['message'];
  };
  assert.equal(
    await said('POST', 'auth/register', { username: 'a b', email: 'nothing' }),
    'password is missing; username may have only the letters a to z, digits and _; email is not an email address',
  );
  assert.equal(await said('POST', 'auth/login'), 'The body must be a JSON object: {…}');
  assert.equal(
    await said('POST', 'groups', { title: '', description: 7, cover: 'cover.jpg', type: 'OPEN' }),
    'title must not be empty; description must be a text in quotes; ' +
      'cover must be an address with http:// or https://; type must be one of PRIVATE, PUBLIC, SECRET',
  );
  assert.equal(await said('GET', 'users?page=0'), 'query is missing; page must be a whole number from 1 on');
  const client = await connected(t, server, { token: ada.accessToken });
  const answer = await client.ask('message:edit', {});
  assert.equal(field(answer, 'message'), 'messageId is missing; content is missing');
});

test('a change with nothing but unknown fields is refused; beside known ones they are passed over, as in every body', async (t) => {
  const server = await startServer(t);
  const [ada] = await server.people(1);
  assert.ok(ada);
  const group = await server.group(ada);
  const change = (path: string, body: unknown) =>
    server.call('PATCH', `/api/v1/${path}`, { token: ada.accessToken, body });
  for (const [path, fields] of [
    [`groups/${group}`, 'title, description, cover, type'],
    [`users/${ada.principal.id}`, 'username, avatar, statusMessage'],
  ] as const) {
    const { status, body } = await change(path, { tilte: 'x' });
    assert.deepEqual([status, body['code']], [400, 'VALIDATION_ERROR']);
    assert.equal(body['message'], `The body has none of the fields that can be changed here: ${fields}`);
    assert.equal((await change(path, {})).status, 200, 'what asks for nothing is no mistake');
  }
  const { status, body } = await change(`groups/${group}`, { title: 'y', tilte: 'x' });
  assert.deepEqual([status, field(body['data'], 'title')], [200, 'y']);
});

test('an address that is none, or not for this method, says so', async (t) => {
  const server = await startServer(t);
  for (const [method, path] of [
    ['GET', '/api/v1/grups'],
    ['PUT', '/api/v1/groups'],
  ] as const) {
    const { status, body } = await server.call(method, path);
    const message = `Nothing answers ${method} at this address: look at the path and the method`;
    assert.deepEqual([status, body], [404, { success: false, message, code: 'NOT_FOUND' }]);
  }
});
