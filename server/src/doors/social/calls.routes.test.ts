import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import test, { type TestContext } from 'node:test';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { connected, field } from '../../../test/support/clients.ts';
import { startServer, type TestServer } from '../../../test/support/server.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const jitsi = {
  JITSI_DOMAIN: 'meet.example.org:8443',
  JITSI_APP_ID: 'our_app',
  JITSI_APP_SECRET: 'wq9vT4mZ1xR7bK2nY8pL5cJ3hF6dS0gA',
};

type Data = Record<string, unknown>;

async function open(t: TestContext, settings: Readonly<Record<string, string>> = {}) {
  const server = await startServer(t, settings);
  const [ada, bob, carol, dan] = await server.people(4);
  assert.ok(ada && bob && carol && dan);
  return { server, ada, bob, carol, dan, ...acts(server) };
}

function acts(server: TestServer) {
  const ask = (method: string, who: SignedIn, path: string, body?: unknown, headers = {}) =>
    server.call(method, `/api/v1/calls${path}`, { token: who.accessToken, body, headers });
  const start = async (who: SignedIn, ...called: readonly SignedIn[]): Promise<string> => {
    const participantIds = called.map(({ principal }) => principal.id);
    const { status, body, text } = await ask('POST', who, '', { type: 'VIDEO', participantIds });
    assert.equal(status, 201, text);
    return String(field(field(dataOf({ body }), 'call'), 'id'));
  };
  const act = (who: SignedIn, id: string, what: string) => ask('POST', who, `/${id}/${what}`);
  const read = async (who: SignedIn, id: string): Promise<Data> => dataOf(await ask('GET', who, `/${id}`));
  const block = (who: SignedIn, whom: SignedIn) => server.app.identity.block(who.principal, whom.principal.id);
  return { ask, start, act, read, block };
}

const dataOf = ({ body }: { body: Data }) => body['data'] as Data;
const idsOf = (...people: readonly SignedIn[]) => people.map(({ principal }) => principal.id);
const time = /^\d{4}-.*T.*\.\d{3}Z$/;

test('every route refuses a caller without a token with 401', async (t) => {
  const server = await startServer(t);
  for (const [method, path] of [
    ['POST', ''],
    ['GET', ''],
    ['GET', `/${nobody}`],
    ...['join', 'end', 'leave', 'reject'].map((act) => ['POST', `/${nobody}/${act}`] as const),
  ] as const) {
    const { status, body } = await server.call(method, `/api/v1/calls${path}`);
    assert.deepEqual([status, body['code']], [401, 'UNAUTHORIZED'], path);
  }
});

test('[social:POST /calls] [social:enum call type] [social:enum call status] [social:rule Jitsi roomUrl host] a call rings, and the caller has the way in', async (t) => {
  const { ada, bob, ask } = await open(t);
  for (const type of ['AUDIO', 'VIDEO']) {
    const body = { type, participantIds: idsOf(bob), groupId: null };
    const answer = await ask('POST', ada, '', body);
    assert.deepEqual([answer.status, answer.body['message']], [201, 'Call initiated successfully']);
    const { call, roomUrl, token, ...rest } = dataOf(answer);
    const { id, roomId, createdAt, ...shown } = call as Data;
    assert.deepEqual(rest, {});
    assert.deepEqual(shown, { initiatorId: ada.principal.id, type, status: 'RINGING' });
    assert.match(String(id), /^[0-9a-f-]{36}$/);
    assert.match(String(createdAt), time);
    assert.equal(roomUrl, `https://meet.jitsi.com/${roomId}`);
    assert.equal(String(token).split('.').length, 3);
  }
});

test('who is called must be somebody: the errors of a beginning', async (t) => {
  const { server, ada, bob, carol, dan, ask, block } = await open(t);
  const closed = await server.group(bob, carol);
  const made = await server.call('POST', '/api/v1/groups', {
    token: bob.accessToken,
    body: { title: 'hidden', type: 'SECRET' },
  });
  const secret = String(dataOf(made)['id']);
  const alone = await server.group(ada);
  await block(carol, ada);
  await block(ada, dan);
  const crowd = (await server.people(51)).map(({ principal }) => principal.id);
  const refused: [body: unknown, status: number][] = [
    [{}, 400],
    [{ type: 'SMELL', participantIds: idsOf(bob) }, 400],
    [{ type: 'VIDEO' }, 400],
    [{ type: 'VIDEO', participantIds: [] }, 400],
    [{ type: 'VIDEO', participantIds: idsOf(ada) }, 400],
    [{ type: 'VIDEO', groupId: alone }, 400],
    [{ type: 'VIDEO', participantIds: crowd }, 400],
    [{ type: 'VIDEO', participantIds: [...idsOf(bob), nobody] }, 404],
    [{ type: 'VIDEO', participantIds: ['nonsense'] }, 404],
    [{ type: 'VIDEO', groupId: nobody }, 404],
    [{ type: 'VIDEO', groupId: secret }, 404],
    [{ type: 'VIDEO', groupId: closed }, 403],
    [{ type: 'VIDEO', participantIds: idsOf(bob, carol) }, 403],
    [{ type: 'VIDEO', participantIds: idsOf(dan) }, 403],
  ];
  for (const [body, status] of refused) {
    assert.equal((await ask('POST', ada, '', body)).status, status, JSON.stringify(body).slice(0, 120));
  }
  // Nothing of it was kept.
  for (const who of [ada, bob]) assert.deepEqual((await ask('GET', who, '')).body['data'], []);
  const fifty = await ask('POST', ada, '', { type: 'VIDEO', participantIds: [...crowd.slice(1), ...crowd.slice(1)] });
  assert.equal(fifty.status, 201);
});

test('with a key a call is begun once, however often and however fast it is asked', async (t) => {
  const { ada, bob, carol, ask } = await open(t);
  const body = { type: 'VIDEO', participantIds: idsOf(bob) };
  const begin = (headers: Record<string, string>, more = {}) => ask('POST', ada, '', { ...body, ...more }, headers);
  const answers = await Promise.all([1, 2, 3, 4].map(() => begin({ 'idempotency-key': 'key-00001' })));
  answers.push(await begin({}, { clientId: 'key-00001' }));
  assert.equal(new Set(answers.map((answer) => field(dataOf(answer)['call'], 'id'))).size, 1);
  const other = await begin({ 'idempotency-key': 'key-00001' }, { participantIds: idsOf(carol) });
  assert.deepEqual([other.status, other.body['code']], [409, 'CONFLICT']);
});

test('[social:GET /calls/{id}] those of a call read it, a stranger gets 403, and what does not exist is 404', async (t) => {
  const { ada, bob, carol, ask, start, act, read } = await open(t);
  const id = await start(ada, bob);
  const ringing = await read(bob, id);
  assert.deepEqual(ringing['participants'], [
    { userId: ada.principal.id, username: ada.profile.username, joinedAt: ringing['createdAt'], leftAt: null },
  ]);
  const stateOf = async (who: SignedIn) =>
    ((await read(ada, id))['invited'] as Data[]).find(({ userId }) => userId === who.principal.id)?.['state'];
  assert.deepEqual([await stateOf(ada), await stateOf(bob)], ['JOINED', 'INVITED']);
  await act(bob, id, 'join');
  assert.equal(await stateOf(bob), 'JOINED');
  const { participants, invited, roomId, createdAt, ...call } = await read(ada, id.toUpperCase());
  assert.deepEqual((invited as Data[]).map(({ userId }) => userId).sort(), idsOf(ada, bob).sort());
  const shown = { id, initiatorId: ada.principal.id, type: 'VIDEO', status: 'ONGOING', groupId: null, endedAt: null };
  assert.deepEqual(call, shown);
  assert.match(String(roomId), /^[0-9a-f]{32}$/);
  assert.match(String(createdAt), time);
  assert.deepEqual((participants as Data[]).map(({ userId }) => userId).sort(), idsOf(ada, bob).sort());
  for (const one of participants as Data[]) assert.match(String(one['joinedAt']), time);
  assert.equal((await ask('GET', carol, `/${id}`)).status, 403);
  for (const none of [nobody, 'nonsense']) assert.equal((await ask('GET', ada, `/${none}`)).status, 404);
});

test("[social:GET /calls] one's calls come newest first, in pages by number and by key", async (t) => {
  const { ada, bob, carol, ask, start, act } = await open(t);
  const ids: string[] = [];
  for (let one = 0; one < 5; one += 1) ids.unshift(await start(ada, bob));
  await start(bob, carol);
  await act(ada, ids[0] ?? '', 'end');
  const list = async (query: string) => {
    const { status, body, text } = await ask('GET', ada, query);
    assert.equal(status, 200, text);
    return { found: (body['data'] as Data[]).map((call) => call['id']), pagination: body['pagination'], body };
  };
  const first = await list('');
  assert.deepEqual(first.found, ids);
  assert.deepEqual(first.pagination, { page: 1, limit: 20, total: 5, totalPages: 1 });
  const [newest, second] = first.body['data'] as Data[];
  const { createdAt, endedAt, ...rest } = newest ?? {};
  const shown = { id: ids[0], initiatorId: ada.principal.id, groupId: null, type: 'VIDEO', status: 'ENDED' };
  const [initiator, other] = [ada, bob].map(({ profile: { id, username, avatar } }) => ({ id, username, avatar }));
  assert.deepEqual(rest, { ...shown, initiator, group: null, others: [other] });
  assert.match(`${createdAt}`, time);
  assert.match(`${endedAt}`, time);
  assert.deepEqual([second?.['status'], second?.['endedAt']], ['RINGING', null]);
  assert.deepEqual((await list('?page=2&limit=2')).found, ids.slice(2, 4));
  assert.deepEqual((await list('?page=2&limit=2')).pagination, { page: 2, limit: 2, total: 5, totalPages: 3 });
  assert.deepEqual((await list(`?before=${ids[1]}&limit=2`)).found, ids.slice(2, 4));
  assert.deepEqual((await list(`?after=${ids[3]}&limit=2`)).found, ids.slice(1, 3));
  assert.equal((await ask('GET', carol, `?before=${ids[1]}`)).status, 404);
  assert.equal((await ask('GET', ada, '?page=0')).status, 400);
});

test('[social:POST /calls/{id}/join] the first answer makes a call ONGOING; a second device gets its own way in', async (t) => {
  const { ada, bob, carol, start, act, read } = await open(t);
  const id = await start(ada, bob, carol);
  // The caller's own way in is no answer.
  assert.equal(field(dataOf(await act(ada, id, 'join'))['call'], 'status'), 'RINGING');
  const { status, body } = await act(bob, id, 'join');
  assert.deepEqual([status, body['message']], [200, 'Joined call successfully']);
  const { call, roomUrl, token } = dataOf({ body });
  assert.equal(field(call, 'id'), id);
  assert.equal(field(call, 'status'), 'ONGOING');
  assert.equal(roomUrl, `https://meet.jitsi.com/${field(call, 'roomId')}`);
  assert.ok(String(token).length > 100);
  assert.equal((await act(bob, id, 'join')).status, 200);
  assert.equal((await act(carol, id, 'join')).status, 200);
  assert.equal(((await read(ada, id))['participants'] as Data[]).length, 3);
});

test('[social:POST /calls/{id}/end] [social:rule only call initiator can end] ending is for who began it, and twice is as once', async (t) => {
  const { ada, bob, start, act } = await open(t);
  const id = await start(ada, bob);
  await act(bob, id, 'join');
  assert.equal((await act(bob, id, 'end')).status, 403);
  const { status, body } = await act(ada, id, 'end');
  assert.deepEqual([status, body['message']], [200, 'Call ended successfully']);
  const { endedAt, ...rest } = dataOf({ body });
  assert.deepEqual(rest, { id, status: 'ENDED' });
  assert.match(String(endedAt), time);
  assert.deepEqual(dataOf(await act(ada, id, 'end')), { id, status: 'ENDED', endedAt });
});

test('[social:POST /calls/{id}/leave] a call goes on while two are in it, and is over after that', async (t) => {
  const { ada, bob, carol, start, act, read } = await open(t);
  const id = await start(ada, bob, carol);
  for (const who of [bob, carol]) await act(who, id, 'join');
  const { status, body } = await act(ada, id, 'leave');
  assert.deepEqual([status, body], [200, { success: true, message: 'Left call successfully', data: null }]);
  assert.equal((await read(bob, id))['status'], 'ONGOING');
  assert.equal((await act(ada, id, 'leave')).status, 200);
  assert.equal((await act(bob, id, 'leave')).status, 200);
  const after = await read(carol, id);
  assert.equal(after['status'], 'ENDED');
  const left = (after['participants'] as Data[]).filter(({ leftAt }) => leftAt !== null).map(({ userId }) => userId);
  assert.deepEqual(left.sort(), idsOf(ada, bob, carol).sort(), 'with the end everybody has left');
  const hungUp = await start(ada, bob);
  await act(ada, hungUp, 'leave');
  assert.equal((await read(bob, hungUp))['status'], 'ENDED');
});

test('[social:POST /calls/{id}/reject] a call is REJECTED when nobody is left who could answer', async (t) => {
  const { ada, bob, carol, start, act, read } = await open(t);
  const id = await start(ada, bob, carol);
  const { status, body } = await act(bob, id, 'reject');
  assert.deepEqual([status, body['message'], dataOf({ body })], [200, 'Call rejected', { id, status: 'REJECTED' }]);
  assert.equal((await read(ada, id))['status'], 'RINGING');
  assert.equal((await act(bob, id, 'reject')).status, 200);
  assert.equal((await act(carol, id, 'reject')).status, 200);
  const after = await read(ada, id);
  assert.deepEqual([after['status'], typeof after['endedAt']], ['REJECTED', 'string']);
  assert.equal((await act(bob, id, 'join')).status, 404);
});

test('threat S-4: five actors and six acts on a call that rings, goes on and is over', async (t) => {
  const { ada, bob, carol, dan, ask, start, act } = await open(t);
  const acts = ['read', 'join', 'leave', 'reject', 'end', 'join nothing'] as const;
  const one = (who: SignedIn | undefined, id: string, what: (typeof acts)[number]) => {
    if (what === 'read') return ask('GET', who ?? stranger, `/${id}`);
    return act(who ?? stranger, what === 'join nothing' ? nobody : id, what === 'join nothing' ? 'join' : what);
  };
  const stranger = { ...dan, accessToken: 'no.such.token' };
  const people = { caller: ada, joined: bob, called: carol, stranger: dan, anonymous: undefined };
  const expected: Record<string, Record<keyof typeof people, number[]>> = {
    ONGOING: {
      caller: [200, 200, 200, 403, 200, 404],
      joined: [200, 200, 200, 403, 403, 404],
      called: [200, 200, 403, 200, 403, 404],
      stranger: [403, 403, 403, 403, 403, 404],
      anonymous: [401, 401, 401, 401, 401, 401],
    },
    ENDED: {
      caller: [200, 404, 200, 403, 200, 404],
      joined: [200, 404, 200, 404, 403, 404],
      called: [200, 404, 403, 404, 403, 404],
      stranger: [403, 403, 403, 403, 403, 404],
      anonymous: [401, 401, 401, 401, 401, 401],
    },
  };
  for (const [state, rows] of Object.entries(expected)) {
    for (const [name, statuses] of Object.entries(rows)) {
      for (const [place, status] of statuses.entries()) {
        const id = await start(ada, bob, carol);
        await act(bob, id, 'join');
        if (state === 'ENDED') await act(ada, id, 'end');
        const what = acts[place] ?? 'read';
        const answer = await one(people[name as keyof typeof people], id, what);
        assert.equal(answer.status, status, `${state}: ${name} may ${what}: ${answer.text}`);
      }
    }
  }
});

test('threat S-4: answers, rejections and an end at the same moment: one outcome, which everybody reads', async (t) => {
  const { ada, bob, carol, start, act, read } = await open(t);
  for (let round = 0; round < 5; round += 1) {
    const id = await start(ada, bob, carol);
    const answers = await Promise.all([
      act(bob, id, 'join'),
      act(carol, id, 'join'),
      act(bob, id, 'reject'),
      act(ada, id, 'end'),
      act(bob, id, 'leave'),
    ]);
    for (const { status } of answers) assert.ok([200, 403, 404].includes(status), String(status));
    const seen = await Promise.all([ada, bob, carol].map((who) => read(who, id)));
    assert.equal(seen[0]?.['status'], 'ENDED');
    assert.deepEqual(seen[1], seen[0]);
    assert.deepEqual(seen[2], seen[0]);
  }
});

test('a group call rings its members but those with a block, and only members come in', async (t) => {
  const { server, ada, bob, carol, dan, ask, act, block } = await open(t);
  const group = await server.group(ada, bob, carol);
  await block(carol, ada);
  const hearing = await connected(t, server, { token: carol.accessToken });
  const bobs = await connected(t, server, { token: bob.accessToken });
  const begun = await ask('POST', ada, '', { type: 'AUDIO', groupId: group });
  const id = String(field(dataOf(begun)['call'], 'id'));
  await bobs.ear.until('call:ringing');
  assert.equal((await act(dan, id, 'join')).status, 403);
  assert.equal((await ask('GET', dan, `/${id}`)).status, 403);
  await server.call('POST', `/api/v1/groups/${group}/members`, {
    token: ada.accessToken,
    body: { userId: dan.principal.id },
  });
  assert.equal((await act(dan, id, 'join')).status, 200);
  assert.equal(((await ask('GET', dan, '')).body['data'] as Data[]).length, 1);
  assert.equal((await act(bob, id, 'join')).status, 200);
  const left = await server.call('DELETE', `/api/v1/groups/${group}/members/${bob.principal.id}`, {
    token: ada.accessToken,
  });
  assert.equal(left.status, 200, left.text);
  await act(bob, id, 'leave');
  assert.equal((await act(bob, id, 'join')).status, 403);
  await server.send(ada, { groupId: group }, 'after it');
  await hearing.ear.until('message:received');
  assert.deepEqual(hearing.ear.of('call:ringing'), []);
});

test('whom the caller has blocked meanwhile is not let in by an old invitation', async (t) => {
  const { ada, bob, carol, start, act, block } = await open(t);
  const id = await start(ada, bob, carol);
  await block(bob, ada);
  assert.equal((await act(bob, id, 'join')).status, 200);
  await block(ada, carol);
  assert.equal((await act(carol, id, 'join')).status, 403);
});

test('[social:rule Jitsi call flow] [social:rule Jitsi unique room and JWT per call] [social:rule Jitsi token user context] [social:rule call initiator is always moderator] [social:rule Jitsi token contains room name] [social:rule Jitsi token expires in 2 hours] threat L-1: the way in says exactly who, where and how long', async (t) => {
  const { server, ada, bob, ask, act } = await open(t, jitsi);
  const begin = async () => dataOf(await ask('POST', ada, '', { type: 'VIDEO', participantIds: idsOf(bob) }));
  const begun = await begin();
  const joined = dataOf(await act(bob, String(field(begun['call'], 'id')), 'join'));
  const key = createSecretKey(Buffer.from(jitsi.JITSI_APP_SECRET));
  const room = field(begun['call'], 'roomId');
  assert.match(String(room), /^[0-9a-f]{32}$/);
  assert.notEqual(field((await begin())['call'], 'roomId'), room);
  for (const [who, given] of [
    [ada, begun],
    [bob, joined],
  ] as const) {
    assert.equal(given['roomUrl'], `https://meet.example.org:8443/${room}`);
    const token = String(given['token']);
    assert.deepEqual(decodeProtectedHeader(token), { alg: 'HS256', typ: 'JWT' });
    const { iat = 0, ...claims } = (await jwtVerify(token, key)).payload;
    const { id, username: name, email, avatar } = await server.app.identity.me(who.principal);
    assert.deepEqual(claims, {
      iss: 'our_app',
      aud: 'jitsi',
      sub: 'meet.example.org',
      room,
      exp: iat + 7_200,
      context: { user: { id, name, avatar, email, moderator: who === ada } },
    });
    assert.ok(Math.abs(iat - Date.now() / 1_000) < 60);
    // It is no access token, and an access token is none.
    assert.equal((await server.call('GET', '/api/v1/auth/me', { token })).status, 401);
    await assert.rejects(jwtVerify(who.accessToken, key));
  }
});

test('in production calls are refused, with the names of the settings, until all of them are there', async (t) => {
  const production = { NODE_ENV: 'production', HOST: '127.0.0.1', JWT_SECRET: 'aB3kX9mQ7wE2rT6yU1iO5pL8sD4fG0hJ' };
  for (const missing of Object.keys(jitsi)) {
    const given = Object.fromEntries(Object.entries(jitsi).filter(([name]) => name !== missing));
    const { server, ada, bob, ask } = await open(t, { ...production, ...given });
    const { status, body } = await ask('POST', ada, '', { type: 'VIDEO', participantIds: idsOf(bob) });
    assert.deepEqual([status, body['code']], [403, 'FORBIDDEN']);
    for (const name of Object.keys(jitsi)) assert.match(String(body['message']), new RegExp(name));
    await server.stop();
  }
  const { start, ada, bob } = await open(t, { ...production, ...jitsi });
  await start(ada, bob);
});

test('acts on calls are limited by account, over REST and sockets together', async (t) => {
  const { server, ada, bob, ask, start } = await open(t, { RATE_LIMIT_CALLS: '2/900' });
  const client = await connected(t, server, { token: ada.accessToken });
  const callId = await start(ada, bob);
  assert.equal(field(await client.ask('call:end', { callId }), 'success'), true);
  const over = await client.ask('call:end', { callId });
  assert.deepEqual([field(over, 'success'), field(over, 'code')], [false, 'RATE_LIMIT_EXCEEDED']);
  const { status, headers } = await ask('POST', ada, '', { type: 'VIDEO', participantIds: idsOf(bob) });
  assert.equal(status, 429);
  assert.deepEqual([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')], ['2', '0']);
  assert.ok(Number(headers.get('retry-after')) > 0);
  await start(bob, ada);
});

test('threat L-1: no way in comes out of a key once the call is over, out of a group one was put out of, or past a block', async (t) => {
  const { server, ada, bob, carol, ask, start, act, block } = await open(t);
  const headers = { 'idempotency-key': 'key-00001' };
  const draft = { type: 'VIDEO', participantIds: idsOf(bob) };
  const first = await ask('POST', ada, '', draft, headers);
  const id = String(field(field(dataOf(first), 'call'), 'id'));
  const again = await ask('POST', ada, '', draft, headers);
  assert.deepEqual([again.status, field(field(dataOf(again), 'call'), 'id')], [201, id]);
  await act(bob, id, 'join');
  await act(ada, id, 'end');
  assert.equal((await ask('POST', ada, '', draft, headers)).status, 404);
  assert.equal((await start(ada, bob)) === id, false);

  const group = await server.group(bob, ada, carol);
  const begun = await ask('POST', ada, '', { type: 'AUDIO', groupId: group });
  const ours = String(field(field(dataOf(begun), 'call'), 'id'));
  await act(bob, ours, 'join');
  await server.call('DELETE', `/api/v1/groups/${group}/members/${ada.principal.id}`, { token: bob.accessToken });
  for (const what of ['join', 'end']) assert.equal((await act(ada, ours, what)).status, 403, what);
  assert.equal((await ask('GET', ada, `/${ours}`)).status, 403);

  await block(bob, carol);
  const next = await ask('POST', bob, '', { type: 'AUDIO', groupId: await server.group(bob, ada, carol) });
  const blocked = await act(carol, String(field(field(dataOf(next), 'call'), 'id')), 'join');
  assert.deepEqual([blocked.status, 'data' in blocked.body], [403, false]);
});
