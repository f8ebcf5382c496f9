import assert from 'node:assert/strict';
import test from 'node:test';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, type Ear, field } from './support/clients.ts';
import { startServer, type TestServer } from './support/server.ts';

const groupEvents = [
  'group:created',
  'group:updated',
  'group:deleted',
  'group:member:added',
  'group:member:removed',
  'group:member:role',
];

async function open(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  return { server, ada, bob, carol };
}

const rest = async ({ call }: TestServer, who: SignedIn, method: string, path: string, body?: unknown) => {
  const answer = await call(method, `/api/v1/${path}`, { token: who.accessToken, ...(body ? { body } : {}) });
  assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`);
  return answer.body['data'];
};

/** What was heard of groups, without the names of the groups. */
const heard = (ear: Ear): unknown[][] =>
  ear
    .of(...groupEvents)
    .map(({ event, data }) => [
      event.slice('group:'.length),
      ...['userId', 'role', 'title'].map((name) => field(data, name)).filter((value) => value !== undefined),
    ]);

test('[social:rule auto-join group room when user accepts group invitation] whoever joins a PUBLIC group is in its room at once', async (t) => {
  const { server, ada, bob } = await open(t);
  const group = await server.group(ada);
  await rest(server, ada, 'PATCH', `groups/${group}`, { type: 'PUBLIC' });
  const member = await connected(t, server, { token: bob.accessToken });
  await rest(server, bob, 'POST', `groups/${group}/join`);
  await server.send(ada, { groupId: group }, 'welcome');
  assert.deepEqual(await member.ear.messages(1), ['welcome']);
});

test('members hear of every change once and in order, whoever leaves until they have left, live and after a cut', async (t) => {
  const { server, ada, bob, carol } = await open(t);
  const owner = await connected(t, server, { token: ada.accessToken });
  const away = await connected(t, server, { token: bob.accessToken });
  const removed = await connected(t, server, { token: carol.accessToken });
  const group = await server.group(ada, bob, carol);
  await away.ear.until(({ data }) => field(data, 'userId') === carol.principal.id);
  await away.cut();
  await rest(server, ada, 'PATCH', `groups/${group}`, { title: 'renamed' });
  await rest(server, ada, 'DELETE', `groups/${group}/members/${carol.principal.id}`);
  await rest(server, ada, 'PUT', `groups/${group}/members/${bob.principal.id}`, { role: 'OWNER' });
  await away.back();
  await rest(server, bob, 'DELETE', `groups/${group}`);
  await Promise.all([owner, away].map(({ ear }) => ear.until('group:deleted')));
  const [a, b, c] = [ada, bob, carol].map(({ principal }) => principal.id);
  const joined = [
    ['member:added', b, 'MEMBER'],
    ['member:added', c, 'MEMBER'],
  ];
  const later = [
    ['updated', 'renamed'],
    ['member:removed', c],
    ['member:role', b, 'OWNER'],
    ['member:role', a, 'ADMIN'],
    ['deleted'],
  ];
  assert.deepEqual(heard(owner.ear), [['created', a], ...joined, ...later]);
  assert.deepEqual(heard(away.ear), later);
  // What is said to them alone comes behind anything of the group that they could still get.
  await server.send(ada, { receiverId: carol.principal.id }, 'bye');
  await removed.ear.messages(1);
  assert.deepEqual(heard(removed.ear), [joined[1], ...later.slice(0, 2)]);
});

test('people who delete their accounts while they are added and removed, join and leave: no request breaks, no member is nobody', async (t) => {
  const { server, ada } = await open(t);
  const people = await server.people(12);
  const group = await server.group(ada);
  await rest(server, ada, 'PATCH', `groups/${group}`, { type: 'PUBLIC' });
  const path = `/api/v1/groups/${group}`;
  const acts = people.flatMap(({ accessToken: token, principal: { id: userId } }) => [
    server.call('POST', `${path}/members`, { token: ada.accessToken, body: { userId } }),
    server.call('POST', `${path}/join`, { token }),
    server.call('DELETE', `/api/v1/users/${userId}`, { token }),
    server.call('POST', `${path}/leave`, { token }),
    server.call('DELETE', `${path}/members/${userId}`, { token: ada.accessToken }),
  ]);
  const answers = await Promise.all(acts);
  assert.deepEqual(
    answers.filter(({ status }) => status >= 500).map(({ text }) => text),
    [],
  );
  for (let index = 2; index < answers.length; index += 5) assert.equal(answers[index]?.status, 200);
  const members = await rest(server, ada, 'GET', `groups/${group}/members`);
  const { username, avatar } = ada.profile;
  assert.deepEqual(members, [{ userId: ada.principal.id, username, avatar, role: 'OWNER' }]);
});

test('of a deleted group whoever was away hears that it is gone, and of nothing that was said; who had left before hears nothing', async (t) => {
  const { server, ada, bob, carol } = await open(t);
  const [dan] = await server.people(1);
  assert.ok(dan);
  const away = await connected(t, server, { token: bob.accessToken });
  const left = await connected(t, server, { token: carol.accessToken });
  const group = await server.group(ada, bob, carol, dan);
  for (const { ear } of [away, left]) await ear.until('group:member:added');
  const { offset: since } = await away.ear.until('group:member:added');
  for (const client of [away, left]) await client.cut();
  const path = `groups/${group}`;
  await rest(server, ada, 'PATCH', path, { title: 'a canary' });
  const id = await server.send(ada, { groupId: group }, 'a canary');
  await server.send(ada, { groupId: group }, 'another canary');
  await rest(server, ada, 'POST', `messages/${id}/react`, { emoji: '🐤' });
  await rest(server, carol, 'POST', `${path}/leave`);
  await rest(server, ada, 'PATCH', `messages/${id}`, { content: 'a canary still' });
  await rest(server, ada, 'DELETE', path);
  for (const who of [bob, carol, dan]) await server.send(ada, { receiverId: who.principal.id }, 'goodbye');
  const ears = [away.ear, left.ear];
  for (const client of [away, left]) await client.back();
  // Without an offset, and with one when nothing lies in memory any more.
  ears.push((await connected(t, server, { token: dan.accessToken })).ear);
  for (const ear of ears) await ear.messages(1);
  await server.restart();
  ears.push((await connected(t, server, { auth: { token: bob.accessToken, since } })).ear);
  for (const ear of ears) {
    assert.deepEqual(await ear.messages(1), ['goodbye']);
    assert.doesNotMatch(JSON.stringify(ear.all), /canary|🐤/);
  }
  const ends = ears.map((ear) => ear.of('group:deleted').map(({ data }) => field(data, 'groupId')));
  assert.deepEqual(ends, [[group], [], [group], [group]]);
});
