import assert from 'node:assert/strict';
import test from 'node:test';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, type Ear, field, plainClient, stockClient } from './support/clients.ts';
import { idOf, startServer, type TestServer } from './support/server.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

async function open(t: Parameters<typeof startServer>[0], settings = {}) {
  const server = await startServer(t, settings);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const listen = (who: SignedIn) => connected(t, server, { token: who.accessToken });
  return { server, ada, bob, carol, listen };
}

const dataOf = (reply: unknown): Record<string, unknown> => ({ ...(field(reply, 'data') as object) });

/** What was heard of messages so far, and that nothing more is under way: a later message has come. */
async function settled(server: TestServer, from: SignedIn, ears: readonly (readonly [Ear, SignedIn])[]): Promise<void> {
  for (const [ear, { principal }] of ears) {
    const content = `settled ${Math.random()}`;
    await server.send(from, { receiverId: principal.id }, content);
    await ear.until(
      ({ data }) => typeof data === 'object' && data !== null && 'content' in data && data.content === content,
    );
  }
}

test('[social:header Socket.IO handshake auth.token] [social:header Socket.IO handshake authorization header] [social:sdk SocketClient constructor] a stock client connects with its token', async (t) => {
  const { server, ada } = await open(t);
  for (const options of [
    { auth: { token: ada.accessToken } },
    { extraHeaders: { authorization: `Bearer ${ada.accessToken}` } },
  ]) {
    const { ear, socket } = await connected(t, server, options);
    const { data } = await ear.until('connected');
    assert.deepEqual(data, {
      message: 'Successfully connected to WebSocket',
      userId: ada.principal.id,
      socketId: socket.id,
      recovered: false,
    });
  }
});

test('[social:listen connect] [social:listen disconnect] [social:listen error] without a good token: connect, error, disconnect', async (t) => {
  const { server } = await open(t);
  for (const auth of [
    { token: 'nonsense' },
    {},
    { token: null },
    { token: { toString: 'x' } },
    { token: 'x'.repeat(10_000) },
  ]) {
    const { socket, ear } = stockClient(t, server, { auth });
    const heard: string[] = [];
    socket.on('connect', () => heard.push('connect'));
    ear.until('error').then(
      () => heard.push('error'),
      () => {},
    );
    const reason = await new Promise((resolve) => socket.once('disconnect', resolve));
    assert.equal(reason, 'io server disconnect');
    assert.deepEqual(
      [heard[0], ear.all.map(({ event, args }) => [event, args])],
      ['connect', [['error', [{ message: 'Authentication failed' }]]]],
    );
  }
});

test('[social:emit message:send] [social:sdk SocketClient.sendMessage(content, receiverId)] with a callback it is answered, without one it is sent all the same', async (t) => {
  const { ada, bob, listen } = await open(t);
  const [sender, receiver] = [await listen(ada), await listen(bob)];
  const reply = await sender.ask('message:send', { content: 'Hello!', receiverId: bob.principal.id, type: 'TEXT' });
  assert.equal(field(reply, 'success'), true);
  const { id, createdAt, updatedAt, ...rest } = dataOf(reply);
  assert.equal(createdAt, updatedAt);
  assert.deepEqual(rest, {
    senderId: ada.principal.id,
    receiverId: bob.principal.id,
    groupId: null,
    content: 'Hello!',
    type: 'TEXT',
    status: 'SENT',
    parentId: null,
    metadata: null,
    reactions: [],
  });
  const parent = { groupId: null, parentId: id, metadata: { a: 1 } };
  sender.socket.emit('message:send', { content: 'Again', receiverId: bob.principal.id, ...parent });
  assert.deepEqual(await receiver.ear.messages(2), ['Hello!', 'Again']);
  const { data } = receiver.ear.all.at(-1) ?? {};
  assert.deepEqual([field(data, 'parentId'), field(data, 'metadata')], [id, { a: 1 }]);
});

test('[social:listen message:sent] [social:listen message:received] the sender’s sockets hear `message:sent`, the receiver’s `message:received`, all of them the same message', async (t) => {
  const { server, ada, bob, carol, listen } = await open(t);
  const senders = [await listen(ada), await listen(ada)];
  const receivers = [await listen(bob), await listen(bob), plainClient(t, server, { token: bob.accessToken })];
  await receivers[2]?.ear.until('connected');
  const other = await listen(carol);
  const reply = await senders[0]!.ask('message:send', {
    content: 'Hello!',
    receiverId: bob.principal.id,
    clientId: 'key-00001',
  });
  const message = dataOf(reply);
  const offset = `${server.storage.log.epoch}.1`;
  for (const { ear } of senders) {
    const heard = await ear.until('message:sent');
    assert.deepEqual([heard.data, heard.offset], [message, offset]);
    assert.deepEqual([field(heard.data, 'status'), field(heard.data, 'clientId')], ['SENT', 'key-00001']);
  }
  const { clientId: _, ...withoutKey } = message;
  for (const { ear } of receivers) {
    const heard = await ear.until('message:received');
    assert.deepEqual([heard.data, heard.offset], [{ ...withoutKey, status: 'DELIVERED' }, offset]);
  }
  await settled(server, carol, [
    [senders[0]!.ear, ada],
    [receivers[0]!.ear, bob],
  ]);
  assert.equal(senders[0]!.ear.of('message:sent').length, 1);
  assert.equal(receivers[0]!.ear.of('message:sent').length, 0);
  assert.deepEqual(other.ear.of('message:received'), []);
});

test('[social:rule message:sent for direct messages only] in a group everybody hears `message:received`, the sender too', async (t) => {
  const { server, ada, bob, carol, listen } = await open(t);
  const group = await server.group(ada, bob);
  const [sender, member, stranger] = [await listen(ada), await listen(bob), await listen(carol)];
  const reply = await sender.ask('message:send', { content: 'all', groupId: group, clientId: 'key-00001' });
  const own = await sender.ear.until('message:received');
  assert.deepEqual(own.data, dataOf(reply));
  assert.equal(field(own.data, 'clientId'), 'key-00001');
  const theirs = await member.ear.until('message:received');
  assert.deepEqual(
    [field(theirs.data, 'content'), field(theirs.data, 'groupId'), field(theirs.data, 'receiverId')],
    ['all', group, null],
  );
  assert.equal('clientId' in (theirs.data as object), false);
  await settled(server, ada, [
    [member.ear, bob],
    [stranger.ear, carol],
  ]);
  assert.equal(sender.ear.of('message:sent').filter(({ data }) => field(data, 'content') === 'all').length, 0);
  assert.equal(stranger.ear.contents.includes('all'), false);
});

test('[social:rule users auto-subscribed to personal room] [social:rule group rooms group:{groupId}] [social:rule auto-join group room when user creates a group] [social:rule auto-join group room when user is added to a group] connected clients need not join anything', async (t) => {
  const { server, ada, bob, listen } = await open(t);
  const [owner, member] = [await listen(ada), await listen(bob)];
  const made = await server.call('POST', '/api/v1/groups', { token: ada.accessToken, body: { title: 'new' } });
  const group = idOf(made.body);
  await server.send(ada, { groupId: group }, 'to myself so far');
  assert.deepEqual(await owner.ear.messages(1), ['to myself so far']);
  await server.call('POST', `/api/v1/groups/${group}/members`, {
    token: ada.accessToken,
    body: { userId: bob.principal.id },
  });
  await server.send(ada, { groupId: group }, 'to both');
  await server.send(ada, { receiverId: bob.principal.id }, 'to you');
  assert.deepEqual(await member.ear.messages(2), ['to both', 'to you']);
  assert.deepEqual((await owner.ear.messages(3)).slice(1), ['to both', 'to you']);
});

test('[social:error VALIDATION_ERROR] [social:error FORBIDDEN] [social:error NOT_FOUND] a refused emit is answered with the envelope, or with `error` when there is no callback', async (t) => {
  const { server, ada, bob, carol, listen } = await open(t);
  const group = await server.group(bob);
  const { ask, socket, ear } = await listen(ada);
  const refusals: [unknown, string][] = [
    [undefined, 'VALIDATION_ERROR'],
    [null, 'VALIDATION_ERROR'],
    ['text', 'VALIDATION_ERROR'],
    [[], 'VALIDATION_ERROR'],
    [{}, 'VALIDATION_ERROR'],
    [{ content: '', receiverId: bob.principal.id }, 'VALIDATION_ERROR'],
    [{ content: 'x'.repeat(5_001), receiverId: bob.principal.id }, 'VALIDATION_ERROR'],
    [{ content: 'a\0b', receiverId: bob.principal.id }, 'VALIDATION_ERROR'],
    [{ content: 'x' }, 'VALIDATION_ERROR'],
    [{ content: 'x', receiverId: bob.principal.id, groupId: group }, 'VALIDATION_ERROR'],
    [{ content: 'x', receiverId: bob.principal.id, type: 'X' }, 'VALIDATION_ERROR'],
    [{ content: 'x', receiverId: bob.principal.id, clientId: 'short' }, 'VALIDATION_ERROR'],
    [{ content: 'x', receiverId: nobody }, 'NOT_FOUND'],
    [{ content: 'x', groupId: nobody }, 'NOT_FOUND'],
    [{ content: 'x', groupId: group }, 'FORBIDDEN'],
  ];
  for (const [draft, code] of refusals) {
    const reply = await ask('message:send', draft);
    const { message, ...rest } = reply as Record<string, unknown>;
    assert.deepEqual(rest, { success: false, code }, JSON.stringify(draft)?.slice(0, 80));
    assert.ok(typeof message === 'string' && message.length > 0);
    ear.forget();
    socket.emit('message:send', draft);
    const { data, args } = await ear.until('error');
    assert.deepEqual([args.length, field(data, 'code'), field(data, 'event')], [1, code, 'message:send']);
  }
  assert.equal((await server.storage.log.rowsAfter(0, 100)).filter(({ type }) => type === 'message').length, 0);
  assert.equal(
    (await server.call('GET', `/api/v1/messages/direct/${carol.principal.id}`, { token: ada.accessToken })).status,
    200,
  );
});

test('a send that is repeated with its clientId, over any door, is one message', async (t) => {
  const { server, ada, bob, listen } = await open(t);
  const [sender, receiver] = [await listen(ada), await listen(bob)];
  const plain = plainClient(t, server, { token: ada.accessToken, since: 'now' });
  await plain.ear.until('connected');
  const draft = { content: 'once', receiverId: bob.principal.id, clientId: 'key-00001' };
  const replies = await Promise.all([
    sender.ask('message:send', draft),
    sender.ask('message:send', draft),
    plain.ask('message:send', draft),
  ]);
  const rest = await server.call('POST', '/api/v1/messages', { token: ada.accessToken, body: draft });
  assert.equal(new Set([...replies, rest.body].map((reply) => dataOf(reply)['id'])).size, 1);
  const conflict = await sender.ask('message:send', { ...draft, content: 'twice' });
  assert.deepEqual([field(conflict, 'success'), field(conflict, 'code')], [false, 'CONFLICT']);
  await server.restart();
  await sender.ear.until(({ event }) => event === 'connected');
  const again = await server.call('POST', '/api/v1/messages', { token: ada.accessToken, body: draft });
  assert.equal(idOf(again.body), idOf(rest.body));
  await settled(server, ada, [[receiver.ear, bob]]);
  assert.equal(receiver.ear.contents.filter((content) => content === 'once').length, 1);
});

test('a plain WebSocket sends and hears the same events in frames of its own', async (t) => {
  const { server, ada, bob } = await open(t);
  const [one, two] = [
    plainClient(t, server, { token: ada.accessToken }),
    plainClient(t, server, { token: bob.accessToken }),
  ];
  await Promise.all([one.ear.until('connected'), two.ear.until('connected')]);
  const { reply: _, ...answer } = await one.ask('message:send', { content: 'hi', receiverId: bob.principal.id });
  assert.equal(answer['success'], true);
  assert.deepEqual((await one.ear.until('message:sent')).data, answer['data']);
  const heard = await two.ear.until('message:received');
  assert.deepEqual([field(heard.data, 'content'), heard.offset], ['hi', `${server.storage.log.epoch}.1`]);
  const refused = await one.ask('message:send', { content: '', receiverId: bob.principal.id });
  assert.deepEqual([refused['success'], refused['code']], [false, 'VALIDATION_ERROR']);
  one.socket.send(JSON.stringify({ event: 'message:send', data: {} }));
  assert.equal(field((await one.ear.until('error')).data, 'event'), 'message:send');
});

test('what one client emits without waiting arrives in that order, also in a new conversation', async (t) => {
  const { ada, bob, listen } = await open(t);
  const [sender, receiver] = [await listen(ada), await listen(bob)];
  const contents = Array.from({ length: 900 }, (_, index) => `message ${index}`);
  for (const [index, content] of contents.entries()) {
    sender.socket.emit('message:send', { content, receiverId: bob.principal.id });
    if (index % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(await receiver.ear.messages(900), contents);
});
