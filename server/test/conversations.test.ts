import assert from 'node:assert/strict';
import test from 'node:test';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, field } from './support/clients.ts';
import { startServer } from './support/server.ts';

type Line = {
  id: string;
  type: string;
  userId: string | null;
  groupId: string | null;
  unreadCount: number;
  lastMessage: { id: string; content: string; status: string };
};

async function open(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const call = (who: SignedIn, method: string, path: string) =>
    server.call(method, `/api/v1/${path}`, { token: who.accessToken });
  const list = async (who: SignedIn, query = '') => {
    const { status, body } = await call(who, 'GET', `conversations${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return { lines: body['data'] as Line[], pagination: body['pagination'] as { total: number } };
  };
  const brief = async (who: SignedIn, query = '') =>
    (await list(who, query)).lines.map(({ id, lastMessage, unreadCount }) => [id, lastMessage.content, unreadCount]);
  return { server, ada, bob, carol, call, list, brief };
}

test('conversations are listed with their last message and what is unread, the last written to first', async (t) => {
  const { server, ada, bob, carol, call, list, brief } = await open(t);
  const [a, b, c] = [ada, bob, carol].map(({ principal }) => principal.id);
  assert.deepEqual(await list(ada), { lines: [], pagination: { page: 1, limit: 20, total: 0, totalPages: 0 } });
  const group = await server.group(bob, ada);
  await server.group(bob, carol);
  await server.send(ada, { receiverId: b ?? '' }, 'to bob');
  await server.send(bob, { receiverId: a ?? '' }, 'from bob 1');
  const last = await server.send(bob, { receiverId: a ?? '' }, 'from bob 2');
  await server.send(bob, { groupId: group }, 'to the group');
  await server.send(ada, { receiverId: a ?? '' }, 'to myself');
  await server.send(carol, { receiverId: b ?? '' }, 'not for ada');
  assert.deepEqual(await brief(ada), [
    [a, 'to myself', 0],
    [group, 'to the group', 1],
    [b, 'from bob 2', 2],
  ]);
  assert.deepEqual(await brief(bob), [
    [c, 'not for ada', 1],
    [group, 'to the group', 0],
    [a, 'from bob 2', 1],
  ]);
  const [, ofGroup, direct] = (await list(ada)).lines;
  assert.deepEqual([ofGroup?.type, ofGroup?.groupId, ofGroup?.userId], ['GROUP', group, null]);
  assert.deepEqual([direct?.type, direct?.groupId, direct?.userId], ['DIRECT', null, b]);
  await call(bob, 'DELETE', `messages/${last}`);
  assert.deepEqual((await brief(ada))[2], [b, 'from bob 1', 1]);
  await call(bob, 'DELETE', `groups/${group}/members/${a}`);
  assert.deepEqual(
    (await brief(ada)).map(([id]) => id),
    [a, b],
    'who has left does not read on',
  );
});

test('a conversation is seen as a whole, over REST and sockets, and the other side hears of it', async (t) => {
  const { server, ada, bob, carol, call, brief } = await open(t);
  const [a = '', b = ''] = [ada, bob].map(({ principal }) => principal.id);
  const group = await server.group(ada, bob, carol);
  const own = await connected(t, server, { token: ada.accessToken });
  await server.send(ada, { receiverId: b }, 'one');
  const second = await server.send(ada, { receiverId: b }, 'two');
  const { status, body } = await call(bob, 'POST', `conversations/${a}/seen`);
  assert.deepEqual([status, body], [200, { success: true, data: { id: a, unreadCount: 0 } }]);
  assert.deepEqual((await own.ear.until('message:status')).data, {
    messageId: second,
    groupId: null,
    status: 'SEEN',
    members: [{ userId: b, status: 'SEEN' }],
  });
  assert.deepEqual(await brief(bob), [[a, 'two', 0]]);
  await server.send(carol, { groupId: group }, 'by carol');
  const mine = await server.send(ada, { groupId: group }, 'by ada');
  const other = await connected(t, server, { token: bob.accessToken });
  assert.deepEqual(await other.ask('conversation:seen', { conversationId: group }), {
    success: true,
    data: { id: group, unreadCount: 0 },
  });
  await own.ear.until(({ data }) => field(data, 'messageId') === mine);
  assert.deepEqual((await brief(bob))[0], [group, 'by ada', 0]);
  for (let n = 0; n < 60; n += 1) await server.send(bob, { groupId: group }, `by bob ${n}`);
  await server.send(ada, { groupId: group }, 'one of ada');
  for (let n = 0; n < 60; n += 1) await server.send(bob, { groupId: group }, `by bob again ${n}`);
  assert.deepEqual((await brief(bob))[0], [group, 'by bob again 59', 1]);
  assert.equal((await call(bob, 'POST', `conversations/${group}/seen`)).status, 200);
  assert.deepEqual((await brief(bob))[0], [group, 'by bob again 59', 0], 'also behind many of one’s own');
  await server.send(ada, { groupId: group }, 'one more');
  assert.deepEqual((await brief(bob))[0], [group, 'one more', 1]);
  for (const id of ['01a1f882-7bfe-71a4-985d-bffc948debe8', 'nonsense']) {
    assert.equal((await call(bob, 'POST', `conversations/${id}/seen`)).status, 404);
    assert.equal(field(await other.ask('conversation:seen', { conversationId: id }), 'code'), 'NOT_FOUND');
  }
  const [stranger] = await server.people(1);
  assert.ok(stranger);
  assert.equal((await call(stranger, 'POST', `conversations/${group}/seen`)).status, 403);
  assert.equal((await call(stranger, 'POST', `conversations/${a}/seen`)).status, 200);
});

test('pages of conversations by number, before and after', async (t) => {
  const { server, ada, list } = await open(t);
  const people = await server.people(7);
  for (const [index, { principal }] of people.entries()) {
    await server.send(ada, { receiverId: principal.id }, String(index));
  }
  const of = async (query: string) => (await list(ada, query)).lines.map(({ lastMessage }) => lastMessage.content);
  assert.deepEqual(await of('?limit=3'), ['6', '5', '4']);
  assert.deepEqual(await of('?limit=3&page=3'), ['0']);
  const { lines, pagination } = await list(ada, '?limit=3&page=2');
  assert.deepEqual([lines.map(({ lastMessage }) => lastMessage.content), pagination.total], [['3', '2', '1'], 7]);
  const middle = lines[1]?.lastMessage.id;
  assert.deepEqual(await of(`?limit=9&before=${middle}`), ['1', '0']);
  assert.deepEqual(await of(`?limit=2&after=${middle}`), ['4', '3']);
  const wrong = await server.call('GET', '/api/v1/conversations?before=x', { token: ada.accessToken });
  assert.equal(wrong.status, 404);
  const [stranger] = await server.people(1);
  assert.ok(stranger);
  const foreign = await server.call('GET', `/api/v1/conversations?before=${middle}`, { token: stranger.accessToken });
  assert.equal(foreign.status, 404, 'whether a message of others exists is not told');
});
