import assert from 'node:assert/strict';
import test from 'node:test';
import { field } from '../support/clients.ts';
import { startServer } from '../support/server.ts';
import { eventsOf, everyWay, quiet } from './ways.ts';

/** One act of the blocked towards the blocker, over REST and as an event; what is not there exists over the other only. */
type Act = Readonly<{ rest?: readonly [path: string, body: object]; event?: readonly [name: string, data: object] }>;

test('threat S-7: what the blocked does towards the blocker is refused over every transport, and the blocker hears none of it', async (t) => {
  const server = await startServer(t);
  const [ada, eve] = await server.people(2);
  assert.ok(ada && eve);
  const { id } = ada.principal;
  const group = await server.group(eve);
  const message = await server.send(ada, { receiverId: eve.principal.id }, 'before the block');
  const own = await server.send(eve, { receiverId: id }, 'mine, before the block');
  const call = async (method: string, path: string, body?: object) =>
    server.call(method, `/api/v1/${path}`, { token: eve.accessToken, ...(body === undefined ? {} : { body }) });
  const heard = await everyWay(t, server, ada);
  const ways = await everyWay(t, server, eve);
  await server.app.identity.block(ada.principal, eve.principal.id);
  await quiet(server, ada, heard);
  for (const { ear } of heard) ear.forget();
  const emoji = '👍';
  const acts: Record<string, Act> = {
    message: {
      rest: ['messages', { content: 'x', receiverId: id }],
      event: ['message:send', { content: 'x', receiverId: id }],
    },
    answer: { rest: ['messages', { content: 'x', receiverId: id, parentId: message }] },
    call: {
      rest: ['calls', { type: 'AUDIO', participantIds: [id] }],
      event: ['call:initiate', { type: 'AUDIO', participantIds: [id] }],
    },
    group: { rest: [`groups/${group}/members`, { userId: id }] },
    reaction: {
      rest: [`messages/${message}/react`, { emoji }],
      event: ['message:react', { messageId: message, emoji }],
    },
    typing: { event: ['typing:start', { receiverId: id }] },
    edit: { event: ['message:edit', { messageId: own, content: 'an insult' }] },
  };
  for (const [name, { rest, event }] of Object.entries(acts)) {
    if (rest !== undefined) assert.equal((await call('POST', ...rest)).status, 403, name);
    if (event === undefined) continue;
    for (const way of ways) {
      assert.equal(field(await way.ask(...event), 'code'), 'FORBIDDEN', `${name} over ${way.name}`);
    }
  }
  assert.equal((await call('PATCH', `messages/${own}`, { content: 'an insult' })).status, 403);
  // These are answered as ever, so that nobody learns of a block by them, and tell the blocker nothing.
  for (const what of ['delivered', 'seen']) {
    assert.equal((await call('POST', `messages/${message}/${what}`)).status, 200, what);
    for (const way of ways) {
      assert.equal(field(await way.ask(`message:${what}`, { messageId: message }), 'success'), true, way.name);
    }
  }
  for (const event of ['notification', 'alert']) {
    const push = { userId: id, event, message: 'an insult' };
    const sent = await server.call('POST', '/api/gateway/send', { token: eve.accessToken, body: push });
    assert.equal(sent.body['success'], false, event);
  }
  await quiet(server, ada, heard);
  for (const way of heard) assert.deepEqual(eventsOf(way, ada), [], way.name);
  const seen = await call('GET', `users/${id}/presence`);
  assert.equal(field(seen.body['data'], 'isOnline'), false);
});
