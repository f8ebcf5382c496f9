import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connected, field, type Stock } from '../../../test/support/clients.ts';
import { startServer } from '../../../test/support/server.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

async function open(t: TestContext, settings: Readonly<Record<string, string>> = {}) {
  const server = await startServer(t, settings);
  const people = await server.people(4);
  const [ada, bob, carol, dan] = people;
  assert.ok(ada && bob && carol && dan);
  const come = (who: SignedIn) => connected(t, server, { token: who.accessToken });
  const [adas, bobs, carols, dans] = await Promise.all([come(ada), come(bob), come(carol), come(dan)]);
  const start = async (by: Stock, ...called: readonly SignedIn[]): Promise<string> => {
    const participantIds = called.map(({ principal }) => principal.id);
    const reply = await by.ask('call:initiate', { type: 'VIDEO', participantIds, groupId: null });
    return String(field(field(dataIn(reply), 'call'), 'id'));
  };
  return { server, ada, bob, carol, dan, adas, bobs, carols, dans, come, start };
}

function dataIn(reply: unknown): unknown {
  assert.equal(field(reply, 'success'), true, JSON.stringify(reply));
  return field(reply, 'data');
}

/** What a client has heard of calls, once everything sent so far has come: a message goes the same way behind it. */
async function callsHeard(server: Awaited<ReturnType<typeof startServer>>, to: SignedIn, { ear }: Stock) {
  const content = `mark ${Math.random()}`;
  const [by] = await server.people(1);
  assert.ok(by);
  await server.send(by, { receiverId: to.principal.id }, content);
  await ear.until(({ data, event }) => event === 'message:received' && field(data, 'content') === content);
  return ear.all.filter(({ event }) => event.startsWith('call:')).map(({ event, data }) => [event, data]);
}

test('[social:emit call:initiate] [social:listen call:initiate] [social:listen call:ringing] who is called hears it ring on every device; who calls has the way in on this one', async (t) => {
  const { server, ada, bob, dan, adas, bobs, dans, come } = await open(t);
  const second = await come(bob);
  const adasOther = await come(ada);
  // As the document shows it: without an acknowledgement.
  adas.socket.emit('call:initiate', { type: 'VIDEO', participantIds: [bob.principal.id], groupId: null });
  const { data, args } = await adas.ear.until('call:initiate');
  const call = field(data, 'call');
  const id = field(call, 'id');
  assert.deepEqual(call, {
    id,
    initiatorId: ada.principal.id,
    roomId: field(call, 'roomId'),
    type: 'VIDEO',
    status: 'RINGING',
    createdAt: field(call, 'createdAt'),
  });
  assert.equal(field(data, 'roomUrl'), `https://meet.jitsi.com/${field(call, 'roomId')}`);
  assert.match(String(field(data, 'token')), /^ey/);
  assert.equal(args.length, 1);
  const ringing = {
    call: { id, initiatorId: ada.principal.id, groupId: null, type: 'VIDEO', status: 'RINGING' },
    initiatorId: ada.principal.id,
  };
  for (const client of [bobs, second]) assert.deepEqual((await client.ear.until('call:ringing')).data, ringing);
  assert.deepEqual(await callsHeard(server, ada, adasOther), []);
  assert.deepEqual(await callsHeard(server, dan, dans), []);
});

test('[social:emit call:answer] [social:listen call:answer] [social:listen call:participant:join] who answers has the way in, the others of the call hear of it', async (t) => {
  const { server, ada, bob, carol, dan, adas, bobs, carols, dans, start } = await open(t);
  const callId = await start(adas, bob, carol);
  bobs.socket.emit('call:answer', { callId });
  const { data } = await bobs.ear.until('call:answer');
  assert.equal(field(field(data, 'call'), 'id'), callId);
  assert.equal(field(field(data, 'call'), 'status'), 'ONGOING');
  assert.ok(String(field(data, 'roomUrl')).endsWith(`/${field(field(data, 'call'), 'roomId')}`));
  assert.match(String(field(data, 'token')), /^ey/);
  const joined = { callId, userId: bob.principal.id };
  for (const client of [adas, carols]) {
    assert.deepEqual((await client.ear.until('call:participant:join')).data, joined);
  }
  assert.deepEqual(await callsHeard(server, dan, dans), []);
  // Once more gives a way in, and tells nobody.
  dataIn(await bobs.ask('call:answer', { callId }));
  const heard = await callsHeard(server, ada, adas);
  assert.equal(heard.filter(([event]) => event === 'call:participant:join').length, 1);
});

test('[social:emit call:reject] [social:listen call:reject] who began the call hears who rejects it, the others called do not', async (t) => {
  const { server, bob, carol, adas, bobs, carols, start, ada } = await open(t);
  const callId = await start(adas, bob, carol);
  bobs.socket.emit('call:reject', { callId });
  assert.deepEqual((await adas.ear.until('call:reject')).data, { callId, userId: bob.principal.id });
  assert.deepEqual(
    (await callsHeard(server, carol, carols)).map(([event]) => event),
    ['call:ringing'],
  );
  assert.deepEqual(dataIn(await carols.ask('call:reject', { callId })), { id: callId, status: 'REJECTED' });
  const heard = (await callsHeard(server, ada, adas)).slice(1);
  assert.deepEqual(heard, [
    ['call:reject', { callId, userId: bob.principal.id }],
    ['call:reject', { callId, userId: carol.principal.id }],
    ['call:end', { callId, reason: 'rejected' }],
  ]);
});

test('[social:emit call:end] [social:listen call:end] all of the call hear that it is over; only who began it ends it', async (t) => {
  const { server, ada, bob, carol, dan, adas, bobs, carols, dans, start } = await open(t);
  const callId = await start(adas, bob, carol, dan);
  dataIn(await bobs.ask('call:answer', { callId }));
  dataIn(await dans.ask('call:reject', { callId }));
  const refused = await bobs.ask('call:end', { callId });
  assert.deepEqual([field(refused, 'success'), field(refused, 'code')], [false, 'FORBIDDEN']);
  bobs.socket.emit('call:end', { callId });
  assert.equal(field((await bobs.ear.until('error')).data, 'code'), 'FORBIDDEN');
  adas.socket.emit('call:end', { callId });
  for (const client of [adas, bobs, carols]) {
    assert.deepEqual((await client.ear.until('call:end')).data, { callId, reason: 'ended' });
  }
  const rejecter = (await callsHeard(server, dan, dans)).map(([event]) => event);
  assert.deepEqual(
    rejecter.filter((event) => event === 'call:end'),
    [],
  );
  assert.deepEqual(dataIn(await adas.ask('call:end', { callId })), { callId });
  assert.equal((await callsHeard(server, ada, adas)).filter(([event]) => event === 'call:end').length, 1);
});

test('[social:emit call:participant:leave] [social:listen call:participant:leave] those who remain hear who left, and the end when too few remain', async (t) => {
  const { server, ada, bob, carol, adas, bobs, carols, start } = await open(t);
  const callId = await start(adas, bob, carol);
  for (const client of [bobs, carols]) dataIn(await client.ask('call:answer', { callId }));
  bobs.socket.emit('call:participant:leave', { callId });
  for (const client of [adas, carols]) {
    assert.deepEqual((await client.ear.until('call:participant:leave')).data, { callId, userId: bob.principal.id });
  }
  assert.equal(dataIn(await carols.ask('call:participant:leave', { callId })), null);
  const heard = await callsHeard(server, ada, adas);
  assert.deepEqual(heard.slice(-2), [
    ['call:participant:leave', { callId, userId: carol.principal.id }],
    ['call:end', { callId, reason: 'left' }],
  ]);
});

test('what happens over REST is heard as what happens on sockets', async (t) => {
  const { server, ada, bob, carol, adas, bobs, carols } = await open(t);
  const rest = async (who: SignedIn, path: string, body?: unknown) => {
    const answer = await server.call('POST', `/api/v1/calls${path}`, { token: who.accessToken, body });
    assert.ok(answer.status < 300, answer.text);
    return answer.body['data'];
  };
  const run = async (act: {
    start: () => Promise<unknown>;
    answer: (id: string) => Promise<unknown>;
    reject: (id: string) => Promise<unknown>;
    leave: (id: string) => Promise<unknown>;
    end: (id: string) => Promise<unknown>;
  }) => {
    for (const { ear } of [adas, bobs, carols]) ear.forget();
    const id = String(field(field(await act.start(), 'call'), 'id'));
    for (const step of [act.answer, act.reject, act.leave, act.end]) await step(id);
    const heard = [];
    for (const [who, client] of [
      [ada, adas],
      [bob, bobs],
      [carol, carols],
    ] as const) {
      heard.push((await callsHeard(server, who, client)).filter(([event]) => !/initiate|answer/.test(String(event))));
    }
    return JSON.stringify(heard).replaceAll(id, 'the call');
  };
  const draft = { type: 'AUDIO', participantIds: [bob.principal.id, carol.principal.id] };
  const overRest = await run({
    start: () => rest(ada, '', draft),
    answer: (id) => rest(bob, `/${id}/join`),
    reject: (id) => rest(carol, `/${id}/reject`),
    leave: (id) => rest(bob, `/${id}/leave`),
    end: (id) => rest(ada, `/${id}/end`),
  });
  const onSockets = await run({
    start: async () => dataIn(await adas.ask('call:initiate', draft)),
    answer: (callId) => bobs.ask('call:answer', { callId }),
    reject: (callId) => carols.ask('call:reject', { callId }),
    leave: (callId) => bobs.ask('call:participant:leave', { callId }),
    end: (callId) => adas.ask('call:end', { callId }),
  });
  assert.equal(overRest, onSockets);
  assert.equal(overRest.match(/call:/g)?.length, 10);
});

test('what is no call is refused in words, and without an acknowledgement as an error', async (t) => {
  const { adas } = await open(t);
  for (const event of ['call:initiate', 'call:answer', 'call:reject', 'call:end', 'call:participant:leave']) {
    for (const input of [undefined, null, 7, {}, { callId: 7 }]) {
      const reply = await adas.ask(event, input);
      assert.deepEqual([field(reply, 'success'), field(reply, 'code')], [false, 'VALIDATION_ERROR'], event);
    }
    if (event === 'call:initiate') continue;
    const reply = await adas.ask(event, { callId: 'nonsense' });
    assert.deepEqual([field(reply, 'success'), field(reply, 'code')], [false, 'NOT_FOUND'], event);
  }
});

test('threat S-4: a call that nobody answers ends by itself, also when the server was away at that moment', async (t) => {
  const { server, bob, adas, bobs, start, come } = await open(t, { CALL_RING_SECONDS: '1' });
  const first = await start(adas, bob);
  assert.deepEqual((await bobs.ear.until('call:end')).data, { callId: first, reason: 'unanswered' });
  const second = await start(adas, bob);
  const answered = await start(adas, bob);
  dataIn(await bobs.ask('call:answer', { callId: answered }));
  await server.restart();
  const again = await come(bob);
  await again.ear.until(({ event, data }) => event === 'call:end' && field(data, 'callId') === second);
  const read = async (id: string) => {
    const { body } = await server.call('GET', `/api/v1/calls/${id}`, { token: bob.accessToken });
    return field(body['data'], 'status');
  };
  assert.deepEqual([await read(first), await read(second), await read(answered)], ['ENDED', 'ENDED', 'ONGOING']);
});
