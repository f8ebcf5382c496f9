import assert from 'node:assert/strict';
import test from 'node:test';
import { heardBy } from '../../../test/support/meeting-log.ts';
import { gather, layMeeting, rowsOf } from '../../../test/support/meeting-rows.ts';
import { type Data, type MeetingsServer, openMeetings } from '../../../test/support/meetings.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);

/** Whoever joins, and how that is answered. */
const joining =
  ({ ask }: MeetingsServer, id: string) =>
  async (who: SignedIn, draft: Data = {}): Promise<unknown[]> => {
    const { status, body } = await ask(who, 'POST', `/${id}/join`, draft);
    return [status, body['code']];
  };

const came = [200, undefined];
const unwanted = [403, 'INSUFFICIENT_PERMISSION'];

test('[meetings:POST /api/v1/meetings/{id}/security/policy] [meetings:rule security policy is host only] hosts apply a policy: what it names is changed, and what it does not stays', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, dan, ask, get } = house;
  const id = await gather(house, ada, [bob]);
  const policy = {
    require_waiting_room: true,
    require_password: false,
    allow_anonymous_join: false,
    max_participants: 50,
    allowed_domains: ['example.com', 'Company.com'],
    blocked_users: [],
    recording_permissions: 'host',
    screen_share_permissions: 'all',
    chat_permissions: 'all',
    mute_on_entry: true,
    disable_camera: false,
    lock_meeting: false,
  };
  const { status, body } = await ask(ada, 'POST', `/${id}/security/policy`, policy);
  const { timestamp, ...shown } = body;
  assert.deepEqual(
    [status, shown],
    [200, { status: 'success', message: 'Security policy applied successfully', data: null }],
  );
  assert.match(String(timestamp), /Z$/);
  const before = JSON.parse((await rowsOf(server)).meeting.policy) as Data;
  assert.deepEqual([before['maxParticipants'], before['allowedDomains']], [50, ['example.com', 'company.com']]);
  await get(ada, 'POST', `/${id}/security/policy`, { lock_meeting: true, max_participants: null });
  const after = JSON.parse((await rowsOf(server)).meeting.policy) as Data;
  assert.deepEqual(after, { ...before, lock: true, maxParticipants: null });
  const told = (await heardBy(server, bob)).filter(({ type }) => type === 'meeting.policy');
  assert.deepEqual([told.length, told[1]?.body['lock'], 'blockedUsers' in (told[1]?.body ?? {})], [2, true, false]);
  for (const [who, expected] of [
    [undefined, 401],
    [bob, 403],
    [dan, 404],
  ] as const) {
    assert.equal((await ask(who, 'POST', `/${id}/security/policy`, {})).status, expected);
  }
});

test('[meetings:enum policy permissions values] what no policy can be is refused, and nothing of it is kept', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, ask } = house;
  const id = await gather(house, ada);
  const { policy } = (await rowsOf(server)).meeting;
  for (const [bad, status] of [
    [{ lock_meeting: 'yes' }, 400],
    [{ chat_permissions: 'some' }, 400],
    [{ max_participants: 0 }, 400],
    [{ max_participants: 1_001 }, 400],
    [{ allowed_domains: ['not a domain'] }, 400],
    [{ require_password: true }, 400],
    [{ lock_meeting: true, password: '' }, 400],
    [{ lock_meeting: true, blocked_users: [nobody] }, 404],
    [{ lock_meeting: true, blocked_users: ['nonsense'] }, 404],
  ] as const) {
    const refused = await ask(ada, 'POST', `/${id}/security/policy`, bad);
    assert.deepEqual([refused.status, refused.body['status']], [status, 'error'], JSON.stringify(bad));
  }
  assert.equal((await rowsOf(server)).meeting.policy, policy);
  const over = await layMeeting(server, ada, { status: 'ended' });
  assert.equal((await ask(ada, 'POST', `/${over}/security/policy`, {})).status, 410);
});

test('[meetings:rule policy require_password] [meetings:rule policy lock_meeting] [meetings:error MEETING_LOCKED] threat M-4: a password is kept as a hash; a lock goes before it, and who is in stays', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, dan, ask, get } = house;
  const id = await gather(house, ada, [bob]);
  const join = joining(house, id);
  await get(ada, 'POST', `/${id}/security/policy`, { require_password: true, password: 'open sesame' });
  const { meeting } = await rowsOf(server);
  assert.match(String(meeting.password_hash), /^\$argon2id\$/);
  const { body, status } = await ask(carol, 'POST', `/${id}/join`, {});
  assert.deepEqual([status, body['code'], body['details']], [...unwanted, { field: 'password' }]);
  assert.deepEqual(await join(carol, { password: 'close sesame' }), unwanted);
  assert.deepEqual(await join(carol, { password: 'open sesame' }), came);
  assert.deepEqual(await join(bob), came, 'who is in stays in');
  await get(ada, 'POST', `/${id}/security/policy`, { lock_meeting: true });
  assert.deepEqual(await join(dan, { password: 'open sesame' }), [403, 'MEETING_LOCKED']);
  assert.deepEqual(await join(carol), came);
  await get(carol, 'POST', `/${id}/leave`);
  assert.deepEqual(await join(carol, { password: 'open sesame' }), [403, 'MEETING_LOCKED'], 'who comes back is new');
  await get(ada, 'POST', `/${id}/leave`);
  assert.deepEqual(await join(ada), came, 'hosts always come in');
  const heard = JSON.stringify([await heardBy(server, ada), await heardBy(server, bob)]);
  assert.ok(!heard.includes('sesame') && !heard.includes('argon2'));
});

test('threat M-4: of a hundred tries at once five are looked at, whatever else they say', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, ask, get } = house;
  const id = await gather(house, ada);
  const other = await gather(house, ada);
  for (const one of [id, other]) {
    await get(ada, 'POST', `/${one}/security/policy`, { require_password: true, password: 'open sesame' });
  }
  const verify = t.mock.method(server.app.identity.passwords, 'verify');
  const tries = Array.from({ length: 100 }, (_, n) =>
    ask(bob, 'POST', `/${n % 2 === 0 ? id : other}/join`, { password: `guess ${n}`, device_type: `${n}` }),
  );
  const answers = await Promise.all(tries);
  const count = (status: number) => answers.filter((answer) => answer.status === status).length;
  assert.deepEqual([count(403), count(429), verify.mock.callCount()], [5, 95, 5]);
  const refused = answers.find(({ status }) => status === 429);
  assert.ok(refused);
  const { limit, window, reset_at } = refused.body['details'] as Data;
  assert.deepEqual([refused.body['code'], limit, window], ['RATE_LIMIT_EXCEEDED', 5, 60]);
  assert.match(String(reset_at), /Z$/);
  assert.equal((await ask(bob, 'POST', `/${id}/join`, { password: 'open sesame' })).status, 429);
  assert.equal((await ask(carol, 'POST', `/${id}/join`, { password: 'open sesame' })).status, 200);
});

test('[meetings:rule policy max_participants] [meetings:error MAX_PARTICIPANTS_REACHED] of fifty who come at once to a meeting for five, five are in', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, ask, get } = house;
  const people = await server.people(50);
  const id = await layMeeting(server, ada);
  await get(ada, 'POST', `/${id}/security/policy`, { max_participants: 5 });
  const answers = await Promise.all(people.map((who) => ask(who, 'POST', `/${id}/join`, {})));
  const codes = answers.map(({ status, body }) => `${status} ${body['code'] ?? ''}`).sort();
  assert.deepEqual(codes.slice(0, 5), Array(5).fill('200 '));
  assert.deepEqual(codes.slice(5), Array(45).fill('403 MAX_PARTICIPANTS_REACHED'));
  await get(ada, 'POST', `/${id}/join`, {});
  const { meeting, people: rows } = await rowsOf(server);
  assert.deepEqual([meeting.present, rows.filter(({ status }) => status === 'joined').length], [6, 6]);
  // A limit below those who are there puts nobody out; and who waits is let in only where there is room.
  await get(ada, 'POST', `/${id}/security/policy`, { max_participants: 2, require_waiting_room: true });
  assert.equal((await rowsOf(server)).meeting.present, 6);
  await get(ada, 'POST', `/${id}/security/policy`, { max_participants: 7 });
  const [one, two] = people.filter((_, place) => answers[place]?.status === 403);
  assert.ok(one && two);
  for (const who of [one, two]) assert.equal((await ask(who, 'POST', `/${id}/join`, {})).status, 202);
  const admitted = [one, two].map((who) => ask(ada, 'POST', `/${id}/participants/${idOf(who)}/admit`));
  assert.deepEqual((await Promise.all(admitted)).map(({ status }) => status).sort(), [200, 403]);
});

test('threat M-4: nobody comes in after the lock is acknowledged', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, ask, get } = house;
  const id = await layMeeting(server, ada);
  const people = await server.people(30);
  let locked = false;
  const late: number[] = [];
  const join = async (who: SignedIn) => {
    const before = locked;
    const { status } = await ask(who, 'POST', `/${id}/join`, {});
    if (before) late.push(status);
  };
  const first = people.slice(0, 15).map(join);
  await get(ada, 'POST', `/${id}/security/policy`, { lock_meeting: true });
  locked = true;
  await Promise.all([...first, ...people.slice(15).map(join)]);
  assert.deepEqual(late, Array(15).fill(403));
});

test('[meetings:rule policy allowed_domains] [meetings:rule policy allow_anonymous_join] who comes needs an account, with an email of an allowed domain; hosts need none', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, ask, get } = house;
  const id = await gather(house, ada);
  const join = joining(house, id);
  await get(ada, 'POST', `/${id}/security/policy`, { allowed_domains: ['example.com', 'sub.example.org'] });
  assert.deepEqual(await join(bob), unwanted);
  await get(ada, 'POST', `/${id}/leave`);
  assert.deepEqual(await join(ada), came);
  await get(ada, 'POST', `/${id}/security/policy`, { allowed_domains: ['EXAMPLE.org'], allow_anonymous_join: false });
  assert.deepEqual(await join(bob), came);
  await get(ada, 'POST', `/${id}/security/policy`, { allowed_domains: [] });
  assert.deepEqual(await join(carol), came);
  assert.equal((await ask(undefined, 'POST', `/${id}/join`, {})).status, 401);
});

test('[meetings:rule policy blocked_users] blocking somebody puts them out and keeps them out, by id or email; hosts it does not', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, dan, ask, get } = house;
  const id = await gather(house, ada, [bob, carol]);
  const join = joining(house, id);
  const block = (...blocked_users: string[]) => get(ada, 'POST', `/${id}/security/policy`, { blocked_users });
  await block(idOf(bob), carol.profile.email.toUpperCase(), dan.principal.id, idOf(ada), 'not-yet@example.org');
  const { meeting, people } = await rowsOf(server);
  assert.equal(meeting.present, 1);
  assert.equal(people.filter(({ status }) => status === 'removed').length, 2);
  for (const who of [bob, carol, dan]) assert.deepEqual(await join(who), unwanted);
  assert.equal((await ask(bob, 'GET', `/${id}/participants`)).status, 404);
  assert.equal((await heardBy(server, bob)).at(-1)?.body['removed'], true);
  const [later] = await server.app.identity.provision([{ username: 'later', email: 'not-yet@example.org' }]);
  assert.ok(later);
  assert.deepEqual(await join(later), unwanted);
  await block(idOf(carol));
  for (const who of [bob, dan, later]) assert.deepEqual(await join(who), came);
  assert.deepEqual(await join(carol), unwanted);
});

test('whom the host has blocked as an account comes into no meeting of theirs', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob } = house;
  const id = await gather(house, ada);
  await server.app.identity.block(ada.principal, bob.principal.id);
  assert.deepEqual(await joining(house, id)(bob), unwanted);
});

test('[meetings:rule policy mute_on_entry] [meetings:rule policy disable_camera] who comes in is muted, but for hosts, and has no camera', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, ask, get } = house;
  const id = await gather(house, ada, [carol]);
  await get(ada, 'POST', `/${id}/security/policy`, { mute_on_entry: true, disable_camera: true });
  const joined = await get(bob, 'POST', `/${id}/join`, { join_muted: false, join_without_video: false });
  assert.deepEqual([joined['is_muted'], joined['is_video_enabled']], [true, false]);
  const status = `/${id}/participants/status`;
  assert.equal((await get(bob, 'PUT', status, { is_muted: false }))['is_muted'], false);
  const refused = await ask(bob, 'PUT', status, { is_video_enabled: true });
  assert.deepEqual([refused.status, refused.body['code']], [403, 'INSUFFICIENT_PERMISSION']);
  const { people } = await rowsOf(server);
  assert.deepEqual(
    people.map(({ is_video_enabled }) => is_video_enabled),
    [0, 0, 0],
    'also of those who were there',
  );
  await get(ada, 'POST', `/${id}/leave`);
  assert.equal((await get(ada, 'POST', `/${id}/join`, {}))['is_muted'], false);
});

test('[meetings:rule policy screen_share_permissions] [meetings:rule policy recording_permissions] [meetings:error SCREEN_SHARE_DISABLED] threat M-7: a policy that is changed goes for the next act', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, ask, get } = house;
  const id = await gather(house, ada, [bob]);
  const share = async (who: SignedIn) => {
    const { status, body } = await ask(who, 'PUT', `/${id}/participants/status`, { is_screen_sharing: true });
    return [status, body['code']];
  };
  const off = [403, 'SCREEN_SHARE_DISABLED'];
  const permit = (change: Data) => get(ada, 'POST', `/${id}/security/policy`, change);
  assert.deepEqual([await share(bob), await share(ada)], [came, came]);
  await permit({ screen_share_permissions: 'host' });
  const sharing = async () => (await rowsOf(server)).people.map(({ is_screen_sharing }) => is_screen_sharing);
  assert.deepEqual((await sharing()).sort(), [0, 1], 'who may no longer stops');
  assert.deepEqual([await share(bob), await share(ada)], [off, came]);
  await permit({ screen_share_permissions: 'none', recording_permissions: 'none' });
  assert.deepEqual(await sharing(), [0, 0]);
  assert.deepEqual([await share(bob), await share(ada)], [off, off]);
  await permit({ screen_share_permissions: 'all' });
  assert.deepEqual(await share(bob), came);
  const policy = JSON.parse((await rowsOf(server)).meeting.policy) as Data;
  assert.deepEqual([policy['recording'], policy['screenShare']], ['none', 'all']);
});
