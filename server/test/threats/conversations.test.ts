import assert from 'node:assert/strict';
import test from 'node:test';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { field } from '../support/clients.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { eventsOf, everyWay, quiet, type Way } from './ways.ts';

const as =
  (server: TestServer, who: SignedIn) =>
  (method: string, path: string, body?: unknown): ReturnType<TestServer['call']> =>
    server.call(method, `/api/v1/${path}`, { token: who.accessToken, ...(body === undefined ? {} : { body }) });

const codeFrom = async (way: Way, event: string, data: object): Promise<unknown> => {
  const reply = await way.ask(event, data);
  return field(reply, 'success') === true ? 'done' : field(reply, 'code');
};

/** The names of the fields, those of lists' elements too, and no more. */
function fieldsOf(data: unknown, path = ''): string[] {
  if (typeof data !== 'object' || data === null) return [path];
  if (Array.isArray(data)) return [...new Set(data.flatMap((one) => fieldsOf(one, `${path}[]`)))];
  return Object.entries(data).flatMap(([name, value]) => fieldsOf(value, path === '' ? name : `${path}.${name}`));
}

test('threat S-1: five people and three transports: nobody changes what another wrote, and what was told of it is a list of fields', async (t) => {
  const server = await startServer(t);
  const [ada, bob, carol, former, admin] = await server.people(5);
  assert.ok(ada && bob && carol && former && admin);
  await server.app.identity.setRole(admin.profile.email, 'ADMIN');
  const group = await server.group(ada, bob, former);
  const left = await server.send(former, { groupId: group }, 'of one who left');
  await as(server, ada)('DELETE', `groups/${group}/members/${former.principal.id}`);
  const direct = await server.send(bob, { receiverId: ada.principal.id }, 'direct');
  const inGroup = await server.send(bob, { groupId: group }, 'in the group');
  const cases: [SignedIn, string, string][] = [
    [ada, direct, 'FORBIDDEN'],
    [ada, inGroup, 'FORBIDDEN'],
    [carol, direct, 'NOT_FOUND'],
    [carol, inGroup, 'NOT_FOUND'],
    [former, left, 'NOT_FOUND'],
    [admin, direct, 'NOT_FOUND'],
    [admin, inGroup, 'NOT_FOUND'],
  ];
  for (const [who, messageId, code] of cases) {
    for (const way of await everyWay(t, server, who)) {
      const pretended: object = {
        senderId: bob.principal.id,
        userId: bob.principal.id,
        groupId: group,
        content: 'changed',
      };
      assert.equal(await codeFrom(way, 'message:edit', { messageId, ...pretended }), code, way.name);
      assert.equal(await codeFrom(way, 'message:delete', { messageId, ...pretended }), code, way.name);
    }
  }
  const [own] = await everyWay(t, server, ada);
  assert.ok(own);
  await as(server, bob)('PATCH', `messages/${inGroup}`, { content: 'better', clientId: 'not-for-others' });
  const edited = (await own.ear.until('message:edit')).data;
  const common = ['content', 'createdAt', 'groupId', 'id', 'metadata', 'parentId', 'receiverId', 'senderId', 'type'];
  assert.deepEqual(fieldsOf(edited).sort(), [...common, 'updatedAt'].sort());
  await as(server, bob)('DELETE', `messages/${inGroup}`);
  const { args } = await own.ear.until('message:delete');
  assert.deepEqual(args[0], { messageId: inGroup });
  assert.doesNotMatch(JSON.stringify(args), /better|in the group/);
});

test('threat S-5: receipts of strangers, for what is deleted, not there or one’s own move nothing, over any transport', async (t) => {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  const deleted = await server.send(ada, { receiverId: bob.principal.id }, 'gone');
  await as(server, ada)('DELETE', `messages/${deleted}`);
  const nobody = '01890000-0000-7000-8000-000000000000';
  const adas = await everyWay(t, server, ada);
  const wrong: [SignedIn, string, string][] = [
    [carol, id, 'NOT_FOUND'],
    [ada, id, 'FORBIDDEN'],
    [bob, deleted, 'NOT_FOUND'],
    [bob, nobody, 'NOT_FOUND'],
  ];
  for (const [who, messageId, code] of wrong) {
    for (const way of who === ada ? adas : await everyWay(t, server, who)) {
      for (const event of ['message:seen', 'message:delivered']) {
        assert.equal(await codeFrom(way, event, { messageId, userId: bob.principal.id }), code, `${way.name} ${event}`);
      }
    }
  }
  await quiet(server, ada, adas);
  for (const { ear, name } of adas) assert.deepEqual(ear.of('message:status'), [], name);
  const [bobs] = await everyWay(t, server, bob);
  assert.ok(bobs);
  assert.equal(await codeFrom(bobs, 'message:seen', { messageId: id }), 'done');
  assert.equal(await codeFrom(bobs, 'message:delivered', { messageId: id }), 'done');
  const shown = await as(server, ada)('GET', `messages/${id}`);
  assert.equal(field(shown.body['data'], 'status'), 'SEEN');
});

/** Everything that a stranger can list or look for, as text. */
async function looked(server: TestServer, who: SignedIn, words: readonly string[]): Promise<string[]> {
  const paths = [
    ...['groups', 'groups?limit=100', 'conversations', 'calls', 'users/blocked', 'messages/search?query=canary'],
    ...words.flatMap((word) => [`users?query=${word}`, `messages/search?query=${word}`]),
  ];
  const texts: string[] = [];
  for (const path of paths) texts.push(`${path} ${(await as(server, who)('GET', path)).text}`);
  return texts;
}

test('threat S-3: lists and searches of a stranger are the same to the byte with a SECRET group and without', async (t) => {
  const server = await startServer(t);
  const [ada, bob, eve] = await server.people(3);
  assert.ok(ada && bob && eve);
  await server.send(eve, { receiverId: eve.principal.id }, 'something to list');
  const own = await server.group(eve);
  await server.send(eve, { groupId: own }, 'in a group of my own');
  const words = ['canarytitle', 'canarytext', 'canarydescription', ada.profile.username.slice(0, 6)];
  const ways = await everyWay(t, server, eve);
  const before = await looked(server, eve, words);
  const { body } = await as(server, ada)('POST', 'groups', {
    title: 'canarytitle',
    description: 'canarydescription',
    type: 'SECRET',
  });
  const group = String(field(body['data'], 'id'));
  await as(server, ada)('POST', `groups/${group}/members`, { userId: bob.principal.id });
  await server.send(bob, { groupId: group }, `canarytext for ${eve.profile.username} @${eve.profile.username}`);
  await as(server, bob)('GET', 'messages/search?query=canarytext');
  await as(server, ada)('POST', 'calls', { type: 'AUDIO', groupId: group });
  await as(server, ada)('PATCH', `groups/${group}`, { title: 'canarytitle two' });
  assert.deepEqual(await looked(server, eve, words), before);
  await quiet(server, eve, ways);
  for (const way of ways) assert.deepEqual(eventsOf(way, eve), [], way.name);
  // Nor is anything to be told from the answers to acts, by a body that names the group as a member's would.
  const nobody = '01890000-0000-7000-8000-000000000000';
  for (const way of ways) {
    for (const [event, more] of [
      ['message:send', { content: 'x' }],
      ['typing:start', {}],
      ['call:initiate', { type: 'AUDIO' }],
    ] as const) {
      const ask = (groupId: string) => way.ask(event, { groupId, ...more });
      const [hidden, none] = [await ask(group), await ask(nobody)];
      assert.deepEqual({ ...Object(hidden), reply: 0 }, { ...Object(none), reply: 0 }, `${way.name} ${event}`);
    }
    const [hidden, none] = [
      await codeFrom(way, 'conversation:seen', { conversationId: group }),
      await codeFrom(way, 'conversation:seen', { conversationId: nobody }),
    ];
    assert.equal(hidden, none, way.name);
  }
  for (const path of ['calls', 'messages']) {
    const type = path === 'calls' ? 'AUDIO' : 'TEXT';
    const post = async (groupId: string): Promise<string> => {
      const { status, text } = await as(server, eve)('POST', path, { groupId, type, content: 'x' });
      return `${status} ${text}`;
    };
    assert.equal(await post(group), await post(nobody), path);
  }
});

test('threat S-2: nobody adds themselves, nobody who was removed comes back by themselves, and an owner who leaves leaves one behind', async (t) => {
  const server = await startServer(t);
  const [ada, bob, eve] = await server.people(3);
  assert.ok(ada && bob && eve);
  const group = await server.group(ada, bob, eve);
  const members = `groups/${group}/members`;
  const add = (by: SignedIn) =>
    as(server, by)('POST', members, { userId: eve.principal.id, role: 'OWNER', by: ada.principal.id });
  assert.equal((await as(server, ada)('DELETE', `${members}/${eve.principal.id}`)).status, 200);
  for (const path of [`groups/${group}/join`, `groups/${group}/leave`]) {
    assert.equal((await as(server, eve)('POST', path, { userId: ada.principal.id })).status, 403, path);
  }
  assert.ok([400, 403].includes((await add(eve)).status));
  assert.ok([400, 403].includes((await add(bob)).status), 'an ordinary member adds nobody');
  for (const [method, path, body] of [
    ['PUT', `${members}/${bob.principal.id}`, { role: 'OWNER' }],
    ['PUT', `${members}/${bob.principal.id}`, { role: 'ADMIN' }],
    ['DELETE', `${members}/${ada.principal.id}`, undefined],
  ] as const) {
    assert.equal((await as(server, bob)(method, path, body)).status, 403, `${method} ${path}`);
  }
  assert.equal((await as(server, ada)('POST', `groups/${group}/leave`)).status, 200);
  const { body } = await as(server, bob)('GET', members);
  const left = (body['data'] as { userId: string; role: string }[]).map(({ userId, role }) => [userId, role]);
  assert.deepEqual(left, [[bob.principal.id, 'OWNER']]);
});
