import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connectedTo, type MeetingSocket, meetingSocket, refusalOf } from '../../../test/support/meeting-socket.ts';
import { type Data, type MeetingsServer, openMeetings } from '../../../test/support/meetings.ts';
import { newIdText } from '../../kernel/ids.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const offset = /^[\w-]+\.\d+$/;

type Room = MeetingsServer & { id: string; adas: MeetingSocket; bobs: MeetingSocket; carols: MeetingSocket };

/** A meeting of ada with bob and carol in it, each connected. */
async function gathered(t: TestContext, more: Data = {}): Promise<Room> {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, begin, get } = house;
  const id = await begin(ada, [bob, carol], more);
  for (const who of [bob, carol]) await get(who, 'POST', `/${id}/join`, {});
  const [adas, bobs, carols] = await Promise.all([ada, bob, carol].map((who) => connectedTo(t, server, id, { who })));
  assert.ok(adas && bobs && carols);
  return { ...house, id, adas, bobs, carols };
}

/** A frame without what is another each time, once that is seen to be as it should be. */
function shown(frame: { timestamp: string; offset?: string }): Data {
  const { timestamp, offset: place, ...others } = frame;
  assert.match(timestamp, time);
  if (place !== undefined) assert.match(place, offset);
  return others;
}

test('[meetings:rule WebSocket endpoint] who may not be there is refused before the upgrade, in the envelope of the door', async (t) => {
  const { server, ada, bob, carol, dan, begin, get } = await openMeetings(t);
  const id = await begin(ada, [bob, carol]);
  await get(bob, 'POST', `/${id}/join`, {});
  await get(ada, 'POST', `/${id}/participants/${idOf(bob)}/remove`);
  const refused = [
    [id, {}, 401, 'UNAUTHORIZED'],
    [id, { token: 'nonsense' }, 401, 'UNAUTHORIZED'],
    [id, { token: ada.refreshToken }, 401, 'UNAUTHORIZED'],
    [id, { who: dan }, 404, 'MEETING_NOT_FOUND'],
    [ulidOf(newIdText()), { who: ada }, 404, 'MEETING_NOT_FOUND'],
    ['%00', { who: ada }, 404, 'MEETING_NOT_FOUND'],
    [id, { who: bob }, 403, 'INSUFFICIENT_PERMISSION'],
  ] as const;
  for (const [meeting, options, status, code] of refused) {
    const answer = await refusalOf(meetingSocket(t, server, meeting, options));
    assert.deepEqual([answer.status, answer.body['status'], answer.body['code']], [status, 'error', code]);
    assert.match(String(answer.body['timestamp']), time);
    assert.deepEqual([typeof answer.body['message'], answer.body['details']], ['string', {}]);
  }
  // Who is invited and has not come in yet may be there, and so may the host.
  for (const who of [carol, ada]) await connectedTo(t, server, id, { who });
});

test('[meetings:rule WebSocket authentication header or query] the token stands in a header, the query or the subprotocol', async (t) => {
  const { server, ada, schedule } = await openMeetings(t);
  const id = await schedule(ada);
  for (const place of ['header', 'token', 'access_token', 'subprotocol'] as const) {
    const { socket } = await connectedTo(t, server, id, { who: ada, in: place });
    assert.equal(socket.protocol, place === 'subprotocol' ? 'bearer' : '');
  }
});

test('[meetings:rule WebSocket envelope] [meetings:ws-in ping] [meetings:ws-out pong] a ping in the documented envelope is answered in it', async (t) => {
  const { server, ada, schedule } = await openMeetings(t);
  const id = await schedule(ada);
  const adas = await connectedTo(t, server, id, { who: ada });
  adas.say('ping', {}, { user_id: ulidOf(newIdText()) });
  assert.deepEqual(shown(await adas.until('pong')), { type: 'pong', meeting_id: id, user_id: idOf(ada), data: {} });
});

test('[meetings:ws-in join] [meetings:ws-out join] whoever joins over the socket is in, and the others hear of it once', async (t) => {
  const { server, ada, bob, carol, begin, get } = await openMeetings(t);
  const id = await begin(ada, [bob, carol]);
  const adas = await connectedTo(t, server, id, { who: ada });
  const bobs = await connectedTo(t, server, id, { who: bob });
  const device_info = { device_type: 'desktop', browser_info: 'Chrome/91.0' };
  // What the client says of its account, its role and the time counts for nothing.
  const data = { user_id: idOf(carol), user_role: 'host', device_info, joined_at: '2024-01-15T10:05:00Z' };
  bobs.say('join', data, { user_id: idOf(carol) });
  const frame = await adas.until('join');
  const { joined_at, ...said } = frame.data;
  assert.match(String(joined_at), time);
  assert.notEqual(joined_at, data.joined_at);
  assert.deepEqual(
    { ...shown(frame), data: said },
    {
      type: 'join',
      meeting_id: id,
      user_id: idOf(bob),
      data: { user_id: idOf(bob), user_name: bob.profile.username, user_role: 'attendee', device_info },
    },
  );
  bobs.say('join', data);
  await get(carol, 'POST', `/${id}/join`, { device_type: 'mobile' });
  const later = await bobs.until('join');
  assert.deepEqual(
    [later.user_id, later.data['device_info']],
    [idOf(carol), { device_type: 'mobile', browser_info: null }],
  );
  await adas.until(({ type, user_id }) => type === 'join' && user_id === idOf(carol));
  await adas.settled();
  assert.equal(adas.frames('join').length, 2);
  assert.equal(bobs.frames('join', 'error').length, 1, 'the sender does not get its own');
});

test('a join over the socket is refused as it is over REST', async (t) => {
  const { server, ada, bob, schedule, begin, get } = await openMeetings(t);
  const early = await connectedTo(t, server, await schedule(ada, [bob]), { who: bob });
  early.say('join');
  assert.deepEqual((await early.until('error')).data, {
    code: 'MEETING_NOT_ACTIVE',
    message: 'The meeting is not in progress',
  });
  const id = await begin(ada, [bob], { policy: { require_password: true, password: 'sesame' } });
  const bobs = await connectedTo(t, server, id, { who: bob });
  bobs.say('join', { password: 'wrong' });
  assert.equal((await bobs.until('error')).data['code'], 'INSUFFICIENT_PERMISSION');
  bobs.say('join', { password: 'sesame' });
  // A frame is carried out when those before it are done: the proof of the password takes its time.
  bobs.say('chat', { content: 'in' });
  await bobs.until('chat');
  await get(ada, 'POST', `/${id}/security/policy`, { lock_meeting: true });
  bobs.say('leave');
  bobs.say('join', { password: 'sesame' });
  await bobs.until(({ type, data }) => type === 'error' && data['code'] === 'MEETING_LOCKED');
});

test('[meetings:ws-in participant_update] [meetings:ws-out participant_update] [meetings:ws-in hand_raise] [meetings:ws-out hand_raise] flags reach the others, the hand with a frame of its own', async (t) => {
  const { id, ada, bob, adas, bobs, carols, get } = await gathered(t);
  bobs.say('participant_update', { is_muted: true, is_video_enabled: true, is_hand_raised: false });
  const flags = { is_muted: true, is_video_enabled: true, is_screen_sharing: false, is_hand_raised: false };
  const update = {
    type: 'participant_update',
    meeting_id: id,
    user_id: idOf(bob),
    data: { ...flags, user_role: 'attendee' },
  };
  assert.deepEqual(shown(await adas.until('participant_update')), update);
  bobs.say('hand_raise', { is_hand_raised: true });
  const hand = { type: 'hand_raise', meeting_id: id, user_id: idOf(bob), data: { is_hand_raised: true } };
  assert.deepEqual(shown(await adas.until('hand_raise')), hand);
  assert.deepEqual(shown(await carols.until('hand_raise')), hand);
  const [, raised] = carols.frames('participant_update');
  assert.deepEqual(raised?.data, { ...update.data, is_hand_raised: true });
  await bobs.settled();
  assert.deepEqual(bobs.frames('participant_update', 'hand_raise', 'error'), []);
  // The same over REST, by oneself and by a host, which the one it is about hears too.
  await get(bob, 'PUT', `/${id}/participants/status`, { is_hand_raised: false, is_muted: false });
  await adas.until(({ type, data }) => type === 'hand_raise' && data['is_hand_raised'] === false);
  await get(ada, 'POST', `/${id}/participants/${idOf(bob)}/mute`);
  assert.equal((await bobs.until('participant_update')).data['is_muted'], true);
});

test('[meetings:ws-in chat] [meetings:ws-out chat] a message reaches everybody, its sender too, as the server knows them', async (t) => {
  const { id, bob, carol, adas, bobs, carols, get } = await gathered(t);
  const said = {
    content: 'Hello everyone!',
    sender_id: idOf(carol),
    sender_name: 'Mallory',
    message_type: 'text',
    is_private: false,
  };
  bobs.say('chat', said, { user_id: idOf(carol) });
  for (const client of [adas, bobs, carols]) {
    const frame = await client.until('chat');
    const { message_id, timestamp, ...data } = frame.data;
    assert.match(String(message_id), /^[0-9A-HJKMNP-TV-Z]{26}$/);
    assert.equal(timestamp, frame.timestamp);
    assert.deepEqual(
      { ...shown(frame), data },
      {
        type: 'chat',
        meeting_id: id,
        user_id: idOf(bob),
        data: { ...said, sender_id: idOf(bob), sender_name: bob.profile.username },
      },
    );
  }
  await get(carol, 'POST', `/${id}/chat`, { content: 'over REST' });
  await adas.until(({ data }) => data['content'] === 'over REST');
  const history = (await get(bob, 'GET', `/${id}/chat`)) as unknown as Data[];
  assert.deepEqual(
    history.map(({ content }) => content),
    ['Hello everyone!', 'over REST'],
  );
});

test('[meetings:ws-in reaction] [meetings:ws-out reaction] [meetings:enum reaction_type] a reaction reaches the others who are there, and is not kept', async (t) => {
  const { server, id, bob, carol, adas, bobs, carols } = await gathered(t);
  const since = carols.offset;
  // Who is told that they are connected may still be catching up: what is not kept reaches them from then on.
  while ([adas, carols].some((client) => client.frames('reaction').length === 0)) {
    bobs.say('reaction', { reaction_type: 'thumbs_up', duration: 3 });
    await bobs.settled();
  }
  const wanted = {
    type: 'reaction',
    meeting_id: id,
    user_id: idOf(bob),
    data: { reaction_type: 'thumbs_up', duration: 3 },
  };
  for (const client of [adas, carols]) assert.deepEqual(shown(await client.until('reaction')), wanted);
  const bad = [
    { reaction_type: 'Ha!' },
    { reaction_type: 'x'.repeat(33) },
    { reaction_type: 'ok', duration: 11 },
    {},
    [],
  ];
  for (const data of bad) bobs.say('reaction', data);
  bobs.say('reaction', { reaction_type: 'heart' });
  await adas.until(({ data }) => data['reaction_type'] === 'heart');
  await bobs.settled();
  assert.deepEqual(
    bobs.frames('error').map(({ data }) => data['code']),
    bad.map(() => 'VALIDATION_ERROR'),
  );
  assert.equal(bobs.frames('reaction').length, 0);
  carols.socket.terminate();
  const again = await connectedTo(t, server, id, { who: carol, since });
  await again.settled();
  assert.deepEqual(again.frames('reaction'), []);
});

test('who leaves is heard to leave, and hears nothing more until they are back', async (t) => {
  const { id, ada, bob, adas, bobs, carols, get } = await gathered(t);
  bobs.say('leave');
  const frame = await adas.until('leave');
  assert.deepEqual([frame.user_id, frame.data['user_id'], frame.data['removed']], [idOf(bob), idOf(bob), false]);
  assert.match(String(frame.data['left_at']), time);
  carols.say('chat', { content: 'about bob' });
  await adas.until('chat');
  await bobs.settled();
  assert.deepEqual(bobs.frames('chat', 'leave', 'error'), []);
  bobs.say('chat', { content: 'still here?' });
  assert.equal((await bobs.until('error')).data['code'], 'PARTICIPANT_NOT_FOUND');
  bobs.say('join');
  await bobs.settled();
  await get(ada, 'POST', `/${id}/chat`, { content: 'welcome back' });
  await bobs.until('chat');
});

test('what is no message of the document is answered with an error frame, and the connection stays', async (t) => {
  const { server, ada, schedule } = await openMeetings(t);
  const id = await schedule(ada);
  const adas = await connectedTo(t, server, id, { who: ada });
  const bad = [
    'not JSON',
    '[]',
    '7',
    '{}',
    '{"type":"toString"}',
    '{"type":["chat"]}',
    'x'.repeat(65_600),
    '{"type":"chat","data":7}',
  ];
  for (const text of bad) adas.socket.send(text);
  adas.socket.send(Buffer.from([0, 255]));
  adas.say('ping', {}, { meeting_id: ulidOf(newIdText()) });
  adas.say('ping', {}, { meeting_id: 7 });
  await adas.settled();
  const errors = adas.frames('error');
  assert.equal(errors.length, bad.length + 3);
  for (const frame of errors) {
    const { data, ...others } = shown(frame);
    assert.deepEqual(others, { type: 'error', meeting_id: id, user_id: idOf(ada) });
    assert.deepEqual(Object.keys(data as Data).sort(), ['code', 'message']);
    assert.equal((data as Data)['code'], 'VALIDATION_ERROR');
  }
  adas.socket.send('x'.repeat(140_000));
  assert.equal((await adas.closed).code, 1009);
});
