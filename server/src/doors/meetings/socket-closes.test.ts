import assert from 'node:assert/strict';
import test from 'node:test';
import { plainClient } from '../../../test/support/clients.ts';
import { connectedTo, type MeetingSocket, meetingSocket, refusalOf } from '../../../test/support/meeting-socket.ts';
import { openMeetings } from '../../../test/support/meetings.ts';
import { readConfig } from '../../config.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { SignedIn } from '../../modules/identity/index.ts';
import { MessageRate } from './message-rate.ts';

const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);
const chats = (client: MeetingSocket): unknown[] => client.frames('chat').map(({ data }) => data['content']);

test('whoever was cut off gets what they missed, once and in order, also after the server was restarted', async (t) => {
  const { server, ada, bob, begin, get } = await openMeetings(t);
  const id = await begin(ada, [bob]);
  const bobs = await connectedTo(t, server, id, { who: bob });
  bobs.say('join');
  bobs.say('chat', { content: 'one' });
  await bobs.until('chat');
  bobs.socket.terminate();
  await get(ada, 'POST', `/${id}/chat`, { content: 'two' });
  await get(ada, 'PUT', `/${id}/participants/status`, { is_hand_raised: true });
  const again = await connectedTo(t, server, id, { who: bob, since: bobs.offset });
  await again.until('hand_raise');
  assert.deepEqual(
    again.frames().map(({ type }) => type),
    ['connected', 'chat', 'participant_update', 'hand_raise'],
  );
  assert.equal(again.frames('connected')[0]?.data['recovered'], true);
  await get(ada, 'POST', `/${id}/chat`, { content: 'three' });
  await again.until(({ data }) => data['content'] === 'three');
  const since = again.offset;
  again.socket.terminate();
  await get(ada, 'POST', `/${id}/chat`, { content: 'four' });
  await server.restart();
  const back = await connectedTo(t, server, id, { who: bob, since });
  back.say('chat', { content: 'five' });
  await back.until(({ data }) => data['content'] === 'five');
  assert.deepEqual(chats(back), ['four', 'five']);
  // Without a place, or with one that is not of this server, one begins now.
  for (const from of [{}, { since: 'nonsense' }]) {
    const anew = await connectedTo(t, server, id, { who: bob, ...from });
    await anew.settled();
    assert.deepEqual([anew.frames('connected')[0]?.data['recovered'], chats(anew)], [false, []]);
  }
});

test('a meeting that ends is heard to end by who is in it, and all its connections are closed with 4004', async (t) => {
  const { server, ada, bob, carol, dan, begin, get } = await openMeetings(t);
  const id = await begin(ada, [bob, carol, dan]);
  await get(bob, 'POST', `/${id}/join`, {});
  await get(carol, 'POST', `/${id}/join`, {});
  await get(ada, 'POST', `/${id}/security/policy`, { require_waiting_room: true });
  const [adas, bobs, carols, dans] = await Promise.all(
    [ada, bob, carol, dan].map((who) => connectedTo(t, server, id, { who })),
  );
  assert.ok(adas && bobs && carols && dans);
  dans.say('join');
  await dans.until('error');
  carols.say('chat', { content: 'the last word' });
  await carols.until('chat');
  const since = carols.offset;
  carols.socket.terminate();
  await get(ada, 'POST', `/${id}/end`);
  for (const client of [adas, bobs, dans]) {
    assert.deepEqual(await client.closed, { code: 4004, reason: 'The meeting has ended' });
    assert.equal(client.frames('meeting_ended').length, 1);
  }
  const ended = bobs.frames('meeting_ended')[0];
  const { ended_at, ...data } = ended?.data ?? {};
  assert.deepEqual(data, { ended_by: idOf(ada), duration_minutes: 0, participant_count: 3 });
  assert.equal(ended_at, ended?.timestamp);
  // Who was away hears it, and is closed too; who comes now is only closed.
  const late = await connectedTo(t, server, id, { who: carol, since });
  assert.equal((await late.closed).code, 4004);
  assert.equal(late.frames('meeting_ended').length, 1);
  const anew = await connectedTo(t, server, id, { who: bob });
  assert.equal((await anew.closed).code, 4004);
  assert.deepEqual(anew.frames('meeting_ended'), []);
});

test('who is connected before the beginning hears of it, and of a meeting that is cancelled', async (t) => {
  const { server, ada, bob, schedule, get, ask } = await openMeetings(t);
  const id = await schedule(ada, [bob]);
  const bobs = await connectedTo(t, server, id, { who: bob });
  await get(ada, 'POST', `/${id}/start`);
  const { user_id, data, timestamp } = await bobs.until('meeting_started');
  assert.deepEqual([user_id, data], [idOf(ada), { started_by: idOf(ada), started_at: timestamp }]);
  const other = await schedule(ada, [bob]);
  const elsewhere = await connectedTo(t, server, other, { who: bob });
  assert.equal((await ask(ada, 'DELETE', `/${other}`)).status, 200);
  assert.equal((await elsewhere.closed).code, 4004);
  assert.equal(elsewhere.frames('meeting_cancelled').length, 1);
});

test('who is removed hears it and is closed, and does not come back', async (t) => {
  const { server, ada, bob, begin, get } = await openMeetings(t);
  const id = await begin(ada, [bob]);
  await get(bob, 'POST', `/${id}/join`, {});
  const adas = await connectedTo(t, server, id, { who: ada });
  const bobs = [await connectedTo(t, server, id, { who: bob }), await connectedTo(t, server, id, { who: bob })];
  await get(ada, 'POST', `/${id}/participants/${idOf(bob)}/remove`);
  for (const one of bobs) {
    assert.equal((await one.closed).code, 4003);
    assert.equal(one.frames('leave')[0]?.data['removed'], true);
  }
  assert.equal((await adas.until('leave')).user_id, idOf(bob));
  const refused = await refusalOf(meetingSocket(t, server, id, { who: bob, since: bobs[0]?.offset ?? '' }));
  assert.equal(refused.status, 403);
});

test('a login session that ends closes its connections with 4001; a restart asks to come back', async (t) => {
  const { server, ada, bob, begin } = await openMeetings(t);
  const id = await begin(ada, [bob]);
  const adas = await connectedTo(t, server, id, { who: ada });
  const bobs = await connectedTo(t, server, id, { who: bob });
  await server.call('POST', '/api/v1/auth/logout-all', { token: bob.accessToken });
  assert.equal((await bobs.closed).code, 4001);
  await server.restart();
  assert.equal((await adas.closed).code, 1001);
});

test('[meetings:limit WebSocket messages 1000 per minute] what is over the limit of an account is dropped with one error a window, and the third window closes', async (t) => {
  assert.deepEqual(readConfig({}).RATE_LIMIT_MEETING_SOCKET, { count: 1_000, seconds: 60 });
  const { server, ada, bob, schedule } = await openMeetings(t, { RATE_LIMIT_MEETING_SOCKET: '5/1' });
  const id = await schedule(ada, [bob]);
  const [first, second] = [
    await connectedTo(t, server, id, { who: ada }),
    await connectedTo(t, server, id, { who: ada }),
  ];
  const others = await connectedTo(t, server, id, { who: bob });
  for (let count = 0; count < 5; count += 1) second.say('ping');
  await second.until(() => second.frames('pong').length === 5);
  for (let window = 1; window <= 3; window += 1) {
    for (let count = 0; count < 9; count += 1) first.say('ping');
    await first.until(() => first.frames('error').length === window);
    if (window < 3) await new Promise((resolve) => setTimeout(resolve, 1_050));
  }
  assert.equal((await first.closed).code, 1008);
  assert.deepEqual(
    first.frames('error').map(({ data }) => data['code']),
    ['RATE_LIMIT_EXCEEDED', 'RATE_LIMIT_EXCEEDED', 'RATE_LIMIT_EXCEEDED'],
  );
  assert.equal(
    first.frames('pong').length,
    10,
    'five of each window but the first, which the other connection had used up',
  );
  await others.settled();
  assert.equal(second.socket.readyState, second.socket.OPEN);
});

test('a window within the limit forgives those before it, and so does a long silence', async () => {
  let floods = 0;
  let now = { allowed: true, limit: 1, remaining: 0, resetAt: 60 };
  const onFlood = (): void => {
    floods += 1;
  };
  const rate = new MessageRate({ take: () => now, seconds: 60, onFlood });
  const window = (resetAt: number, ...allowed: boolean[]) =>
    Promise.all(
      allowed.map((one) => {
        now = { ...now, resetAt, allowed: one };
        return rate.take();
      }),
    );
  assert.deepEqual(await window(60, true, false, false), ['within', 'refused', 'ignored']);
  assert.deepEqual(await window(120, true, false), ['within', 'refused']);
  assert.deepEqual(await window(180, true), ['within']);
  await window(240, true, false);
  await window(300, true, false);
  await window(600, true, false);
  await window(660, true, false);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(floods, 0);
  await window(720, true, false, false);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(floods, 1);
});

test('a meeting alone makes nobody online, and shows nothing of what else there is for them', async (t) => {
  const { server, ada, bob, begin } = await openMeetings(t);
  const id = await begin(ada, [bob]);
  const plain = plainClient(t, server, { token: bob.accessToken });
  await plain.ear.until('connected');
  plain.socket.terminate();
  const bobs = await connectedTo(t, server, id, { who: bob });
  const status = `/api/gateway/status/${bob.principal.id}`;
  while ((await server.call('GET', status, { token: ada.accessToken })).body['connected'] !== false)
    await bobs.settled();
  bobs.ear.forget();
  await server.send(ada, { receiverId: bob.principal.id }, 'not about the meeting');
  bobs.say('join');
  bobs.say('chat', { content: 'hello' });
  await bobs.until('chat');
  assert.deepEqual(
    bobs.frames().map(({ type }) => type),
    ['chat'],
  );
  bobs.socket.terminate();
  // The message waits for a connection that shows it.
  await plainClient(t, server, { token: bob.accessToken }).ear.until('message:received');
});
