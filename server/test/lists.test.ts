import assert from 'node:assert/strict';
import test from 'node:test';
import { startServer } from './support/server.ts';
import type { Reply } from './support/social.ts';

test('[social:rule pagination on all list endpoints] every list comes in pages of 20, or as many as are asked for, to 100', async (t) => {
  const server = await startServer(t);
  const people = await server.people(23);
  const [ada, bob] = people;
  assert.ok(ada && bob);
  const group = await server.group(ada, ...people.slice(1));
  for (let n = 0; n < 22; n += 1) {
    await server.group(ada);
    await server.send(ada, { receiverId: bob.principal.id }, `${n}`);
    await server.send(ada, { groupId: group }, `${n}`);
    await server.app.identity.provision([{ username: ada.profile.username, email: ada.profile.email }]);
  }
  for (const { principal } of people.slice(1)) await server.app.identity.block(ada.principal, principal.id);
  const lists: readonly (readonly [path: string, total: number])[] = [
    ['/users?query=person', 23],
    ['/users/blocked', 22],
    ['/auth/sessions', 23],
    ['/groups', 23],
    ['/groups/public', 0],
    [`/groups/${group}/members`, 23],
    [`/messages/direct/${bob.principal.id}`, 22],
    [`/messages/group/${group}`, 22],
    ['/calls', 0],
  ];
  for (const [path, total] of lists) {
    const get = (query: string): Promise<Reply> => {
      const at = path.includes('?') ? '&' : '?';
      return server.call('GET', `/api/v1${path}${query === '' ? '' : `${at}${query}`}`, { token: ada.accessToken });
    };
    const pageOf = async (query: string) => {
      const { status, body } = await get(query);
      assert.equal(status, 200, `${path} ${query}`);
      assert.deepEqual(Object.keys(body), ['success', 'data', 'pagination'], path);
      return { shown: Object(body['data']).length, pagination: body['pagination'] };
    };
    const totalPages = Math.ceil(total / 20);
    assert.deepEqual(
      [await pageOf(''), await pageOf('page=2&limit=20'), await pageOf('page=9'), await pageOf('limit=1000')],
      [
        { shown: Math.min(20, total), pagination: { page: 1, limit: 20, total, totalPages } },
        { shown: Math.max(0, total - 20), pagination: { page: 2, limit: 20, total, totalPages } },
        { shown: 0, pagination: { page: 9, limit: 20, total, totalPages } },
        { shown: total, pagination: { page: 1, limit: 100, total, totalPages: Math.ceil(total / 100) } },
      ],
      path,
    );
    for (const query of ['page=0', 'page=-1', 'page=x', 'limit=0', 'limit=1.5']) {
      assert.equal((await get(query)).status, 400, `${path} ${query}`);
    }
  }
});
