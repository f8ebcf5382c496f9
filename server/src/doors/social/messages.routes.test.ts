import assert from 'node:assert/strict';
import test from 'node:test';
import { connected } from '../../../test/support/clients.ts';
import { startServer } from '../../../test/support/server.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

async function open(t: Parameters<typeof startServer>[0], settings = {}) {
  const server = await startServer(t, settings);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const post = (who: SignedIn, body: unknown, headers = {}) =>
    server.call('POST', '/api/v1/messages', { token: who.accessToken, body, headers });
  const get = (who: SignedIn, path: string) =>
    server.call('GET', `/api/v1/messages/${path}`, { token: who.accessToken });
  return { server, ada, bob, carol, post, get };
}

const dataOf = ({ body }: { body: Record<string, unknown> }) => body['data'] as Record<string, unknown>;

test('what is refused before it is a message costs a request and no message, as on sockets', async (t) => {
  const { server, ada, bob, post } = await open(t, { RATE_LIMIT_MESSAGES: '3/60', RATE_LIMIT_GENERAL: '5/900' });
  const body = { content: 'hello', receiverId: bob.principal.id, clientId: 'a-key-of-its-own' };
  const { socket, ask } = await connected(t, server, { token: ada.accessToken });
  for (let time = 0; time < 3; time += 1) {
    assert.equal((await post(ada, {})).status, 400);
    assert.equal(((await ask('message:send', {})) as { code: string }).code, 'VALIDATION_ERROR');
  }
  // A retry with the same key is counted like the first.
  assert.equal((await post(ada, body)).status, 201);
  assert.equal(((await ask('message:send', body)) as { success: boolean }).success, true);
  assert.equal((await post(ada, body)).status, 201);
  const over = await post(ada, body);
  assert.deepEqual([over.status, over.headers.get('x-ratelimit-limit')], [429, '3']);
  const codes = [];
  for (let time = 0; time < 3; time += 1) {
    const { status } = await server.call('POST', '/api/v1/messages', { token: 'bad', body });
    codes.push(status);
  }
  assert.deepEqual(codes, [401, 401, 429], 'after the three bodies that were refused');
  socket.disconnect();
});

test('every route refuses a caller without a token with 401', async (t) => {
  const server = await startServer(t);
  const calls = [
    ['POST', 'messages'],
    ['GET', `messages/${nobody}`],
    ['GET', `messages/direct/${nobody}`],
    ['GET', `messages/group/${nobody}`],
  ];
  for (const [method = '', path = ''] of calls) {
    for (const headers of [{}, { authorization: 'Bearer nonsense' }, { authorization: 'Basic YTpi' }]) {
      const { status, body } = await server.call(method, `/api/v1/${path}`, {
        headers,
        ...(method === 'POST' ? { body: {} } : {}),
      });
      assert.deepEqual([status, body['success'], body['code']], [401, false, 'UNAUTHORIZED'], path);
    }
  }
});

test('[social:POST /messages] [social:error status 201] [social:sdk APIClient.sendMessage(content, receiverId)] a message is sent and answered in full', async (t) => {
  const { ada, bob, post } = await open(t);
  const { status, body } = await post(ada, {
    content: 'Hello, how are you?',
    receiverId: bob.principal.id,
    type: 'TEXT',
  });
  assert.equal(status, 201);
  assert.deepEqual([body['success'], body['message']], [true, 'Message sent successfully']);
  const { id, createdAt, updatedAt, ...rest } = dataOf({ body });
  assert.match(String(id), uuid);
  assert.match(String(createdAt), isoTime);
  assert.equal(updatedAt, createdAt);
  assert.deepEqual(rest, {
    senderId: ada.principal.id,
    receiverId: bob.principal.id,
    groupId: null,
    content: 'Hello, how are you?',
    type: 'TEXT',
    status: 'SENT',
    parentId: null,
    metadata: null,
    reactions: [],
  });
});

test('[social:rule receiverId for direct, groupId for group] [social:error status 400] [social:error status 403] [social:error status 404] one of the two, with parentId and metadata', async (t) => {
  const { server, ada, bob, carol, post } = await open(t);
  const group = await server.group(ada, bob);
  const first = dataOf(
    await post(ada, { content: 'a', receiverId: null, groupId: group, parentId: null, metadata: {} }),
  );
  assert.deepEqual([first['groupId'], first['receiverId'], first['metadata']], [group, null, {}]);
  const metadata = { link: { title: 'é', sizes: [1, 2.5, null, true] }, '': 0 };
  const reply = dataOf(await post(bob, { content: 'b', groupId: group, parentId: first['id'], metadata }));
  assert.deepEqual([reply['parentId'], reply['metadata']], [first['id'], metadata]);
  const refusals: [SignedIn, object, number, string][] = [
    [ada, {}, 400, 'VALIDATION_ERROR'],
    [ada, { receiverId: bob.principal.id, groupId: group }, 400, 'VALIDATION_ERROR'],
    [ada, { receiverId: nobody }, 404, 'NOT_FOUND'],
    [ada, { groupId: nobody }, 404, 'NOT_FOUND'],
    [carol, { groupId: group }, 403, 'FORBIDDEN'],
    [ada, { receiverId: bob.principal.id, parentId: first['id'] }, 404, 'NOT_FOUND'],
    [ada, { receiverId: bob.principal.id, metadata: 'text' }, 400, 'VALIDATION_ERROR'],
    [ada, { receiverId: bob.principal.id, metadata: { text: 'x'.repeat(17_000) } }, 400, 'VALIDATION_ERROR'],
    [ada, { receiverId: 7 }, 400, 'VALIDATION_ERROR'],
    [ada, { receiverId: '' }, 400, 'VALIDATION_ERROR'],
  ];
  for (const [who, fields, status, code] of refusals) {
    const answer = await post(who, { content: 'x', ...fields });
    assert.deepEqual(
      [answer.status, answer.body['success'], answer.body['code']],
      [status, false, code],
      JSON.stringify(fields).slice(0, 80),
    );
    assert.deepEqual(Object.keys(answer.body).sort(), ['code', 'message', 'success']);
  }
});

test('[social:limit message content 1-5000 characters] and only text', async (t) => {
  const { ada, bob, post } = await open(t);
  const status = async (content: unknown) => (await post(ada, { content, receiverId: bob.principal.id })).status;
  assert.deepEqual(
    [await status('x'), await status('x'.repeat(5_000)), await status('🚀'), await status('é'.repeat(5_000))],
    [201, 201, 201, 201],
  );
  for (const content of ['', 'x'.repeat(5_001), null, undefined, 7, ['x'], 'a\0b'])
    assert.equal(await status(content), 400, JSON.stringify(content)?.slice(0, 50));
});

test('[social:enum message type] five types, TEXT when none is given', async (t) => {
  const { ada, bob, post } = await open(t);
  const send = (type?: unknown) => post(ada, { content: 'x', receiverId: bob.principal.id, type });
  for (const type of ['TEXT', 'IMAGE', 'FILE', 'VOICE', 'VIDEO']) assert.equal(dataOf(await send(type))['type'], type);
  assert.equal(dataOf(await send())['type'], 'TEXT');
  for (const type of ['text', 'AUDIO', 7, '']) assert.equal((await send(type)).status, 400);
});

test('[social:limit rate messages 30 per minute] [social:limit rate messages per user] by account, over REST and sockets together', async (t) => {
  const { server, ada, bob, post } = await open(t, { RATE_LIMIT_MESSAGES: '30/60' });
  const draft = { content: 'x', receiverId: bob.principal.id };
  const client = await connected(t, server, { token: ada.accessToken });
  for (let sent = 0; sent < 15; sent += 1) {
    assert.equal((await post(ada, draft)).status, 201);
    await client.ask('message:send', draft);
  }
  const limited = await post(ada, draft);
  assert.deepEqual(
    [limited.status, limited.body['code'], limited.body['message']],
    [429, 'RATE_LIMIT_EXCEEDED', 'Too many requests, please try again later.'],
  );
  assert.deepEqual(
    [limited.headers.get('x-ratelimit-limit'), limited.headers.get('x-ratelimit-remaining')],
    ['30', '0'],
  );
  assert.ok(Number(limited.headers.get('x-ratelimit-reset')) > Date.now() / 1_000);
  const emitted = (await client.ask('message:send', draft)) as Record<string, unknown>;
  assert.deepEqual([emitted['success'], emitted['code']], [false, 'RATE_LIMIT_EXCEEDED']);
  assert.equal((await post(bob, { ...draft, receiverId: ada.principal.id })).status, 201, 'others have their own');
});

test('a key in the body or in the header: sent once, answered alike; another input is 409', async (t) => {
  const { server, ada, bob, post, get } = await open(t);
  const draft = { content: 'x', receiverId: bob.principal.id };
  const header = { 'idempotency-key': 'key-00001' };
  const first = await post(ada, draft, header);
  assert.equal(dataOf(first)['clientId'], 'key-00001');
  const again = await post(ada, draft, header);
  assert.deepEqual([again.status, again.body], [201, first.body]);
  assert.deepEqual((await post(ada, { ...draft, clientId: 'key-00001' })).body, first.body);
  const other = await post(ada, { ...draft, content: 'y' }, header);
  assert.deepEqual([other.status, other.body['code']], [409, 'CONFLICT']);
  for (const key of ['short', 'x'.repeat(129), 'with space', 'ümlaut-key']) {
    const { status, body } = await post(ada, { ...draft, clientId: key });
    assert.equal(status, 400, key);
    assert.equal(body['message'], 'clientId must have 8 to 128 printable characters');
  }
  assert.equal((await post(ada, draft, { 'idempotency-key': 'short' })).status, 400);
  // Only the sender sees the key.
  const id = String(dataOf(first)['id']);
  assert.equal(dataOf(await get(ada, id))['clientId'], 'key-00001');
  assert.equal('clientId' in dataOf(await get(bob, id)), false);
  assert.equal((await server.storage.log.rowsAfter(0, 100)).filter(({ type }) => type === 'message').length, 1);
});

test('[social:GET /messages/{id}] [social:error status 200] a message, to those of its conversation', async (t) => {
  const { server, ada, bob, carol, get } = await open(t);
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'x');
  const { status, body } = await get(bob, id);
  assert.equal(status, 200);
  assert.equal(dataOf({ body })['content'], 'x');
  for (const [who, path] of [
    [carol, id],
    [ada, nobody],
    [ada, 'nonsense'],
  ] as const) {
    const answer = await get(who, path);
    assert.deepEqual([answer.status, answer.body['code']], [404, 'NOT_FOUND']);
  }
});

test('[social:enum message status] SENT to nobody, DELIVERED to somebody who is connected', async (t) => {
  const { server, ada, bob, get } = await open(t);
  const alone = await server.send(ada, { receiverId: bob.principal.id }, 'x');
  await connected(t, server, { token: bob.accessToken });
  const heard = await server.send(ada, { receiverId: bob.principal.id }, 'x');
  assert.equal(dataOf(await get(ada, alone))['status'], 'SENT');
  assert.equal(dataOf(await get(ada, heard))['status'], 'DELIVERED');
});

async function contents(answer: { body: Record<string, unknown> }): Promise<unknown> {
  const { data, pagination } = answer.body as { data: { content: string }[]; pagination: unknown };
  return [data.map(({ content }) => content).join(), pagination];
}

test('[social:GET /messages/direct/{otherUserId}] newest first, with before and after', async (t) => {
  const { server, ada, bob, carol, get } = await open(t);
  const ids: string[] = [];
  for (const content of ['a', 'b', 'c', 'd', 'e'])
    ids.push(
      await server.send(
        content < 'c' ? ada : bob,
        { receiverId: content < 'c' ? bob.principal.id : ada.principal.id },
        content,
      ),
    );
  await server.send(ada, { receiverId: carol.principal.id }, 'to somebody else');
  const list = async (query: string) => contents(await get(ada, `direct/${bob.principal.id}${query}`));
  const page = (page: number, limit: number) => ({ page, limit, total: 5, totalPages: Math.ceil(5 / limit) });
  assert.deepEqual(await list(''), ['e,d,c,b,a', page(1, 20)]);
  assert.deepEqual(await list('?page=2&limit=2'), ['c,b', page(2, 2)]);
  assert.deepEqual(await list('?page=9'), ['', page(9, 20)]);
  assert.deepEqual(await list(`?before=${ids[3]}&limit=2`), ['c,b', page(1, 2)]);
  assert.deepEqual(await list(`?after=${ids[1]}&limit=2`), ['d,c', page(1, 2)]);
  const none = await get(bob, `direct/${carol.principal.id}`);
  assert.deepEqual([none.status, none.body['data']], [200, []]);
  assert.equal((await get(ada, `direct/${nobody}`)).status, 404);
  assert.equal((await get(ada, `direct/${bob.principal.id}?before=${nobody}`)).status, 404);
});

test('[social:GET /messages/group/{groupId}] newest first, for members', async (t) => {
  const { server, ada, bob, carol, get } = await open(t);
  const group = await server.group(ada, bob);
  for (const content of ['a', 'b']) await server.send(ada, { groupId: group }, content);
  assert.deepEqual(await contents(await get(bob, `group/${group}`)), [
    'b,a',
    { page: 1, limit: 20, total: 2, totalPages: 1 },
  ]);
  const refused = await get(carol, `group/${group}`);
  assert.deepEqual([refused.status, refused.body['code']], [403, 'FORBIDDEN']);
  assert.equal((await get(ada, `group/${nobody}`)).status, 404);
});

test('[social:limit page default 1] [social:limit default 20 max 100] pages are counted from 1, a limit above 100 counts as 100', async (t) => {
  const { server, ada, bob, get } = await open(t);
  const receiverId = bob.principal.id;
  const sender = await connected(t, server, { token: ada.accessToken });
  await Promise.all(Array.from({ length: 103 }, () => sender.ask('message:send', { content: 'x', receiverId })));
  const list = async (query: string): Promise<unknown[]> => {
    const { body, status } = await get(ada, `direct/${receiverId}${query}`);
    const { data, pagination } = body as {
      data?: unknown[];
      pagination?: { page: number; limit: number; totalPages: number };
    };
    return [status, data?.length, pagination?.page, pagination?.limit, pagination?.totalPages];
  };
  assert.deepEqual(await list(''), [200, 20, 1, 20, 6]);
  assert.deepEqual(await list('?limit=100'), [200, 100, 1, 100, 2]);
  assert.deepEqual(await list('?limit=5000&page=2'), [200, 3, 2, 100, 2]);
  for (const query of ['?page=0', '?page=-1', '?page=x', '?limit=0', '?limit=1.5', '?limit=1e3', '?page=99999999999']) {
    assert.equal((await list(query))[0], 400, query);
  }
});

test('[social:enum message type] [social:enum message status] the API says which there are, in answers too', async (t) => {
  const server = await startServer(t);
  const { text } = await server.call('GET', '/api/docs-json');
  const { paths } = JSON.parse(text);
  const answerOf = (path: string, method: string, status = 200) =>
    paths[path][method].responses[status].content['application/json'].schema.properties.data;
  const statuses = ['SENT', 'DELIVERED', 'SEEN'];
  const message = answerOf('/api/v1/messages', 'post', 201).properties;
  assert.deepEqual(message.type.enum, ['TEXT', 'IMAGE', 'FILE', 'VOICE', 'VIDEO']);
  assert.deepEqual(message.status.enum, statuses);
  assert.deepEqual(answerOf('/api/v1/messages/{id}/seen', 'post').properties.status.enum, statuses);
  const line = answerOf('/api/v1/conversations', 'get').items.properties;
  assert.deepEqual([line.type.enum, line.lastMessage.properties.status.enum], [['DIRECT', 'GROUP'], statuses]);
});
