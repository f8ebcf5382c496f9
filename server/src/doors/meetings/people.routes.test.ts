import assert from 'node:assert/strict';
import test from 'node:test';
import { heardBy } from '../../../test/support/meeting-log.ts';
import { gather, layMeeting, rowsOf } from '../../../test/support/meeting-rows.ts';
import { type Data, type MeetingsServer, openMeetings } from '../../../test/support/meetings.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);

const rolesIn = async ({ get }: MeetingsServer, who: SignedIn, id: string): Promise<Record<string, unknown>> => {
  const people = (await get(who, 'GET', `/${id}/participants`)) as unknown as Data[];
  return Object.fromEntries(people.map(({ user_id, role }) => [user_id, role]));
};

const waitingRoom = { require_waiting_room: true };

test('every route refuses a caller without a token with 401', async (t) => {
  const { ask } = await openMeetings(t);
  const one = `/${nobody}/participants/${nobody}`;
  for (const [method, path] of [
    ['POST', `/${nobody}/join`],
    ['POST', `/${nobody}/leave`],
    ['GET', `/${nobody}/participants`],
    ['PUT', `/${nobody}/participants/status`],
    ...['admit', 'refuse', 'mute', 'remove'].map((act) => ['POST', `${one}/${act}`] as const),
    ['PUT', `${one}/role`],
  ] as const) {
    const { status, body } = await ask(undefined, method, path, method === 'GET' ? undefined : {});
    assert.deepEqual([status, body['code'], body['status']], [401, 'UNAUTHORIZED', 'error'], path);
  }
});

test('[meetings:POST /api/v1/meetings/{id}/join] [meetings:enum participant role] [meetings:enum participant status] [meetings:enum device_type] somebody joins, with the defaults of the contract or what they say', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, ask, get } = house;
  const id = await layMeeting(server, ada);
  const draft = { connection_id: 'conn_123456789', device_type: 'desktop', join_muted: true, join_without_video: true };
  const { status, body } = await ask(bob, 'POST', `/${id}/join`, draft);
  assert.deepEqual([status, body['status'], body['message']], [200, 'success', 'Joined meeting successfully']);
  const { participant_id, joined_at, ...shown } = body['data'] as Data;
  const flags = { is_muted: true, is_video_enabled: false };
  assert.deepEqual(shown, { meeting_id: id, user_id: idOf(bob), role: 'attendee', status: 'joined', ...flags });
  assert.match(String(participant_id), ulid);
  assert.match(String(joined_at), time);
  assert.match(String(body['timestamp']), time);
  for (const nothing of [{}, undefined]) {
    const plain = await get(carol, 'POST', `/${id}/join`, nothing);
    assert.deepEqual([plain['is_muted'], plain['is_video_enabled'], plain['role']], [false, true, 'attendee']);
  }
  assert.equal((await get(ada, 'POST', `/${id}/join`, { device_type: 'toaster' }))['role'], 'host');
  const people = (await get(carol, 'GET', `/${id}/participants`)) as unknown as Data[];
  const devices = people.map(({ user_name, device_type }) => [user_name, device_type]);
  const name = (who: SignedIn) => who.profile.username;
  assert.deepEqual(devices, [
    [name(bob), 'desktop'],
    [name(carol), 'unknown'],
    [name(ada), 'unknown'],
  ]);
});

test('a second device is the same participant; who comes back is too, with a new time', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, get } = house;
  const id = await gather(house, ada, [bob]);
  const before = await get(bob, 'POST', `/${id}/join`, { device_type: 'mobile', join_muted: true });
  const { meeting, people } = await rowsOf(server);
  assert.deepEqual([meeting.present, meeting.attendance], [2, 2]);
  const own = people.find(({ account }) => account === bob.principal.account);
  assert.deepEqual([own?.device_type, own?.is_muted], ['mobile', 0]);
  await get(bob, 'POST', `/${id}/leave`);
  const after = await get(bob, 'POST', `/${id}/join`, {});
  assert.equal(after['participant_id'], before['participant_id']);
  const again = (await rowsOf(server)).meeting;
  assert.deepEqual([again.present, again.attendance, again.empty_since], [2, 2, null]);
  const joins = (await heardBy(server, ada)).filter(({ type }) => type === 'meeting.joined');
  assert.deepEqual(joins.map(({ body }) => body['userId']).slice(1), [bob.principal.id, bob.principal.id]);
});

test('[meetings:error MEETING_NOT_ACTIVE] [meetings:error MEETING_ENDED] [meetings:error MEETING_NOT_FOUND] before the start only hosts come in, and after the end nobody', async (t) => {
  const { server, ada, bob, ask } = await openMeetings(t);
  const early = await layMeeting(server, ada, { status: 'scheduled', invited: [bob] });
  const join = async (who: SignedIn, id: string) => {
    const { status, body } = await ask(who, 'POST', `/${id}/join`, {});
    return [status, body['code']];
  };
  assert.deepEqual(await join(bob, early), [400, 'MEETING_NOT_ACTIVE']);
  assert.deepEqual(await join(ada, early), [200, undefined]);
  const over = await layMeeting(server, ada, { status: 'ended', ended_at: Date.now() });
  const off = await layMeeting(server, ada, { status: 'cancelled' });
  for (const who of [ada, bob]) {
    assert.deepEqual(await join(who, over), [410, 'MEETING_ENDED']);
    assert.deepEqual(await join(who, off), [400, 'MEETING_NOT_ACTIVE']);
    for (const id of [nobody, 'nonsense']) assert.deepEqual(await join(who, id), [404, 'MEETING_NOT_FOUND']);
  }
  assert.equal((await ask(ada, 'POST', `/${over}/leave`)).status, 410);
});

test('[meetings:POST /api/v1/meetings/{id}/leave] [meetings:error PARTICIPANT_NOT_FOUND] leaving says how long one was there, and is for who is there', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, dan, ask } = house;
  const id = await gather(house, ada, [bob], { invited: [carol] });
  await server.storage.log.write(async ({ sql }) => {
    const people = sql.withTables<{ meeting_people: { account: number; joined_at: number } }>();
    const since = { joined_at: Date.now() - 40 * 60_000 - 5_000 };
    const own = people.updateTable('meeting_people').set(since);
    await own.where('account', '=', bob.principal.account).execute();
  });
  const { status, body } = await ask(bob, 'POST', `/${id}/leave`);
  assert.deepEqual([status, body['message']], [200, 'Left meeting successfully']);
  const { left_at, ...shown } = body['data'] as Data;
  assert.deepEqual(shown, { meeting_id: id, duration_minutes: 40 });
  assert.match(String(left_at), time);
  for (const [who, code] of [
    [bob, 'PARTICIPANT_NOT_FOUND'],
    [carol, 'PARTICIPANT_NOT_FOUND'],
    [dan, 'MEETING_NOT_FOUND'],
  ] as const) {
    const refused = await ask(who, 'POST', `/${id}/leave`);
    assert.deepEqual([refused.status, refused.body['code']], [404, code]);
  }
  const left = (await heardBy(server, ada)).filter(({ type }) => type === 'meeting.left');
  assert.deepEqual(
    left.map(({ body: told }) => [told['userId'], told['removed']]),
    [[bob.principal.id, false]],
  );
});

test('[meetings:GET /api/v1/meetings/{id}/participants] the list is of those who are there, for who belongs to the meeting; hosts see who waits', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, dan, ask, get } = house;
  const id = await gather(house, ada, [bob]);
  const { body } = await ask(bob, 'GET', `/${id}/participants`);
  assert.equal(body['message'], 'Participants retrieved successfully');
  const [first] = body['data'] as Data[];
  const { participant_id, joined_at, ...shown } = first ?? {};
  assert.deepEqual(shown, {
    user_id: idOf(ada),
    user_name: ada.profile.username,
    role: 'host',
    status: 'joined',
    is_muted: false,
    is_video_enabled: true,
    is_screen_sharing: false,
    is_hand_raised: false,
    device_type: 'unknown',
    breakout_room_id: null,
  });
  assert.match(String(participant_id), ulid);
  assert.match(String(joined_at), time);
  await get(ada, 'POST', `/${id}/security/policy`, waitingRoom);
  assert.equal((await ask(carol, 'POST', `/${id}/join`, {})).status, 202);
  const seen = async (who: SignedIn) =>
    ((await get(who, 'GET', `/${id}/participants`)) as unknown as Data[]).map(({ status }) => status);
  assert.deepEqual(await seen(ada), ['joined', 'joined', 'waiting']);
  assert.deepEqual(await seen(bob), ['joined', 'joined']);
  const stranger = await ask(dan, 'GET', `/${id}/participants`);
  assert.deepEqual([stranger.status, stranger.body['code']], [404, 'MEETING_NOT_FOUND']);
});

test('[meetings:PUT /api/v1/meetings/{id}/participants/status] a change names what it changes, the answer has all five, and the others hear of it', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, dan, ask, get } = house;
  const id = await gather(house, ada, [bob]);
  const path = `/${id}/participants/status`;
  const all = { is_muted: false, is_video_enabled: true, is_screen_sharing: false };
  const { body } = await ask(bob, 'PUT', path, { ...all, is_hand_raised: true, is_in_waiting_room: false });
  assert.equal(body['message'], 'Participant status updated successfully');
  assert.deepEqual(body['data'], { ...all, is_hand_raised: true, is_in_waiting_room: false });
  const muted = await get(bob, 'PUT', path, { is_muted: true });
  assert.deepEqual(muted, { ...all, is_muted: true, is_hand_raised: true, is_in_waiting_room: false });
  // What is so already is told to nobody.
  await get(bob, 'PUT', path, { is_muted: true });
  const heard = (await heardBy(server, ada)).filter(({ type }) => type === 'meeting.participant');
  const told = heard.map(({ body: { isMuted, isHandRaised, handChanged } }) => [isMuted, isHandRaised, handChanged]);
  assert.deepEqual(told, [
    [false, true, true],
    [true, true, false],
  ]);
  assert.equal((await ask(dan, 'PUT', path, {})).status, 404);
  assert.equal((await ask(bob, 'PUT', path, { is_muted: 'very' })).status, 400);
  await get(bob, 'POST', `/${id}/leave`);
  const gone = await ask(bob, 'PUT', path, {});
  assert.deepEqual([gone.status, gone.body['code']], [404, 'PARTICIPANT_NOT_FOUND']);
});

test('[meetings:error WAITING_ROOM_REQUIRED] [meetings:rule waiting room approval by host] [meetings:rule policy require_waiting_room] who waits is let in by a host, and by nobody else', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, dan, ask, get } = house;
  const id = await gather(house, ada, [bob]);
  await get(ada, 'POST', `/${id}/security/policy`, waitingRoom);
  const knock = () => ask(carol, 'POST', `/${id}/join`, { join_muted: true });
  const { status, body } = await knock();
  const { timestamp, message, details, ...shown } = body;
  assert.deepEqual([status, shown], [202, { status: 'error', code: 'WAITING_ROOM_REQUIRED' }]);
  assert.match(String(timestamp), time);
  assert.ok(String(message).length > 0);
  const { participant_id } = details as Data;
  assert.deepEqual(details, { participant_id, status: 'waiting' });
  assert.deepEqual((await knock()).body['details'], details);
  const status_ = `/${id}/participants/status`;
  // They say already how they come in; what is so already is no change.
  assert.equal((await get(carol, 'PUT', status_, { is_in_waiting_room: true }))['is_in_waiting_room'], true);
  for (const who of [carol, bob]) {
    const named = { is_in_waiting_room: false, participant_user_id: idOf(carol) };
    const refused = await ask(who, 'PUT', status_, named);
    assert.deepEqual([refused.status, refused.body['code']], [403, 'INSUFFICIENT_PERMISSION']);
    assert.equal((await ask(who, 'POST', `/${id}/participants/${idOf(carol)}/admit`)).status, 403);
  }
  assert.equal((await ask(carol, 'PUT', status_, { is_in_waiting_room: false })).status, 403);
  const admitted = await get(ada, 'PUT', status_, {
    is_in_waiting_room: false,
    participant_user_id: carol.principal.id,
  });
  assert.deepEqual([admitted['is_in_waiting_room'], admitted['is_muted']], [false, true]);
  assert.equal((await get(carol, 'POST', `/${id}/join`, {}))['participant_id'], participant_id);
  const waits = async (who: SignedIn) =>
    (await heardBy(server, who))
      .filter(({ type }) => type === 'meeting.waiting')
      .map(({ body: told }) => told['status']);
  assert.deepEqual(
    [await waits(ada), await waits(carol), await waits(bob)],
    [['waiting', 'joined'], ['waiting', 'joined'], []],
  );

  // And back into it; refused, one knocks no more, until a host admits one.
  const back = { is_in_waiting_room: true, participant_user_id: idOf(carol) };
  assert.equal((await get(ada, 'PUT', status_, back))['is_in_waiting_room'], true);
  assert.equal((await get(ada, 'POST', `/${id}/participants/${idOf(carol)}/refuse`))['status'], 'removed');
  assert.equal((await knock()).status, 403);
  await get(ada, 'POST', `/${id}/participants/${idOf(carol)}/admit`);
  assert.equal((await knock()).status, 202);
  assert.equal((await get(ada, 'POST', `/${id}/participants/${idOf(carol)}/admit`))['status'], 'joined');
  assert.equal((await ask(ada, 'POST', `/${id}/participants/${idOf(dan)}/admit`)).status, 404);
});

test('threat M-3: who waits hears and reads nothing of the meeting, by whatever way they ask', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, ask, get } = house;
  const id = await gather(house, ada, [bob]);
  await get(ada, 'POST', `/${id}/security/policy`, waitingRoom);
  assert.equal((await ask(carol, 'POST', `/${id}/join`, {})).status, 202);
  const person = `/${id}/participants/${idOf(carol)}`;
  const ways: [method: string, path: string, body?: unknown][] = [
    ['GET', `/${id}/participants`],
    ['PUT', `/${id}/participants/status`, { is_in_waiting_room: false }],
    ['PUT', `/${id}/participants/status`, { is_hand_raised: true }],
    ['PUT', `/${id}/participants/status`, { is_screen_sharing: true }],
    ['POST', `${person}/admit`],
    ['PUT', `${person}/role`, { role: 'host' }],
    ['PUT', `${person}/role`, { role: 'co-host' }],
    ['POST', `/${id}/participants/${idOf(ada)}/remove`],
    ['POST', `/${id}/security/policy`, { require_waiting_room: false }],
    ['GET', `/${id}/chat`],
    ['POST', `/${id}/chat`, { content: 'let me in' }],
    ['POST', `/${id}/token`, {}],
  ];
  for (const [method, path, body] of ways) {
    const { status, body: answer } = await ask(carol, method, path, body);
    assert.ok([403, 404].includes(status), `${method} ${path}: ${status}`);
    assert.equal(answer['status'], 'error');
  }
  for (const again of [1, 2]) assert.equal((await ask(carol, 'POST', `/${id}/join`, { again })).status, 202);
  await get(bob, 'PUT', `/${id}/participants/status`, { is_hand_raised: true });
  assert.deepEqual(
    (await heardBy(server, carol)).map(({ type }) => type),
    ['meeting.waiting'],
  );
  assert.equal((await rowsOf(server)).meeting.present, 2);
  await get(carol, 'POST', `/${id}/leave`);
  assert.equal(
    (await rowsOf(server)).people.find(({ account }) => account === carol.principal.account)?.status,
    'left',
  );
});

test('a host mutes, and switches off; only they themselves switch on', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, ask, get } = house;
  const id = await gather(house, ada, [bob]);
  const path = `/${id}/participants/status`;
  await get(bob, 'PUT', path, { is_hand_raised: true, is_screen_sharing: true });
  const person = `/${id}/participants/${bob.principal.id}`;
  assert.equal((await get(ada, 'POST', `${person}/mute`))['is_muted'], true);
  const named = { participant_user_id: bob.principal.id };
  const off = await get(ada, 'PUT', path, { ...named, is_hand_raised: false, is_screen_sharing: false });
  assert.deepEqual([off['is_hand_raised'], off['is_screen_sharing'], off['is_muted']], [false, false, true]);
  for (const on of [{ is_muted: false }, { is_screen_sharing: true }, { is_hand_raised: true }]) {
    assert.equal((await ask(ada, 'PUT', path, { ...named, ...on })).status, 403);
  }
  assert.equal((await ask(bob, 'PUT', path, { participant_user_id: idOf(ada), is_muted: true })).status, 403);
  assert.equal((await get(bob, 'PUT', path, { is_muted: false }))['is_muted'], false);
});

test('who is removed is out and stays out until a host admits them', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, ask, get } = house;
  const id = await gather(house, ada, [bob, carol]);
  const person = `/${id}/participants/${idOf(bob)}`;
  assert.equal((await get(ada, 'POST', `${person}/remove`))['status'], 'removed');
  const refused = await ask(bob, 'POST', `/${id}/join`, {});
  assert.deepEqual([refused.status, refused.body['code']], [403, 'INSUFFICIENT_PERMISSION']);
  assert.equal((await ask(bob, 'GET', `/${id}/participants`)).status, 404);
  await get(carol, 'PUT', `/${id}/participants/status`, { is_hand_raised: true });
  const heard = (await heardBy(server, bob)).map(({ type }) => type);
  assert.deepEqual(heard.at(-1), 'meeting.left');
  await get(ada, 'POST', `${person}/admit`);
  assert.equal((await get(bob, 'POST', `/${id}/join`, {}))['status'], 'joined');
});

test('roles: the host makes co-hosts and hands the role over; a co-host does neither', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, dan, ask, get } = house;
  const id = await gather(house, ada, [bob, carol]);
  const give = (who: SignedIn, whom: SignedIn, role: string) =>
    ask(who, 'PUT', `/${id}/participants/${idOf(whom)}/role`, { role });
  assert.equal((await give(ada, bob, 'co-host')).status, 200);
  assert.equal((await give(bob, carol, 'co-host')).status, 403);
  assert.equal((await give(bob, bob, 'host')).status, 403);
  assert.equal((await ask(bob, 'POST', `/${id}/participants/${idOf(ada)}/remove`)).status, 403);
  assert.equal((await ask(bob, 'POST', `/${id}/participants/${idOf(carol)}/mute`)).status, 200);
  assert.equal((await give(ada, ada, 'attendee')).status, 400);
  assert.equal((await give(ada, dan, 'host')).status, 404);
  assert.equal((await give(ada, carol, 'host')).status, 200);
  const roles = { [idOf(ada)]: 'co-host', [idOf(bob)]: 'co-host', [idOf(carol)]: 'host' };
  assert.deepEqual(await rolesIn(house, ada, id), roles);
  // Whose meeting it is comes back, and does not get what was given away.
  await get(ada, 'POST', `/${id}/leave`);
  await get(ada, 'POST', `/${id}/join`, {});
  assert.equal((await rolesIn(house, ada, id))[idOf(carol)], 'host');
  assert.equal((await give(ada, ada, 'host')).status, 200);
  assert.deepEqual(await rolesIn(house, ada, id), { ...roles, [idOf(ada)]: 'host', [idOf(carol)]: 'attendee' });
  assert.equal((await ask(carol, 'POST', `/${id}/participants/${idOf(bob)}/mute`)).status, 403);
});

test('threat M-5: what hosts do is refused to a participant, an earlier host, a host of another meeting, who was removed, and a stranger', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, dan, ask, get } = house;
  const [eve, frank, gus] = await server.people(3);
  assert.ok(eve && frank && gus);
  await gather(house, frank);
  const id = await gather(house, ada, [bob, carol, dan, gus]);
  const person = (whom: SignedIn) => `/${id}/participants/${idOf(whom)}`;
  await get(ada, 'PUT', `${person(carol)}/role`, { role: 'host' });
  await get(ada, 'PUT', `${person(ada)}/role`, { role: 'host' });
  // A co-host who was put out is none any more.
  await get(ada, 'PUT', `${person(dan)}/role`, { role: 'co-host' });
  await get(ada, 'POST', `${person(dan)}/remove`);
  const acts: [method: string, path: string, body?: unknown][] = [
    ...['admit', 'refuse', 'mute', 'remove'].map((act): [string, string] => ['POST', `${person(gus)}/${act}`]),
    ['PUT', `${person(gus)}/role`, { role: 'co-host' }],
    ['PUT', `${person(gus)}/role`, { role: 'host' }],
    ['PUT', `/${id}/participants/status`, { participant_user_id: idOf(gus), is_muted: true }],
    ['POST', `/${id}/security/policy`, { lock_meeting: true }],
  ];
  for (const [who, expected] of [
    [bob, 403],
    [carol, 403],
    [dan, 403],
    [frank, 404],
    [eve, 404],
  ] as const) {
    for (const [method, path, body] of acts) {
      assert.equal((await ask(who, method, path, body)).status, expected, `${who.profile.username} ${path}`);
    }
  }
  const { people } = await rowsOf(server);
  assert.equal(people.length, 5);
  assert.equal(people.filter(({ role }) => role === 'host').length, 1);
});

test('[meetings:limit rate Participant Actions 1000 per hour] [meetings:limit rate Status Updates 120 per minute] joining and status count in categories of their own', async (t) => {
  const { server, ada, ask } = await openMeetings(t, {
    RATE_LIMIT_MEETING_PEOPLE: '1000/3600',
    RATE_LIMIT_MEETING_STATUS: '120/60',
  });
  const id = await layMeeting(server, ada);
  const counted = async (method: string, path: string) => {
    const { headers } = await ask(ada, method, `/${id}${path}`, {});
    return ['limit', 'remaining'].map((name) => headers.get(`x-ratelimit-${name}`));
  };
  assert.deepEqual(await counted('POST', '/join'), ['1000', '999']);
  assert.deepEqual(await counted('POST', `/participants/${nobody}/mute`), ['1000', '998']);
  assert.deepEqual(await counted('PUT', '/participants/status'), ['120', '119']);
});
