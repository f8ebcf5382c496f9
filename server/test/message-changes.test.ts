import assert from 'node:assert/strict';
import test from 'node:test';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, field } from './support/clients.ts';
import { startServer } from './support/server.ts';

async function open(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const on = async (who: SignedIn, method: string, path: string, body?: unknown) => {
    const answer = await server.call(method, `/api/v1/messages/${path}`, { token: who.accessToken, body });
    return { ...answer, data: answer.body['data'] as Record<string, unknown> };
  };
  const texts = async (who: SignedIn, path: string): Promise<string[]> => {
    const { body } = await on(who, 'GET', path);
    return (body['data'] as { content: string }[]).map(({ content }) => content);
  };
  const block = (by: SignedIn, who: SignedIn) => server.app.identity.block(by.principal, who.principal.id);
  return { server, ada, bob, carol, on, texts, block };
}

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

test('[social:PATCH /messages/{id}] [social:listen message:edit] an edited message is new for both sides, live, later and after a resume', async (t) => {
  const { server, ada, bob, on, texts } = await open(t);
  const [own, other] = [
    await connected(t, server, { token: ada.accessToken }),
    await connected(t, server, { token: bob.accessToken }),
  ];
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'first words');
  await own.ear.until('message:sent');
  await other.ear.until('message:received');
  await other.cut();
  await server.send(ada, { receiverId: bob.principal.id }, 'behind it');
  const { status, body, data } = await on(ada, 'PATCH', id, { content: 'better words' });
  assert.deepEqual(
    [status, body['message'], data['id'], data['content']],
    [200, 'Message edited successfully', id, 'better words'],
  );
  assert.ok(String(data['updatedAt']) >= String(data['createdAt']));
  const heard = await own.ear.until('message:edit');
  assert.deepEqual(
    [field(heard.data, 'id'), field(heard.data, 'content'), field(heard.data, 'receiverId')],
    [id, 'better words', bob.principal.id],
  );
  assert.equal(typeof heard.offset, 'string');
  await other.back();
  const replayed = await other.ear.until('message:edit');
  assert.deepEqual(replayed.data, heard.data);
  // From the log itself, when nothing lies in memory.
  await other.cut();
  await on(ada, 'PATCH', id, { content: 'the last words' });
  await server.restart();
  await other.back();
  assert.equal(field((await other.ear.until('message:edit')).data, 'content'), 'the last words');
  assert.deepEqual(await texts(bob, `direct/${ada.principal.id}`), ['behind it', 'the last words']);
});

test('[social:DELETE /messages/{id}] [social:listen message:delete] threat S-1: a deleted message is gone everywhere, and what is told of it is its id', async (t) => {
  const { server, ada, bob, on, texts } = await open(t);
  const [own, other] = [
    await connected(t, server, { token: ada.accessToken }),
    await connected(t, server, { token: bob.accessToken }),
  ];
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'canary one');
  await other.ear.until('message:received');
  await other.cut();
  other.ear.forget();
  await on(ada, 'PATCH', id, { content: 'canary two' });
  const last = await server.send(ada, { receiverId: bob.principal.id }, 'stays');
  const { status, body } = await on(ada, 'DELETE', id);
  assert.deepEqual([status, body['message'], body['data']], [200, 'Message deleted successfully', null]);
  assert.deepEqual((await own.ear.until('message:delete')).data, { messageId: id });
  await other.back();
  assert.deepEqual((await other.ear.until('message:delete')).data, { messageId: id });
  const since = (await own.ear.until('connected')).offset;
  await server.restart();
  const { ear } = await connected(t, server, { auth: { token: bob.accessToken, since } });
  await ear.until('message:delete');
  assert.doesNotMatch(JSON.stringify([...other.ear.all, ...ear.all]), /canary/, 'neither the message nor its edit');
  assert.deepEqual(await texts(bob, `direct/${ada.principal.id}`), ['stays']);
  const list = await on(bob, 'GET', `direct/${ada.principal.id}`);
  assert.equal((list.body['pagination'] as { total: number }).total, 1);
  for (const [method, path, more] of [
    ['GET', id],
    ['PATCH', id, { content: 'x' }],
    ['DELETE', id],
    ['POST', `${id}/react`, { emoji: '👍' }],
  ] as const) {
    assert.equal((await on(ada, method, path, more)).status, 404, `${method} ${path}`);
  }
  const reply = { receiverId: bob.principal.id, content: 'to nothing', parentId: id };
  assert.equal((await server.call('POST', '/api/v1/messages', { token: ada.accessToken, body: reply })).status, 404);
  assert.equal((await on(bob, 'GET', last)).status, 200);
});

test('[social:emit message:edit] [social:emit message:delete] sockets change messages as REST does, in a group too', async (t) => {
  const { server, ada, bob, carol } = await open(t);
  const group = await server.group(ada, bob);
  const [own, other, stranger] = await Promise.all(
    [ada, bob, carol].map(({ accessToken }) => connected(t, server, { token: accessToken })),
  );
  assert.ok(own && other && stranger);
  const messageId = await server.send(ada, { groupId: group }, 'a');
  const edited = (await own.ask('message:edit', { messageId, content: 'b' })) as Record<string, unknown>;
  assert.deepEqual([edited['success'], field(edited['data'], 'content')], [true, 'b']);
  for (const { ear } of [own, other]) {
    const { data } = await ear.until('message:edit');
    assert.deepEqual([field(data, 'id'), field(data, 'content'), field(data, 'groupId')], [messageId, 'b', group]);
  }
  assert.deepEqual(await own.ask('message:delete', { messageId }), { success: true, data: null });
  for (const { ear } of [own, other]) assert.deepEqual((await ear.until('message:delete')).data, { messageId });
  assert.deepEqual(stranger.ear.of('message:edit', 'message:delete', 'message:received'), []);
});

test('[social:rule only own messages can be edited or deleted] threat S-1: five people, over REST and sockets', async (t) => {
  const { server, ada, bob, carol, on } = await open(t);
  const [former] = await server.people(1);
  assert.ok(former);
  const group = await server.group(ada, bob, former);
  const direct = await server.send(bob, { receiverId: ada.principal.id }, 'direct');
  const inGroup = await server.send(bob, { groupId: group }, 'in the group');
  const left = await server.send(former, { groupId: group }, 'of one who left');
  const gone = await server.call('DELETE', `/api/v1/groups/${group}/members/${former.principal.id}`, {
    token: ada.accessToken,
  });
  assert.equal(gone.status, 200, gone.text);
  const cases: [SignedIn, string, number, string][] = [
    [ada, direct, 403, 'FORBIDDEN'],
    [ada, inGroup, 403, 'FORBIDDEN'],
    [carol, direct, 404, 'NOT_FOUND'],
    [carol, inGroup, 404, 'NOT_FOUND'],
    [former, left, 404, 'NOT_FOUND'],
    [bob, nobody, 404, 'NOT_FOUND'],
    [bob, 'nonsense', 404, 'NOT_FOUND'],
  ];
  for (const [who, messageId, status, code] of cases) {
    const { ask, socket } = await connected(t, server, { token: who.accessToken });
    assert.equal((await on(who, 'PATCH', messageId, { content: 'x' })).status, status);
    assert.equal((await on(who, 'DELETE', messageId)).status, status);
    for (const [event, more] of [
      ['message:edit', { content: 'x' }],
      ['message:delete', {}],
    ] as const) {
      assert.equal(field(await ask(event, { messageId, ...more }), 'code'), code, event);
    }
    socket.disconnect();
  }
  for (const bad of [{}, { content: '' }, { content: 'x'.repeat(5_001) }, { content: 'a\u0000b' }]) {
    assert.equal((await on(bob, 'PATCH', direct, bad)).status, 400);
  }
  assert.equal((await on(bob, 'GET', direct)).data['content'], 'direct');
});

test('a retry of a message that was changed since is known by what it said at first', async (t) => {
  const { server, ada, bob, on } = await open(t);
  const draft = { content: 'first', receiverId: bob.principal.id, clientId: 'key-00001', metadata: { a: 1 } };
  const post = (body: object) => server.call('POST', '/api/v1/messages', { token: ada.accessToken, body });
  const id = field((await post(draft)).body['data'], 'id');
  await on(ada, 'PATCH', String(id), { content: 'second' });
  const again = await post(draft);
  assert.deepEqual(
    [again.status, field(again.body['data'], 'id'), field(again.body['data'], 'content')],
    [201, id, 'second'],
  );
  assert.equal((await post({ ...draft, content: 'second' })).status, 409);
  await on(ada, 'DELETE', String(id));
  assert.equal((await post(draft)).status, 404);
  assert.equal((await post({ ...draft, content: 'second' })).status, 409);
  assert.equal((await post({ ...draft, content: 'third', clientId: 'key-00002' })).status, 201);
});

test('[social:POST /messages/{id}/react] [social:DELETE /messages/{id}/react] [social:rule DELETE react carries a JSON body] a reaction is counted once, shown, told and taken back', async (t) => {
  const { server, ada, bob, on } = await open(t);
  const [own, other] = [
    await connected(t, server, { token: ada.accessToken }),
    await connected(t, server, { token: bob.accessToken }),
  ];
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  for (let time = 0; time < 2; time += 1) {
    const { status, body } = await on(bob, 'POST', `${id}/react`, { emoji: '👍' });
    assert.deepEqual([status, body['message'], body['data']], [200, 'Reaction added', null]);
  }
  assert.equal(field(await own.ask('message:react', { messageId: id, emoji: '👍' }), 'success'), true);
  await on(ada, 'POST', `${id}/react`, { emoji: '\u2764' });
  const added = {
    messageId: id,
    userId: bob.principal.id,
    emoji: '👍',
    action: 'added',
    reactions: [{ emoji: '👍', count: 1 }],
  };
  for (const { ear } of [own, other]) assert.deepEqual((await ear.until('message:reaction')).data, added);
  const both = [
    { emoji: '👍', count: 2 },
    { emoji: '\u2764\ufe0f', count: 1 },
  ];
  /** Over REST: of the message itself, or of the first that a list has. */
  const shownTo = async (who: SignedIn, path = `messages/${id}`): Promise<unknown> => {
    const { body } = await server.call('GET', `/api/v1/${path}`, { token: who.accessToken });
    const first = [body['data']].flat()[0];
    return field(path === 'conversations' ? field(first, 'lastMessage') : first, 'reactions');
  };
  const marked = (...mine: readonly boolean[]) => both.map((reaction, index) => ({ ...reaction, mine: mine[index] }));
  // The index has at once what its author asks for.
  for (const path of [`messages/${id}`, 'messages/search?query=hello'])
    assert.deepEqual(await shownTo(ada, path), marked(true, true), path);
  for (const path of [`messages/${id}`, `messages/direct/${ada.principal.id}`, 'conversations'])
    assert.deepEqual(await shownTo(bob, path), marked(true, false), path);
  // A replay, from memory, shows the message with what it has now.
  const since = (await own.ear.until('connected')).offset;
  const late = await connected(t, server, { auth: { token: bob.accessToken, since } });
  assert.deepEqual(field((await late.ear.until('message:received')).data, 'reactions'), both);
  const removed = await on(bob, 'DELETE', `${id}/react`, { emoji: '👍' });
  assert.deepEqual([removed.status, removed.body['message'], removed.body['data']], [200, 'Reaction removed', null]);
  assert.equal((await on(bob, 'DELETE', `${id}/react?emoji=${encodeURIComponent('👍')}`)).status, 200);
  assert.equal(field(await own.ask('message:unreact', { messageId: id, emoji: '\u2764\ufe0f' }), 'success'), true);
  await own.ear.until(
    ({ event, data }) =>
      event === 'message:reaction' && JSON.stringify(field(data, 'reactions')) === '[{"emoji":"👍","count":1}]',
  );
  assert.deepEqual(await shownTo(ada), [{ emoji: '👍', count: 1, mine: true }]);
  assert.deepEqual(await shownTo(bob), [{ emoji: '👍', count: 1, mine: false }]);
  assert.equal(own.ear.of('message:reaction').length, 5, 'what changes nothing is told to nobody');
});

test('a reaction is one emoji, by somebody who reads the message, and of twenty kinds at most', async (t) => {
  const { server, ada, bob, carol, on } = await open(t);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'hello');
  for (const emoji of ['', 'a', '👍👍', ' 👍', '1', '<b>', 'x'.repeat(40), 7, null]) {
    assert.equal((await on(bob, 'POST', `${id}/react`, { emoji })).status, 400, JSON.stringify(emoji));
  }
  assert.equal((await on(bob, 'DELETE', `${id}/react`, {})).status, 400);
  assert.equal((await on(carol, 'POST', `${id}/react`, { emoji: '👍' })).status, 404);
  for (const emoji of ['👩‍👩‍👧‍👦', '🏳️‍🌈', '1️⃣', '🇩🇪', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'])
    assert.equal((await on(bob, 'POST', `${id}/react`, { emoji })).status, 200, emoji);
  const more = [...'😀😁😂😃😄😅😆😇😈😉😊😋😌😍😎'];
  for (const emoji of more) assert.equal((await on(ada, 'POST', `${id}/react`, { emoji })).status, 200);
  assert.equal((await on(ada, 'POST', `${id}/react`, { emoji: '😏' })).status, 400);
  assert.equal((await on(ada, 'POST', `${id}/react`, { emoji: '🇩🇪' })).status, 200);
});

test('reactions of many at once are all counted', async (t) => {
  const { server, ada, on } = await open(t);
  const people = await server.people(12);
  const group = await server.group(ada, ...people);
  const id = await server.send(ada, { groupId: group }, 'hello');
  const answers = await Promise.all(people.map((who) => on(who, 'POST', `${id}/react`, { emoji: '👍' })));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.deepEqual((await on(ada, 'GET', id)).data['reactions'], [{ emoji: '👍', count: 12, mine: false }]);
});

test('between the blocked and the blocker nothing is edited and no reaction given, and one may still delete', async (t) => {
  const { server, ada, bob, on, block } = await open(t);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'before');
  const back = await server.send(bob, { receiverId: ada.principal.id }, 'before too');
  await block(bob, ada);
  for (const [who, message] of [
    [ada, id],
    [bob, back],
  ] as const) {
    assert.equal((await on(who, 'PATCH', message, { content: 'x' })).status, 403);
    assert.equal((await on(who, 'POST', `${id}/react`, { emoji: '👍' })).status, 403);
  }
  assert.equal((await on(ada, 'DELETE', id)).status, 200);
});

test('threat S-7: between the blocked and the blocker nothing is sent, until the block is lifted; a known key still is', async (t) => {
  const { server, ada, bob, block } = await open(t);
  const { socket, ask } = await connected(t, server, { token: ada.accessToken });
  const post = (who: SignedIn, other: SignedIn, more: object = {}) =>
    server.call('POST', '/api/v1/messages', {
      token: who.accessToken,
      body: { content: 'x', receiverId: other.principal.id, ...more },
    });
  const key = { clientId: 'key-00001' };
  assert.equal((await post(ada, bob, key)).status, 201);
  await block(bob, ada);
  const refused = await post(ada, bob);
  assert.deepEqual([refused.status, refused.body['code']], [403, 'FORBIDDEN']);
  assert.equal(field(await ask('message:send', { content: 'x', receiverId: bob.principal.id }), 'code'), 'FORBIDDEN');
  const blocker = await post(bob, ada);
  assert.deepEqual(
    [blocker.status, blocker.body['message']],
    [403, 'You have blocked this account; unblock it to write to it'],
  );
  assert.equal((await post(ada, bob, key)).status, 201);
  assert.equal((await post(ada, ada)).status, 201);
  await server.app.identity.unblock(bob.principal, ada.principal.id);
  assert.equal((await post(ada, bob)).status, 201);
  assert.equal((await post(bob, ada)).status, 201);
  socket.disconnect();
});

const pieces = [
  '<script>alert(1)</script>',
  '[x](javascript:alert(1))',
  '<img src=x onerror=alert(1)>',
  '@all',
  '```',
  '> ',
  '&lt;',
  '"',
  "'",
  '\u202e',
  '\\',
  '#{7*7}',
  '{{7*7}}',
  '%00',
  '\u2028',
  '--',
];

test('two hundred texts meant for somebody else to read as code come back as they were written, everywhere', async (t) => {
  const { server, ada, bob, on, texts } = await open(t);
  const { ear } = await connected(t, server, { token: bob.accessToken });
  const own = await connected(t, server, { token: ada.accessToken });
  const corpus = Array.from(
    { length: 200 },
    (_, n) => `${n} ${pieces[n % 16]}${pieces[(n * 7 + 3) % 16]} ${pieces[(n >> 4) % 16]}`,
  );
  for (const [n, content] of corpus.entries()) {
    if (n % 2 === 0) await server.send(ada, { receiverId: bob.principal.id }, content);
    else await own.ask('message:send', { content, receiverId: bob.principal.id });
  }
  assert.deepEqual(await ear.messages(200), corpus);
  const path = `direct/${ada.principal.id}?limit=100`;
  assert.deepEqual([...(await texts(bob, path)), ...(await texts(bob, `${path}&page=2`))].reverse(), corpus);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'to be edited');
  for (const content of corpus.slice(0, 16)) {
    const edited = await on(ada, 'PATCH', id, { content });
    assert.equal(edited.data['content'], content);
    assert.match(String(edited.headers.get('content-type')), /^application\/json/);
    await ear.until(({ event, data }) => event === 'message:edit' && field(data, 'content') === content);
  }
});

test('who has left a group reads what was written in their time, and nothing that it has become since', async (t) => {
  const { server, ada, bob, on } = await open(t);
  const group = await server.group(ada, bob);
  const away = await connected(t, server, { token: bob.accessToken });
  await away.cut();
  const edited = await server.send(ada, { groupId: group }, 'as it was');
  await server.send(ada, { groupId: group }, 'never changed');
  await on(ada, 'PATCH', edited, { content: 'in his time' });
  await server.call('DELETE', `/api/v1/groups/${group}/members/${bob.principal.id}`, { token: ada.accessToken });
  await on(ada, 'PATCH', edited, { content: 'a secret of later' });
  await server.send(ada, { receiverId: bob.principal.id }, 'to you alone');
  for (const restarts of [false, true]) {
    if (restarts) await server.restart();
    const again = await connected(t, server, {
      auth: { token: bob.accessToken, since: `${server.storage.log.epoch}.0` },
    });
    await again.ear.until(({ data }) => field(data, 'content') === 'to you alone');
    assert.deepEqual(again.ear.contents, ['never changed', 'to you alone']);
    assert.ok(!JSON.stringify(again.ear.all).includes('a secret of later'));
    again.socket.disconnect();
  }
});
