import assert from 'node:assert/strict';
import test from 'node:test';
import ICAL from 'ical.js';
import { type Data, type MeetingsServer, openMeetings } from '../../../test/support/meetings.ts';
import { readConfig } from '../../config.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const ulid = /^[0-9A-HJKMNP-TV-Z]{26}$/;
const second = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);
const refusal = async (asked: ReturnType<MeetingsServer['ask']>): Promise<unknown[]> => {
  const { status, body } = await asked;
  return [status, body['code']];
};
const forbidden = [403, 'INSUFFICIENT_PERMISSION'];
const unknown = [404, 'MEETING_NOT_FOUND'];
const active = [409, 'MEETING_ALREADY_ACTIVE'];
const inactive = [400, 'MEETING_NOT_ACTIVE'];
const over = [410, 'MEETING_ENDED'];
const invalid = [400, 'VALIDATION_ERROR'];

/** Everything under this that is an id, or is called a time. */
function* values(data: unknown, name = ''): Generator<[name: string, value: unknown]> {
  if (Array.isArray(data)) for (const one of data) yield* values(one, name);
  else if (typeof data === 'object' && data !== null)
    for (const [key, one] of Object.entries(data)) yield* values(one, key);
  else yield [name, data];
}

test('[meetings:rule authentication required on all endpoints] [meetings:header Authorization] nothing is answered without a token', async (t) => {
  const { server, ada, ask, schedule } = await openMeetings(t);
  const id = await schedule(ada);
  const routes = server.app.surface.routes.filter((route) => / \/api\/v1\/meetings(?:\/|$)/.test(route));
  assert.ok(routes.length >= 9);
  for (const route of routes) {
    const [method = '', address = ''] = route.split(' ');
    const path = address.replace('/api/v1/meetings', '').replace(':id', id).replace(':user_id', nobody);
    const answer = await ask(undefined, method, path);
    assert.deepEqual(
      [answer.status, answer.body['code'], answer.body['status']],
      [401, 'UNAUTHORIZED', 'error'],
      route,
    );
    for (const authorization of ['Bearer nonsense', ada.accessToken, `Basic ${ada.accessToken}`, 'Bearer']) {
      const { status } = await server.call(method, `/api/v1/meetings${path}`, { headers: { authorization } });
      assert.equal(status, 401, `${route} ${authorization.slice(0, 8)}`);
    }
  }
  const headers = { authorization: `bearer ${ada.accessToken}` };
  assert.equal((await server.call('GET', `/api/v1/meetings/${id}/status`, { headers })).status, 200);
});

test('a meeting is made, read, changed and cancelled', async (t) => {
  const { ada, bob, carol, ask, get } = await openMeetings(t);
  const draft = {
    title: 'Weekly',
    description: 'What we did',
    scheduled_at: '2026-12-01T10:00:00+01:00',
    time_zone: 'Europe/Berlin',
    duration_minutes: 45,
    invited: [bob.principal.id, idOf(carol)],
    policy: { require_waiting_room: true, blocked_users: ['Eve@Example.org'] },
  };
  const answer = await ask(ada, 'POST', '', draft);
  assert.deepEqual([answer.status, answer.body['message']], [200, 'Meeting created successfully']);
  const { policy, invited, ...made } = answer.body['data'] as Data;
  const { meeting_id: id, created_at: createdAt, ...shown } = made;
  assert.match(String(id), ulid);
  assert.match(String(createdAt), second);
  assert.deepEqual(shown, {
    title: 'Weekly',
    description: 'What we did',
    creator_id: idOf(ada),
    host_id: idOf(ada),
    status: 'scheduled',
    scheduled_at: '2026-12-01T09:00:00Z',
    time_zone: 'Europe/Berlin',
    duration_minutes: 45,
    started_at: null,
    ended_at: null,
    attendance_count: 0,
    active_participants: 0,
    role: 'host',
    participant_status: 'invited',
  });
  assert.deepEqual(policy, {
    require_waiting_room: true,
    require_password: false,
    allow_anonymous_join: false,
    max_participants: null,
    allowed_domains: [],
    blocked_users: ['eve@example.org'],
    recording_permissions: 'host',
    screen_share_permissions: 'all',
    chat_permissions: 'all',
    mute_on_entry: false,
    disable_camera: false,
    lock_meeting: false,
  });
  assert.deepEqual(
    (invited as Data[]).map(({ user_id, role, status }) => [user_id, role, status]),
    [bob, carol].map((who) => [idOf(who), 'attendee', 'invited']),
  );
  assert.deepEqual(await get(ada, 'GET', `/${id}`), answer.body['data']);
  const seen = await get(bob, 'GET', `/${id}`);
  assert.deepEqual([seen['policy'], seen['invited'], seen['role']], [null, null, 'attendee']);
  const changed = await ask(ada, 'PATCH', `/${id}`, { title: 'Daily', invited: [bob.principal.id] });
  assert.deepEqual(
    [changed.body['message'], (changed.body['data'] as Data)['title']],
    ['Meeting updated successfully', 'Daily'],
  );
  assert.deepEqual(await refusal(ask(carol, 'GET', `/${id}`)), unknown);
  assert.deepEqual(await refusal(ask(bob, 'PATCH', `/${id}`, { title: 'Mine' })), forbidden);
  assert.deepEqual(await refusal(ask(bob, 'DELETE', `/${id}`)), forbidden);
  for (const _ of ['once', 'and again']) {
    const cancelled = await ask(ada, 'DELETE', `/${id}`);
    assert.deepEqual(
      [cancelled.status, cancelled.body['message'], (cancelled.body['data'] as Data)['status']],
      [200, 'Meeting cancelled successfully', 'cancelled'],
    );
  }
  assert.equal((await get(bob, 'GET', `/${id}/status`))['status'], 'cancelled');
});

test('what is no meeting is refused, in the documented form and without a trace', async (t) => {
  const { ada, bob, ask, get, schedule, server } = await openMeetings(t);
  await server.app.identity.block(bob.principal, ada.principal.id);
  const refused: [body: unknown, answer: unknown[]][] = [
    [undefined, invalid],
    ['not JSON', invalid],
    [{}, invalid],
    [{ title: '' }, invalid],
    [{ title: ' \n ' }, invalid],
    [{ title: 'x'.repeat(201) }, invalid],
    [{ title: 'nul\u0000' }, invalid],
    [{ title: 'x', description: 'nul\u0000' }, invalid],
    [{ title: 'x', scheduled_at: 'tomorrow' }, invalid],
    [{ title: 'x', scheduled_at: '2026-12-01' }, invalid],
    [{ title: 'x', scheduled_at: '2026-12-31T23:59:60Z' }, invalid],
    [{ title: 'x', scheduled_at: '9999-12-31T23:59:59-23:59' }, invalid],
    [{ title: 'x', scheduled_at: '0000-01-01T00:00:00Z' }, invalid],
    [{ title: 'x', time_zone: 'Mars/Olympus' }, invalid],
    [{ title: 'x', time_zone: '\u0000' }, invalid],
    [{ title: 'x', duration_minutes: 0 }, invalid],
    [{ title: 'x', duration_minutes: 1.5 }, invalid],
    [{ title: 'x', invited: 'bob' }, invalid],
    [{ title: 'x', invited: Array(501).fill(nobody) }, invalid],
    [{ title: 'x', client_id: 'short' }, invalid],
    [{ title: 'x', policy: { require_password: true } }, invalid],
    [{ title: 'x', policy: { chat_permissions: 'some' } }, invalid],
    [{ title: 'x', policy: { blocked_users: ['nul\u0000@example.org'] } }, invalid],
    [{ title: 'x', invited: [nobody] }, [404, 'NOT_FOUND']],
    [{ title: 'x', invited: ['nonsense'] }, [404, 'NOT_FOUND']],
    [{ title: 'x', invited: [ulidOf(nobody)] }, [404, 'NOT_FOUND']],
    [{ title: 'x', invited: [bob.principal.id] }, forbidden],
  ];
  for (const [body, answer] of refused) {
    assert.deepEqual(await refusal(ask(ada, 'POST', '', body)), answer, JSON.stringify(body)?.slice(0, 100));
  }
  assert.deepEqual((await get(ada, 'GET', ''))['meetings'], []);
  const id = await schedule(ada);
  const strange = { connection_id: 'nul\u0000', browser_info: '\u0000' };
  assert.deepEqual(await refusal(ask(ada, 'POST', `/${id}/join`, strange)), invalid);
  const { body } = await ask(ada, 'POST', '', { title: 'x', invited: [nobody] });
  assert.deepEqual(body['details'], { field: 'invited', value: nobody });
});

test('a key makes one meeting, in the header or in the body', async (t) => {
  const { server, ada, get } = await openMeetings(t);
  const make = async (headers: Record<string, string>, more: Data = {}) => {
    const body = { title: 'Once', ...more };
    return server.call('POST', '/api/v1/meetings', { token: ada.accessToken, body, headers });
  };
  const key = { 'idempotency-key': 'key-00001' };
  const answers = await Promise.all([make(key), make(key), make({}, { client_id: 'key-00001' })]);
  assert.equal(new Set(answers.map(({ body }) => (body['data'] as Data)['meeting_id'])).size, 1);
  const other = await make(key, { title: 'Twice' });
  assert.deepEqual([other.status, other.body['code']], [409, 'CONFLICT']);
  assert.equal(((await get(ada, 'GET', ''))['meetings'] as unknown[]).length, 1);
});

test('the list has filters and pages', async (t) => {
  const { ada, bob, ask, get, schedule } = await openMeetings(t);
  const december = await schedule(ada, [bob], { scheduled_at: '2026-12-01T09:00:00Z' });
  const january = await schedule(bob, [ada], { scheduled_at: '2027-01-01T09:00:00Z' });
  const running = await schedule(ada);
  await get(ada, 'POST', `/${running}/start`);
  const list = async (query: string) => {
    const { meetings, pagination } = await get(ada, 'GET', query);
    return [(meetings as Data[]).map(({ meeting_id }) => meeting_id), pagination];
  };
  const whole = { page: 1, limit: 20, total: 3, total_pages: 1 };
  assert.deepEqual(await list(''), [[running, january, december], whole]);
  assert.deepEqual((await list('?status=in_progress'))[0], [running]);
  assert.deepEqual((await list('?role=invited'))[0], [january]);
  assert.deepEqual((await list('?role=mine&status=scheduled'))[0], [december]);
  assert.deepEqual((await list('?from=2026-12-01T09:00:00Z&to=2027-01-01T09:00:00Z'))[0], [december]);
  assert.deepEqual((await list('?from=2026-12-01T10:00:00%2B01:00&status=scheduled'))[0], [january, december]);
  assert.deepEqual(await list('?page=2&limit=2'), [[december], { page: 2, limit: 2, total: 3, total_pages: 2 }]);
  assert.deepEqual((await list('?limit=1000'))[1], { ...whole, limit: 100 });
  for (const query of ['?status=over', '?role=theirs', '?from=yesterday', '?page=0', '?limit=x']) {
    assert.deepEqual(await refusal(ask(ada, 'GET', query)), invalid, query);
  }
});

test('[meetings:rule meetings are scheduled before start] [meetings:POST /api/v1/meetings/{id}/start] [meetings:header Content-Type application/json] a meeting that is scheduled is started', async (t) => {
  const { server, ada, bob, ask, get, schedule } = await openMeetings(t);
  const id = await schedule(ada, [bob]);
  const before = await get(ada, 'GET', `/${id}/status`);
  assert.deepEqual([before['status'], before['is_active'], before['started_at']], ['scheduled', false, null]);
  // As documented: with the header, and without a body.
  const headers = { 'content-type': 'application/json' };
  const answer = await server.call('POST', `/api/v1/meetings/${id}/start`, { token: ada.accessToken, headers });
  assert.deepEqual([answer.status, answer.body['message']], [200, 'Meeting started successfully']);
  const { started_at: at, ...started } = answer.body['data'] as Data;
  assert.deepEqual(started, { meeting_id: id, started_by: idOf(ada) });
  assert.match(String(at), second);
  const after = await get(bob, 'GET', `/${id}/status`);
  assert.deepEqual([after['status'], after['is_active'], after['started_at']], ['in_progress', true, at]);
  const other = await schedule(ada);
  assert.equal((await ask(ada, 'POST', `/${other}/start`, {})).status, 200);
});

test('[meetings:rule only hosts can start meetings] [meetings:error INSUFFICIENT_PERMISSION] who is invited starts and ends nothing; the creator, co-hosts and administrators do', async (t) => {
  const { server, ada, bob, carol, dan, ask, get, schedule } = await openMeetings(t);
  const id = await schedule(ada, [bob, carol]);
  for (const act of ['start', 'end']) assert.deepEqual(await refusal(ask(bob, 'POST', `/${id}/${act}`)), forbidden);
  await get(ada, 'PUT', `/${id}/participants/${carol.principal.id}/role`, { role: 'co-host' });
  await get(carol, 'POST', `/${id}/start`);
  assert.deepEqual(await refusal(ask(bob, 'POST', `/${id}/end`)), forbidden);
  await get(carol, 'POST', `/${id}/end`);
  await server.app.identity.setRole(dan.profile.email, 'ADMIN');
  const others = await schedule(ada);
  const { accessToken } = await server.app.identity.refresh(dan.refreshToken);
  const { status } = await server.call('POST', `/api/v1/meetings/${others}/start`, { token: accessToken });
  assert.equal(status, 200);
});

test('[meetings:error start 400 Meeting cannot be started] [meetings:error MEETING_ALREADY_ACTIVE] [meetings:error MEETING_NOT_ACTIVE] [meetings:error MEETING_ENDED] each status has its refusals', async (t) => {
  const { ada, ask, get, schedule } = await openMeetings(t);
  const act = async (id: string, what: string) => refusal(ask(ada, 'POST', `/${id}/${what}`));
  const cancelled = await schedule(ada);
  await get(ada, 'DELETE', `/${cancelled}`);
  assert.deepEqual([await act(cancelled, 'start'), await act(cancelled, 'end')], [inactive, inactive]);
  assert.match(String((await ask(ada, 'POST', `/${cancelled}/start`)).body['message']), /cancelled/);
  const id = await schedule(ada);
  assert.deepEqual([await act(id, 'end'), await act(id, 'join')], [inactive, [200, undefined]]);
  await get(ada, 'POST', `/${id}/start`);
  assert.deepEqual(await act(id, 'start'), active);
  assert.deepEqual(await refusal(ask(ada, 'DELETE', `/${id}`)), active);
  assert.deepEqual(await refusal(ask(ada, 'PATCH', `/${id}`, { scheduled_at: null })), active);
  await get(ada, 'POST', `/${id}/end`);
  for (const what of ['start', 'end', 'join']) assert.deepEqual(await act(id, what), over, what);
  for (const method of ['DELETE', 'PATCH']) {
    assert.deepEqual(await refusal(ask(ada, method, `/${id}`, method === 'PATCH' ? { title: 'x' } : undefined)), over);
  }
});

test('[meetings:POST /api/v1/meetings/{id}/end] [meetings:rule duration_minutes is a whole number] a meeting ends for everybody', async (t) => {
  const { server, ada, bob, ask, get, begin } = await openMeetings(t);
  const id = await begin(ada, [bob]);
  await get(bob, 'POST', `/${id}/join`, {});
  // It began an hour and some seconds ago.
  await server.storage.log.write(async ({ sql }) => {
    const meetings = sql.withTables<{ meetings: { started_at: number } }>().updateTable('meetings');
    await meetings.set({ started_at: Date.now() - 3_659_000 }).execute();
  });
  const answer = await ask(ada, 'POST', `/${id}/end`);
  assert.deepEqual([answer.status, answer.body['message']], [200, 'Meeting ended successfully']);
  const { ended_at: at, ...ended } = answer.body['data'] as Data;
  assert.deepEqual(ended, { meeting_id: id, ended_by: idOf(ada), duration_minutes: 60 });
  assert.match(String(at), second);
  const { started_at: _, ...after } = await get(bob, 'GET', `/${id}/status`);
  assert.deepEqual(after, {
    meeting_id: id,
    status: 'ended',
    is_active: false,
    ended_at: at,
    attendance_count: 2,
    is_recording: false,
    active_participants: 0,
  });
});

test('[meetings:GET /api/v1/meetings/{id}/status] [meetings:enum meeting status] [meetings:rule attendance_count and active_participants] the status says how a meeting stands', async (t) => {
  const { ada, bob, carol, dan, ask, get, schedule } = await openMeetings(t);
  const id = await schedule(ada, [bob, carol]);
  const figures = async () => {
    const { body } = await ask(bob, 'GET', `/${id}/status`);
    assert.equal(body['message'], 'Meeting status retrieved successfully');
    const { status, is_active, attendance_count, active_participants } = body['data'] as Data;
    return [status, is_active, attendance_count, active_participants];
  };
  assert.deepEqual(await figures(), ['scheduled', false, 0, 0]);
  await get(ada, 'POST', `/${id}/start`);
  assert.deepEqual(await figures(), ['in_progress', true, 0, 0]);
  for (const who of [ada, bob, carol]) await get(who, 'POST', `/${id}/join`, {});
  assert.deepEqual(await figures(), ['in_progress', true, 3, 3]);
  await get(carol, 'POST', `/${id}/leave`);
  assert.deepEqual(await figures(), ['in_progress', true, 3, 2]);
  // Whoever comes back was counted.
  await get(carol, 'POST', `/${id}/join`, {});
  assert.deepEqual(await figures(), ['in_progress', true, 3, 3]);
  const whole = await get(ada, 'GET', `/${id}/status`);
  assert.deepEqual(Object.keys(whole), [
    'meeting_id',
    'status',
    'is_active',
    'started_at',
    'ended_at',
    'attendance_count',
    'is_recording',
    'active_participants',
  ]);
  assert.deepEqual([whole['meeting_id'], whole['ended_at'], whole['is_recording']], [id, null, false]);
  assert.deepEqual(await refusal(ask(dan, 'GET', `/${id}/status`)), unknown);
  await get(ada, 'POST', `/${id}/end`);
  assert.deepEqual(await figures(), ['ended', false, 3, 0]);
  const cancelled = await schedule(ada);
  await get(ada, 'DELETE', `/${cancelled}`);
  assert.equal((await get(ada, 'GET', `/${cancelled}/status`))['status'], 'cancelled');
});

test('[meetings:rule success envelope] [meetings:rule ids are 26-character ULID-like strings] [meetings:rule timestamps ISO 8601 UTC whole seconds] every success has one form, every id and every time one spelling', async (t) => {
  const { ada, bob, ask, get, schedule } = await openMeetings(t);
  const id = await schedule(ada, [bob], { scheduled_at: '2026-12-01T09:00:00.750Z' });
  const asked = [
    ['GET', ''],
    ['GET', `/${id}`],
    ['PATCH', `/${id}`, { title: 'x' }],
    ['POST', `/${id}/start`],
    ['POST', `/${id}/join`, {}],
    ['GET', `/${id}/participants`],
    ['GET', `/${id}/status`],
    ['POST', `/${id}/leave`],
    ['POST', `/${id}/end`],
  ] as const;
  const found = new Set<string>();
  for (const [method, path, body] of asked) {
    const answer = await ask(ada, method, path, body);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.body), ['status', 'message', 'data', 'timestamp']);
    assert.equal(answer.body['status'], 'success');
    assert.match(String(answer.body['timestamp']), second);
    assert.match(String(answer.headers.get('content-type')), /^application\/json/);
    for (const [name, value] of values(answer.body['data'])) {
      if (value === null) continue;
      if (/_id$|_by$/.test(name)) assert.match(String(value), ulid, name);
      else if (/_at$/.test(name)) assert.match(String(value), second, name);
      else continue;
      found.add(name);
    }
  }
  assert.ok(found.size >= 10, [...found].join());
  // Both spellings are the same id, in any case.
  const uuid = uuidOf(id);
  for (const spelling of [uuid, uuid.toUpperCase(), id.toLowerCase()]) {
    assert.equal((await get(ada, 'GET', `/${spelling}`))['meeting_id'], id);
  }
});

function uuidOf(id: string): string {
  let bits = 0n;
  for (const letter of id) bits = bits * 32n + BigInt('0123456789ABCDEFGHJKMNPQRSTVWXYZ'.indexOf(letter));
  return bits
    .toString(16)
    .padStart(32, '0')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

test('[meetings:error format] [meetings:error MEETING_NOT_FOUND] every refusal has one form, also what the framework refuses', async (t) => {
  const { ada, bob, ask, schedule, server } = await openMeetings(t);
  const id = await schedule(ada);
  const asked = [
    [ask(undefined, 'GET', `/${id}`), 401],
    [ask(bob, 'GET', `/${id}`), 404],
    [ask(ada, 'GET', '/nonsense'), 404],
    [ask(ada, 'GET', `/${nobody}`), 404],
    [ask(ada, 'GET', `/${'Z'.repeat(26)}`), 404],
    [ask(ada, 'POST', `/${nobody}/start`), 404],
    [ask(ada, 'POST', `/${nobody}/end`), 404],
    [ask(ada, 'PATCH', `/${nobody}`, { title: 'x' }), 404],
    [ask(ada, 'DELETE', `/${nobody}`), 404],
    [ask(ada, 'GET', `/${nobody}/status`), 404],
    [ask(ada, 'POST', `/${id}/nonsense`), 404],
    [ask(ada, 'PATCH', `/${id}`, 'no JSON'), 400],
    [ask(ada, 'PATCH', `/${id}`, { titel: 'x' }), 400],
    [ask(ada, 'PATCH', `/${id}`, { title: 'x'.repeat(1_100_000) }), 413],
    [
      server.call('PATCH', `/api/v1/meetings/${id}`, {
        token: ada.accessToken,
        body: '<a/>',
        headers: { 'content-type': 'application/xml' },
      }),
      400,
    ],
  ] as const;
  for (const [reply, status] of asked) {
    const answer = await reply;
    assert.equal(answer.status, status, answer.text);
    assert.deepEqual(Object.keys(answer.body), ['status', 'message', 'code', 'details', 'timestamp']);
    const { status: said, message, code, details, timestamp } = answer.body;
    assert.equal(said, 'error');
    assert.ok(typeof message === 'string' && message.length > 5);
    assert.match(String(code), /^[A-Z_]+$/);
    assert.ok(typeof details === 'object' && details !== null && !Array.isArray(details));
    assert.match(String(timestamp), second);
  }
});

test('[meetings:limit rate Meeting Management 100 per hour] [meetings:header X-RateLimit-Limit] [meetings:header X-RateLimit-Remaining] [meetings:header X-RateLimit-Reset] [meetings:error RATE_LIMIT_EXCEEDED] [meetings:limit rate limit details limit/window/reset_at] a hundred requests of an account in an hour', async (t) => {
  const limit = '100/3600';
  assert.deepEqual(readConfig({}).RATE_LIMIT_MEETINGS, { count: 100, seconds: 3_600 });
  const { ada, bob, ask, get } = await openMeetings(t, { RATE_LIMIT_MEETINGS: limit });
  const from = Math.floor(Date.now() / 1_000);
  const made = await ask(ada, 'POST', '', { title: 'x' });
  const id = (made.body['data'] as Data)['meeting_id'];
  const headersOf = ({ headers }: typeof made) =>
    ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'].map((name) => Number(headers.get(name)));
  const [most, left, reset = 0] = headersOf(made);
  assert.deepEqual([most, left], [100, 99]);
  assert.ok(reset >= from + 3_600 && reset <= Date.now() / 1_000 + 3_601, String(reset));
  const paths = ['', `/${id}`, `/${id}/status`, `/${id}/calendar.ics`];
  for (let count = 98; count >= 0; count -= 1) {
    assert.deepEqual(headersOf(await ask(ada, 'GET', paths[count % 3] ?? '')), [100, count, reset]);
  }
  const refused = await ask(ada, 'POST', `/${id}/start`);
  const { timestamp, ...body } = refused.body;
  assert.equal(refused.status, 429);
  assert.match(String(timestamp), second);
  assert.deepEqual(body, {
    status: 'error',
    message: 'Rate limit exceeded',
    code: 'RATE_LIMIT_EXCEEDED',
    details: { limit: 100, window: 3_600, reset_at: `${new Date(reset * 1_000).toISOString().slice(0, 19)}Z` },
  });
  assert.deepEqual(headersOf(refused), [100, 0, reset]);
  assert.ok(Number(refused.headers.get('retry-after')) > 3_500);
  for (const path of paths) assert.equal((await ask(ada, 'GET', path)).status, 429, path);
  // Nothing was done, and nobody else is held up, nor what is of another category.
  await get(bob, 'GET', '');
  assert.deepEqual(await refusal(ask(ada, 'POST', `/${id}/leave`)), [404, 'PARTICIPANT_NOT_FOUND']);
});

test('the calendar file of a meeting is for those who belong to it', async (t) => {
  const { server, ada, bob, carol, ask, schedule } = await openMeetings(t);
  const id = await schedule(ada, [bob], { scheduled_at: '2026-12-01T09:00:00Z', duration_minutes: 30 });
  const fileFor = ({ accessToken }: SignedIn, of = id) =>
    fetch(`${server.url}/api/v1/meetings/${of}/calendar.ics`, { headers: { authorization: `Bearer ${accessToken}` } });
  for (const who of [ada, bob]) {
    const answer = await fileFor(who);
    const text = await answer.text();
    assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'text/calendar; charset=utf-8']);
    const [event] = new ICAL.Component(ICAL.parse(text)).getAllSubcomponents('vevent');
    assert.deepEqual(
      ['uid', 'summary', 'dtstart', 'dtend'].map((name) => String(event?.getFirstPropertyValue(name))),
      [uuidOf(id), 'Weekly', '2026-12-01T09:00:00Z', '2026-12-01T09:30:00Z'],
    );
    assert.doesNotMatch(text, /@/);
  }
  assert.equal((await fileFor(carol)).status, 404);
  const untimed = await schedule(ada);
  assert.deepEqual(await refusal(ask(ada, 'GET', `/${untimed}/calendar.ics`)), [404, 'NOT_FOUND']);
});
