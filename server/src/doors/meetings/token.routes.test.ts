import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { gone, startLiveKit } from '../../../test/support/livekit.ts';
import { dueTimes, eventually, makeDue } from '../../../test/support/meeting-log.ts';
import { type Data, type MeetingsServer, openMeetings } from '../../../test/support/meetings.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const liveKit = {
  LIVEKIT_URL: 'wss://livekit.example.com',
  LIVEKIT_API_KEY: 'our-key',
  LIVEKIT_API_SECRET: 'fifty-letters-for-a-secret-that-only-LiveKit-knows',
};
const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const departure = 'meetings.livekit_departure';
const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);

/** A meeting of ada with bob in it; carol is invited, dan a stranger. */
async function gathered({ ada, bob, carol, begin, get }: MeetingsServer): Promise<string> {
  const id = await begin(ada, [bob, carol]);
  await get(bob, 'POST', `/${id}/join`, {});
  return id;
}

const claimsOf = async (token: unknown): Promise<Data> =>
  (
    await jwtVerify(String(token), new TextEncoder().encode(liveKit.LIVEKIT_API_SECRET), {
      algorithms: ['HS256'],
      issuer: liveKit.LIVEKIT_API_KEY,
    })
  ).payload;

/** Everything a token may do for an attendee of a meeting in which everything is allowed but recording. */
const attendee = (id: string) => ({
  room: id,
  roomJoin: true,
  canPublish: true,
  canPublishSources: ['microphone', 'camera', 'screen_share', 'screen_share_audio'],
  canSubscribe: true,
  canPublishData: true,
  canUpdateOwnMetadata: false,
});

test('a way into the room is for who has a token', async (t) => {
  const { ask } = await openMeetings(t, liveKit);
  const { status, body } = await ask(undefined, 'POST', `/${nobody}/token`, {});
  assert.deepEqual([status, body['code']], [401, 'UNAUTHORIZED']);
});

test('[meetings:POST /api/v1/meetings/{id}/token] [meetings:rule livekit_url in the token answer] who has joined gets a way into this room for ten minutes', async (t) => {
  const house = await openMeetings(t, liveKit);
  const { bob, ask } = house;
  const id = await gathered(house);
  const answer = await ask(bob, 'POST', `/${id}/token`, { user_id: idOf(bob), user_name: 'John Doe' });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body['message'], 'LiveKit token generated successfully');
  const { token, ...shown } = answer.body['data'] as Data;
  assert.deepEqual(shown, {
    meeting_id: id,
    user_id: idOf(bob),
    user_name: bob.profile.username,
    is_host: false,
    livekit_url: 'wss://livekit.example.com',
  });
  assert.equal(decodeProtectedHeader(String(token)).alg, 'HS256');
  const { iss, sub, name, video, exp, nbf, ...others } = await claimsOf(token);
  assert.deepEqual(
    { iss, sub, name, others },
    { iss: 'our-key', sub: idOf(bob), name: bob.profile.username, others: {} },
  );
  assert.deepEqual(video, attendee(id));
  assert.equal(Number(exp) - Number(nbf), 600);
  assert.ok(Math.abs(Number(nbf) - Date.now() / 1_000) < 5);
  assert.equal((await ask(bob, 'POST', `/${id}/token`)).status, 200, 'without a body');
});

test('threat L-1: whatever is asked for, a token names who asks and one room, and has no right that nobody gave', async (t) => {
  const house = await openMeetings(t, liveKit);
  const { ada, bob, carol, dan, ask, get } = house;
  const id = await gathered(house);
  const wishes = {
    identity: idOf(ada),
    room: '*',
    roomAdmin: true,
    video: { room: '*', roomAdmin: true, roomCreate: true, roomRecord: true, hidden: true },
    metadata: 'host',
    ttl: '365d',
    user_name: ada.profile.username,
  };
  const { token } = await get(bob, 'POST', `/${id}/token`, wishes);
  const claims = await claimsOf(token);
  assert.deepEqual(Object.keys(claims).sort(), ['exp', 'iss', 'name', 'nbf', 'sub', 'video']);
  assert.deepEqual([claims['sub'], claims['name'], claims['video']], [idOf(bob), bob.profile.username, attendee(id)]);
  for (const [who, body, status, code] of [
    [bob, { user_id: idOf(ada) }, 403, 'INSUFFICIENT_PERMISSION'],
    [ada, { user_id: idOf(bob) }, 403, 'INSUFFICIENT_PERMISSION'],
    [bob, { user_id: '*' }, 403, 'INSUFFICIENT_PERMISSION'],
    [carol, {}, 403, 'INSUFFICIENT_PERMISSION'],
    [dan, {}, 404, 'MEETING_NOT_FOUND'],
  ] as const) {
    const answer = await ask(who, 'POST', `/${id}/token`, body);
    assert.deepEqual([answer.status, answer.body['code']], [status, code], answer.text);
    assert.doesNotMatch(answer.text, /eyJ/);
  }
  assert.equal((await ask(ada, 'POST', '/*/token', {})).status, 404);
  assert.equal((await ask(bob, 'POST', `/${id}/token`, { user_id: bob.principal.id })).status, 200, 'either spelling');
});

test('threat L-1: who waits, has left, was removed or is blocked gets no way in, and after the end nobody', async (t) => {
  const house = await openMeetings(t, liveKit);
  const { ada, bob, carol, dan, ask, get, begin } = house;
  const id = await begin(ada, [bob, carol, dan]);
  const answers = async (who: SignedIn) => {
    const { status, body } = await ask(who, 'POST', `/${id}/token`, {});
    return status === 200 ? 'a token' : `${status} ${body['code']}`;
  };
  const refused = '403 INSUFFICIENT_PERMISSION';
  for (const who of [bob, carol]) await get(who, 'POST', `/${id}/join`, {});
  await get(ada, 'POST', `/${id}/security/policy`, { require_waiting_room: true });
  assert.equal((await ask(dan, 'POST', `/${id}/join`, {})).status, 202);
  assert.deepEqual([await answers(bob), await answers(carol), await answers(dan)], ['a token', 'a token', refused]);
  await get(bob, 'POST', `/${id}/leave`);
  await get(ada, 'POST', `/${id}/security/policy`, { blocked_users: [carol.principal.id] });
  assert.deepEqual([await answers(bob), await answers(carol)], [refused, refused]);
  await get(ada, 'POST', `/${id}/leave`);
  assert.equal(await answers(ada), refused, 'the host who is not there, too');
  await get(ada, 'POST', `/${id}/join`, {});
  await get(ada, 'POST', `/${id}/end`);
  assert.equal(await answers(ada), '410 MEETING_ENDED');
});

test('[meetings:rule policy recording_permissions] what a token allows is what role and policy allow', async (t) => {
  const house = await openMeetings(t, liveKit);
  const { ada, bob, get } = house;
  const id = await gathered(house);
  const grants = async (who: SignedIn, policy: Data) => {
    await get(ada, 'POST', `/${id}/security/policy`, policy);
    const { token, is_host } = await get(who, 'POST', `/${id}/token`, {});
    const { video } = await claimsOf(token);
    assert.equal(is_host, who === ada);
    return video as Data;
  };
  const all = { recording_permissions: 'all', screen_share_permissions: 'all', chat_permissions: 'all' };
  const host = { recording_permissions: 'host', screen_share_permissions: 'host', chat_permissions: 'host' };
  const none = { recording_permissions: 'none', screen_share_permissions: 'none', chat_permissions: 'none' };
  const whole = attendee(id);
  const less = { ...whole, canPublishSources: ['microphone', 'camera'], canPublishData: false };
  assert.deepEqual(await grants(bob, all), { ...whole, roomRecord: true });
  assert.deepEqual(await grants(bob, host), less);
  assert.deepEqual(await grants(ada, host), { ...whole, roomRecord: true });
  assert.deepEqual(await grants(ada, none), less);
  assert.deepEqual((await grants(bob, { disable_camera: true }))['canPublishSources'], ['microphone']);
});

test('[meetings:error LIVEKIT_TOKEN_ERROR] without LiveKit the answer says which settings are missing, and to strangers nothing', async (t) => {
  for (const [settings, missing] of [
    [{}, 'LIVEKIT_URL, LIVEKIT_API_KEY, LIVEKIT_API_SECRET'],
    [{ LIVEKIT_URL: liveKit.LIVEKIT_URL, LIVEKIT_API_SECRET: liveKit.LIVEKIT_API_SECRET }, 'LIVEKIT_API_KEY'],
  ] as const) {
    const house = await openMeetings(t, settings);
    const { bob, dan, ask } = house;
    const id = await gathered(house);
    const { status, body, text } = await ask(bob, 'POST', `/${id}/token`, {});
    assert.deepEqual([status, body['status'], body['code']], [500, 'error', 'LIVEKIT_TOKEN_ERROR']);
    assert.equal(body['message'], `LiveKit is not set up on this server: these settings are missing: ${missing}`);
    assert.ok(!text.includes(liveKit.LIVEKIT_API_SECRET));
    assert.equal((await ask(dan, 'POST', `/${id}/token`, {})).status, 404);
  }
});

test('who is removed from the meeting is removed from its LiveKit room, and the room ends with the meeting', async (t) => {
  const room = await startLiveKit(t);
  const house = await openMeetings(t, room.settings);
  const { server, ada, bob, carol, get } = house;
  const id = await gathered(house);
  await get(carol, 'POST', `/${id}/join`, {});
  await get(carol, 'POST', `/${id}/leave`);
  const before = Math.floor(Date.now() / 1_000);
  await get(ada, 'POST', `/${id}/security/policy`, { blocked_users: [bob.principal.id] });
  await eventually(() => room.asked[0]);
  const { method, body, video } = room.asked[0] ?? assert.fail();
  const { revokeTokenTs, ...rest } = body;
  assert.deepEqual([method, rest], ['RemoveParticipant', { room: id, identity: idOf(bob) }]);
  assert.ok(Number(revokeTokenTs) > before, 'ways in that were made before are good for nothing');
  assert.deepEqual(video, { roomAdmin: true, room: id });
  // Somebody with an old way in may have come back.
  room.answer = gone;
  await eventually(async () => ((await dueTimes(server, departure))[0] ?? 0) > Date.now() || undefined);
  await makeDue(server, departure);
  await eventually(() => room.asked[1]);
  assert.deepEqual(room.asked[1]?.body['identity'], idOf(bob));
  room.answer = { status: 200, body: {} };
  await get(ada, 'POST', `/${id}/end`);
  const ended = await eventually(() => room.asked.find((asked) => asked.method === 'DeleteRoom'));
  assert.deepEqual(ended.body, { room: id });
  const identities = room.asked
    .filter((asked) => asked.method === 'RemoveParticipant')
    .map((asked) => asked.body['identity']);
  assert.deepEqual(new Set(identities), new Set([idOf(bob)]), 'nobody else');
});

test('a LiveKit server that fails is asked again, also after a restart, and not about who was let in again', async (t) => {
  const room = await startLiveKit(t);
  const house = await openMeetings(t, room.settings);
  const { server, ada, bob, get } = house;
  const id = await gathered(house);
  room.answer = { status: 503, body: { code: 'unavailable', msg: 'not now' } };
  await get(ada, 'POST', `/${id}/security/policy`, { blocked_users: [bob.principal.id] });
  await eventually(() => room.asked[0]);
  await eventually(async () => ((await dueTimes(server, departure))[0] ?? 0) > Date.now() + 1_000 || undefined);
  room.answer = { status: 200, body: {} };
  await server.restart();
  await makeDue(server, departure);
  await eventually(() => room.asked[1]);
  await eventually(async () => ((await dueTimes(server, departure))[0] ?? 0) > Date.now() + 30_000 || undefined);
  await get(ada, 'POST', `/${id}/security/policy`, { blocked_users: [] });
  const back = await house.ask(bob, 'POST', `/${id}/join`, {});
  if (back.status === 202) {
    const admit = { participant_user_id: bob.principal.id, is_in_waiting_room: false };
    await get(ada, 'PUT', `/${id}/participants/status`, admit);
  }
  await makeDue(server, departure);
  await eventually(async () => ((await dueTimes(server, departure)).length === 0 ? true : undefined));
  assert.equal(room.asked.length, 2);
});

test('who is sent back to the waiting room is removed from the LiveKit room', async (t) => {
  const room = await startLiveKit(t);
  const house = await openMeetings(t, room.settings);
  const { ada, bob, get } = house;
  const id = await gathered(house);
  const back = { participant_user_id: bob.principal.id, is_in_waiting_room: true };
  await get(ada, 'PUT', `/${id}/participants/status`, back);
  const { method, body } = await eventually(() => room.asked[0]);
  assert.deepEqual([method, body['identity']], ['RemoveParticipant', idOf(bob)]);
});
