import assert from 'node:assert/strict';
import test from 'node:test';
import { connected, field } from './support/clients.ts';
import { startServer } from './support/server.ts';

test('who was away hears of reactions, but of none to a message that was deleted meanwhile', async (t) => {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const group = await server.group(ada, bob, carol);
  const away = await connected(t, server, { token: bob.accessToken });
  const gone = await connected(t, server, { token: carol.accessToken });
  const { offset: since } = await away.ear.until('connected');
  const deleted = await server.send(ada, { groupId: group }, 'goes');
  const kept = await server.send(ada, { groupId: group }, 'stays');
  for (const { ear } of [away, gone]) await ear.messages(2);
  for (const client of [away, gone]) await client.cut();
  const act = async (method: string, path: string, body?: object) => {
    const { status, text } = await server.call(method, `/api/v1/${path}`, { token: ada.accessToken, body });
    assert.equal(status, 200, text);
  };
  for (const [method, id, emoji] of [
    ['POST', deleted, '🐤'],
    ['POST', kept, '👍'],
    ['DELETE', deleted, '🐤'],
    ['POST', deleted, '🐣'],
    ['PATCH', kept, undefined],
  ] as const) {
    await act(method, emoji ? `messages/${id}/react` : `messages/${id}`, emoji ? { emoji } : { content: 'still' });
  }
  await act('DELETE', `groups/${group}/members/${carol.principal.id}`);
  await act('POST', `messages/${kept}/react`, { emoji: '🎉' });
  await act('DELETE', `messages/${deleted}`);
  for (const { principal } of [bob, carol]) await server.send(ada, { receiverId: principal.id }, 'goodbye');
  for (const client of [away, gone]) await client.back();
  const ears = [away.ear, gone.ear];
  for (const ear of ears) await ear.messages(1);
  await server.restart();
  // From the log, when nothing lies in memory.
  const again = await connected(t, server, { auth: { token: bob.accessToken, since } });
  await again.ear.messages(2);
  for (const { ear } of [away, gone, again]) assert.doesNotMatch(JSON.stringify(ear.all), /🐤|🐣/);
  const heard = [away, gone, again].map(({ ear }) =>
    ear.of('message:reaction').map(({ data }) => [field(data, 'messageId'), field(data, 'emoji')]),
  );
  const both = [
    [kept, '👍'],
    [kept, '🎉'],
  ];
  assert.deepEqual(heard, [both, [[kept, '👍']], both], 'what was heard is of their time');
});
