import assert from 'node:assert/strict';
import test from 'node:test';
import { ulidOf } from '../../src/kernel/ulid.ts';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { connectedTo, type MeetingSocket, meetingSocket, refusalOf } from '../support/meeting-socket.ts';
import { openMeetings } from '../support/meetings.ts';

const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);
const types = (client: MeetingSocket): string[] => client.frames().map(({ type }) => type);
const turnedAway = ['connected', 'pong'];

test('threat M-3: who waits hears only of themselves, whatever they ask, with whatever connection and place', async (t) => {
  const { server, ada, bob, carol, dan, begin, get } = await openMeetings(t);
  const id = await begin(ada, [bob, carol, dan], { policy: { require_waiting_room: true } });
  const adas = await connectedTo(t, server, id, { who: ada });
  const start = adas.frames('connected')[0]?.offset ?? '';
  for (const who of [bob, carol]) {
    const waiting = await connectedTo(t, server, id, { who });
    waiting.say('join');
    assert.equal((await waiting.until('error')).data['code'], 'WAITING_ROOM_REQUIRED');
    await adas.until(({ user_id, data }) => user_id === idOf(who) && data['is_in_waiting_room'] === true);
    waiting.socket.terminate();
  }
  const bobs = await connectedTo(t, server, id, { who: bob });
  const since = await connectedTo(t, server, id, { who: bob, since: start });
  // Whoever was in and is sent back to wait has what was said meanwhile no more than the others.
  await get(ada, 'POST', `/${id}/participants/${idOf(carol)}/admit`);
  await get(ada, 'PUT', `/${id}/participants/status`, { participant_user_id: idOf(carol), is_in_waiting_room: true });
  adas.say('chat', { content: 'a secret' });
  adas.say('reaction', { reaction_type: 'wave' });
  adas.say('hand_raise', { is_hand_raised: true });
  await get(ada, 'POST', `/${id}/breakout-rooms`, { room_count: 2 });
  await adas.settled();
  const carols = await connectedTo(t, server, id, { who: carol, since: start });
  for (const client of [bobs, since, carols]) {
    client.say('chat', { content: 'may I?' });
    client.say('reaction', { reaction_type: 'wave' });
    client.say('hand_raise', { is_hand_raised: true });
    client.say('participant_update', { is_in_waiting_room: false });
    client.say('participant_update', { participant_user_id: idOf(ada), is_muted: true });
    await client.settled();
    const heard = client.frames().filter(({ type }) => !['connected', 'pong', 'error'].includes(type));
    assert.deepEqual(heard, [], JSON.stringify(heard));
    assert.equal(client.frames('error').length, 5, JSON.stringify(client.frames()));
  }
  assert.equal((await refusalOf(meetingSocket(t, server, id, {}))).status, 401);
  await get(ada, 'POST', `/${id}/participants/${idOf(bob)}/admit`);
  const { data } = await bobs.until('participant_update');
  assert.deepEqual([data['user_id'], data['status'], data['is_in_waiting_room']], [idOf(bob), 'joined', false]);
  await get(ada, 'POST', `/${id}/chat`, { content: 'for all' });
  await bobs.until('chat');
  await carols.settled();
  assert.deepEqual(carols.frames('chat', 'join'), []);
});

test('threat C-1: a private message is heard by two people, also by who comes back for it', async (t) => {
  const { server, ada, bob, carol, dan, begin, get } = await openMeetings(t);
  const id = await begin(ada, [bob, carol, dan]);
  const people = [ada, bob, carol, dan];
  for (const who of [bob, carol, dan]) await get(who, 'POST', `/${id}/join`, {});
  const clients = await Promise.all(people.map((who) => connectedTo(t, server, id, { who })));
  const [adas, bobs, carols, dans] = clients;
  assert.ok(adas && bobs && carols && dans);
  const start = dans.frames('connected')[0]?.offset ?? '';
  bobs.say('chat', { content: 'between us', recipient_id: idOf(carol) });
  await bobs.until(({ data }) => data['content'] === 'between us');
  adas.say('chat', { content: 'to all' });
  for (const client of clients) await client.until(({ data }) => data['content'] === 'to all');
  const heard = async (client: MeetingSocket): Promise<unknown[]> => {
    await client.settled();
    return client.frames('chat').map(({ data }) => [data['content'], data['is_private']]);
  };
  const both = [
    ['between us', true],
    ['to all', false],
  ];
  const others = [['to all', false]];
  assert.deepEqual(await Promise.all(clients.map(heard)), [others, both, both, others]);
  const again = await Promise.all(people.map((who) => connectedTo(t, server, id, { who, since: start })));
  for (const client of again) await client.until(({ data }) => data['content'] === 'to all');
  assert.deepEqual(await Promise.all(again.map(heard)), [others, both, both, others]);
  // Of another meeting that both are in nothing is heard here.
  const other = await begin(carol, [bob]);
  await get(bob, 'POST', `/${other}/join`, {});
  await get(carol, 'POST', `/${other}/chat`, { content: 'elsewhere', recipient_id: idOf(bob) });
  assert.deepEqual(await heard(bobs), both);
});

test('threat W-2: no page from elsewhere opens the socket of a meeting', async (t) => {
  const { server, ada, schedule } = await openMeetings(t, { CORS_ORIGINS: 'https://app.example' });
  const id = await schedule(ada);
  const foreign = [
    'null',
    'https://evil.example',
    'https://app.example.evil.example',
    'https://evilapp.example',
    'https://app.exampl',
    'http://app.example',
    'https://app.example:8443',
    '',
  ];
  for (const origin of foreign) {
    assert.equal(
      (await refusalOf(meetingSocket(t, server, id, { who: ada, headers: { origin } }))).status,
      403,
      origin,
    );
  }
  await connectedTo(t, server, id, { who: ada, headers: { origin: 'https://app.example' } });
  const cookie = `token=${ada.accessToken}; access_token=${ada.accessToken}`;
  assert.equal((await refusalOf(meetingSocket(t, server, id, { headers: { cookie } }))).status, 401);
});

test('threat W-4: names that are no message of the document have no effect', async (t) => {
  const { server, ada, schedule } = await openMeetings(t);
  const adas = await connectedTo(t, server, await schedule(ada), { who: ada });
  const names = [
    '__proto__',
    'constructor',
    'connection',
    'disconnect',
    'error',
    'connected',
    'pong',
    'meeting_ended',
    'cursor',
    '',
  ];
  for (const name of names) adas.say(name);
  await adas.settled();
  assert.equal(adas.frames('error').length, names.length);
  assert.deepEqual([...new Set(types(adas))].sort(), [...turnedAway, 'error'].sort());
});
