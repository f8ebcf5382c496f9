import assert from 'node:assert/strict';
import test from 'node:test';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { startServer } from './support/server.ts';

type Line = Record<string, unknown>;

async function open(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const call = async (who: SignedIn, method: string, path: string, body?: unknown) => {
    const reply = await server.call(method, `/api/v1/${path}`, { token: who.accessToken, body });
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.text}`);
    return reply.body['data'];
  };
  const list = async (who: SignedIn, path: string) => (await call(who, 'GET', path)) as Line[];
  const ring = (who: SignedIn, body: object) => call(who, 'POST', 'calls', { type: 'AUDIO', ...body });
  return { server, ada, bob, carol, call, list, ring };
}

const named = ({ profile: { id, username, avatar } }: SignedIn) => ({ id, username, avatar });

test('lists say what the people and groups in them are called', async (t) => {
  const { server, ada, bob, carol, call, list, ring } = await open(t);
  const group = await server.group(ada, bob);
  await call(ada, 'PATCH', `groups/${group}`, { title: 'Moth night', type: 'SECRET' });
  await call(bob, 'PATCH', `users/${bob.principal.id}`, { avatar: 'https://example.org/bob.png' });
  const withPicture = { ...named(bob), avatar: 'https://example.org/bob.png' };
  await server.send(ada, { receiverId: ada.principal.id }, 'to myself');
  await server.send(ada, { receiverId: bob.principal.id }, 'to bob');
  await server.send(bob, { groupId: group }, 'to the group');
  const title = { id: group, title: 'Moth night', type: 'SECRET' };
  assert.deepEqual(
    (await list(ada, 'conversations')).map(({ user, group: shown }) => [user, shown]),
    [
      [null, title],
      [withPicture, null],
      [named(ada), null],
    ],
  );
  assert.deepEqual(
    (await list(ada, `groups/${group}/members`)).map(({ username, avatar }) => [username, avatar]),
    [ada, bob].map(({ profile: { username } }, index) => [username, index === 0 ? null : withPicture.avatar]),
  );
  await ring(ada, { participantIds: [bob.principal.id, carol.principal.id] });
  await ring(bob, { groupId: group });
  const shown = (who: SignedIn) =>
    list(who, 'calls').then((calls) => calls.map(({ initiator, group: of, others }) => [initiator, of, others]));
  assert.deepEqual(await shown(ada), [
    [withPicture, title, []],
    [named(ada), null, [withPicture, named(carol)]],
  ]);
  assert.deepEqual(await shown(carol), [[named(ada), null, [named(ada), withPicture]]]);
});

test('a SECRET group that one has left has no name in the history of calls, and a deleted one none for anybody', async (t) => {
  const { server, ada, bob, call, list, ring } = await open(t);
  const group = await server.group(ada, bob);
  await ring(ada, { groupId: group });
  const titles = async (who: SignedIn) => (await list(who, 'calls')).map(({ group: of }) => of !== null);
  await call(bob, 'POST', `groups/${group}/leave`);
  assert.deepEqual(
    [await titles(ada), await titles(bob)],
    [[true], [true]],
    'the title of a PRIVATE group is no secret',
  );
  await call(ada, 'PATCH', `groups/${group}`, { type: 'SECRET' });
  assert.deepEqual([await titles(ada), await titles(bob)], [[true], [false]]);
  await call(ada, 'DELETE', `groups/${group}`);
  assert.deepEqual([await titles(ada), await titles(bob)], [[false], [false]]);
});

test('who blocks is named as before, and who has deleted their account is called a deleted user', async (t) => {
  const { server, ada, bob, call, list, ring } = await open(t);
  await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  await ring(ada, { participantIds: [bob.principal.id] });
  const names = async () => {
    const [line] = await list(ada, 'conversations');
    const [rung] = await list(ada, 'calls');
    const profile = Object(await call(ada, 'GET', `users/${bob.principal.id}`));
    const { id, username, avatar } = profile;
    for (const seen of [line?.['user'], Object(rung?.['others'])[0]]) assert.deepEqual(seen, { id, username, avatar });
    return username;
  };
  await server.app.identity.block(bob.principal, ada.principal.id);
  assert.equal(await names(), bob.profile.username);
  await call(bob, 'DELETE', `users/${bob.principal.id}`);
  assert.equal(await names(), 'deleted user');
});

test('a call of many names five of the others', async (t) => {
  const { server, ada, list, ring } = await open(t);
  const people = await server.people(7);
  await ring(ada, { participantIds: people.map(({ principal }) => principal.id) });
  const [line] = await list(ada, 'calls');
  assert.equal(Object(line?.['others']).length, 5);
});
