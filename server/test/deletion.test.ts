import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topicOf } from '../src/infra/log/topic.ts';
import { connected, field } from './support/clients.ts';
import { startServer, type TestServer } from './support/server.ts';
import { startMailServer } from './support/smtp.ts';

test('who deletes their account leaves their groups, which go on; what they wrote stays with whom it was for', async (t) => {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const group = await server.group(ada, bob, carol);
  const alone = await server.group(ada);
  await server.send(ada, { receiverId: bob.principal.id }, 'only for bob');
  await server.send(ada, { groupId: group }, 'for all');
  const reader = await connected(t, server, { token: bob.accessToken });
  const gone = await server.call('DELETE', `/api/v1/users/${ada.principal.id}`, { token: ada.accessToken });
  assert.equal(gone.status, 200);

  const get = (path: string) => server.call('GET', `/api/v1${path}`, { token: bob.accessToken });
  const members = Object(field((await get(`/groups/${group}`)).body['data'], 'members'));
  assert.deepEqual(members, [
    { userId: bob.principal.id, username: bob.profile.username, role: 'OWNER' },
    { userId: carol.principal.id, username: carol.profile.username, role: 'MEMBER' },
  ]);
  assert.equal((await get(`/groups/${alone}`)).status, 404);
  for (const [path, content] of [
    [`/messages/direct/${ada.principal.id}`, 'only for bob'],
    [`/messages/group/${group}`, 'for all'],
  ] as const) {
    const { status, body } = await get(path);
    assert.deepEqual([status, Object(body['data'])[0]?.content], [200, content], path);
  }
  const writer = Object((await get(`/users/${ada.principal.id}`)).body['data']);
  assert.deepEqual([writer.username, writer.isOnline], ['deleted user', false]);
  const answer = await reader.ask('message:send', { receiverId: ada.principal.id, content: 'are you there?' });
  assert.equal(field(answer, 'code'), 'NOT_FOUND');
  const invited = await server.call('POST', `/api/v1/groups/${group}/members`, {
    token: bob.accessToken,
    body: { userId: ada.principal.id },
  });
  assert.equal(invited.status, 404);
});

const rowsOf = (server: TestServer, account: number) =>
  server.storage.sql
    .statement<{ type: string; payload: string | null }>(
      "SELECT type, payload FROM log WHERE topic = ?1 AND peer IS NULL AND type NOT LIKE 'message%' ORDER BY seq",
    )
    .all(topicOf('user', account));

const jobsOf = async (server: TestServer) =>
  (
    await server.storage.sql
      .statement<{ kind: string }>("SELECT kind FROM jobs WHERE kind LIKE 'identity.%' AND key <> 'repeating'")
      .all()
  ).map(({ kind }) => kind);

test('what a deleted account had in its own topic is emptied, also when the server ends before that; mail to it goes at once', async (t) => {
  const mail = await startMailServer(t);
  mail.refuse(true);
  const server = await startServer(t, { SMTP_URL: mail.url });
  const [ada, bob] = await server.people(2);
  assert.ok(ada && bob);
  const { email } = await server.app.identity.me(ada.principal);
  await server.call('POST', '/api/v1/auth/forgot', { body: { email } });
  assert.deepEqual(await jobsOf(server), ['identity.reset-mail']);
  await server.app.identity.block(ada.principal, bob.principal.id);
  await server.app.identity.setRole(email, 'HR');
  await server.call('DELETE', `/api/v1/users/${ada.principal.id}`, { token: ada.accessToken });
  assert.equal((await jobsOf(server)).includes('identity.reset-mail'), false);
  await server.restart();
  const until = Date.now() + 8_000;
  while ((await jobsOf(server)).length > 0) {
    assert.ok(Date.now() < until, 'the job did not end');
    await sleep(20);
  }
  const rows = await rowsOf(server, ada.principal.account);
  assert.deepEqual(
    rows.map(({ type, payload }) => [type, payload !== null]),
    [
      ['account.blocked', false],
      ['account.role', false],
      ['session.revoked', true],
      ['account.deleted', true],
    ],
  );
});
