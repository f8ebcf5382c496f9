import assert from 'node:assert/strict';
import test from 'node:test';
import { createDatabase, dropDatabase, serverUrl } from './support/database.ts';
import { startServer, testFolder } from './support/process.ts';
import { caller } from './support/social.ts';
import { openWay } from './support/way.ts';

test('while PostgreSQL is away every request is answered 503 in the envelope, and works again afterwards', {
  skip: serverUrl === undefined ? 'needs PostgreSQL' : false,
}, async (t) => {
  assert.ok(serverUrl !== undefined);
  const server = serverUrl;
  const database = await createDatabase(server);
  t.after(() => dropDatabase(server, database));
  const way = await openWay(t, database);
  const { url } = await startServer(t, {
    folder: testFolder(t),
    env: { DATABASE_URL: way.url, RATE_LIMITS: 'off', LOG_LEVEL: 'silent' },
  });
  const call = caller(url);
  const ada = { username: 'ada', email: 'ada@example.org', password: 'Password123' };
  const registered = await call('POST', '/api/v1/auth/register', { body: ada });
  assert.equal(registered.status, 201, registered.text);
  const { accessToken: token, id } = namedIn(registered.text);
  const requests = () =>
    Promise.all([
      call('POST', '/api/v1/messages', { token, body: { content: 'a', receiverId: id } }),
      call('POST', '/api/v1/groups', { token, body: { title: 'a group' } }),
      call('GET', `/api/v1/messages/direct/${id}`, { token }),
      call('POST', '/api/v1/auth/login', { body: { email: ada.email, password: ada.password } }),
    ]);
  way.cut();
  for (const { status, body } of await requests()) {
    assert.deepEqual([status, body['success'], body['code']], [503, false, 'SERVICE_UNAVAILABLE']);
  }
  way.mend();
  assert.deepEqual(
    (await requests()).map(({ status }) => status),
    [201, 201, 200, 200],
  );
});

/** The token and the account's id in the answer to a registration. */
function namedIn(text: string): { accessToken: string; id: string } {
  const [, accessToken = ''] = /"accessToken":"([^"]+)"/.exec(text) ?? [];
  const [, id = ''] = /"id":"([^"]+)"/.exec(text) ?? [];
  return { accessToken, id };
}
