import assert from 'node:assert/strict';
import test from 'node:test';
import { ada, dataOf, isoTime, login, register, signUp } from '../../../test/support/auth.ts';
import { field } from '../../../test/support/clients.ts';
import { startSocial } from '../../../test/support/social.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('[social:POST /auth/register] answers the new account as documented, with its tokens', async (t) => {
  const { call } = await startSocial(t);
  const reply = await register(call);
  assert.equal(reply.status, 201);
  const { data: _data, ...around } = reply.body;
  assert.deepEqual(around, { success: true, message: 'User registered successfully' });
  const { id, lastSeen, createdAt, updatedAt, accessToken, refreshToken, ...rest } = dataOf(reply);
  assert.deepEqual(rest, {
    username: 'john_doe',
    email: 'john@example.com',
    avatar: null,
    statusMessage: null,
    role: 'USER',
    isOnline: false,
  });
  assert.match(id ?? '', uuid);
  for (const time of [lastSeen, createdAt, updatedAt]) assert.match(time ?? '', isoTime);
  assert.equal((await call('GET', '/api/v1/auth/me', { token: accessToken ?? '' })).status, 200);
  assert.equal((await call('POST', '/api/v1/auth/refresh', { body: { refreshToken } })).status, 200);
  assert.equal(reply.headers.get('cache-control'), 'no-store');
});

test('[social:error CONFLICT] [social:error status 409] an email or username in use is refused', async (t) => {
  const { call } = await startSocial(t);
  await signUp(call);
  for (const other of [
    { username: 'other' },
    { email: 'other@example.com' },
    { username: 'JOHN_doe', email: 'x@example.com' },
  ]) {
    const reply = await register(call, { ...ada, ...other });
    assert.equal(reply.status, 409);
    assert.equal(reply.body['code'], 'CONFLICT');
  }
});

test('[social:limit username 3-50 alphanumeric and underscore] [social:limit email format] [social:limit password min 8 upper lower number] [social:error VALIDATION_ERROR] the limits of a registration', async (t) => {
  const { call } = await startSocial(t);
  const refused: object[] = [
    { username: 'ab' },
    { username: 'a'.repeat(51) },
    { username: 'john doe' },
    { username: 'jöhn' },
    { username: 'john\n' },
    { username: 7 },
    { username: ['john'] },
    { username: null },
    { email: 'john' },
    { email: 'john@' },
    { email: '@example.com' },
    { email: 'jo hn@example.com' },
    { email: `${'x'.repeat(250)}@example.com` },
    { email: { $gt: '' } },
    { email: ['john@example.com'] },
    { password: 'Passw0r' },
    { password: 'password123' },
    { password: 'PASSWORD123' },
    { password: 'Passwordabc' },
    { password: `Aa1${'x'.repeat(126)}` },
    { password: 12345678 },
    { password: undefined },
  ];
  for (const change of refused) {
    const reply = await register(call, { ...ada, ...change });
    assert.equal(reply.status, 400, JSON.stringify(change));
    assert.equal(reply.body['code'], 'VALIDATION_ERROR');
  }
  for (const body of ['[]', 'null', '"text"', '7', `${'['.repeat(10_000)}${']'.repeat(10_000)}`]) {
    assert.equal((await call('POST', '/api/v1/auth/register', { body })).status, 400);
  }
  await signUp(call, { username: 'abc', email: 'a@example.com', password: 'Passw0rd' });
  await signUp(call, { username: 'a'.repeat(50), email: 'b@example.com', password: `Aa1${'x'.repeat(125)}` });
});

test('no body of a registration gives a role', async (t) => {
  const { call } = await startSocial(t);
  const extras = { role: 'ADMIN', roles: ['ADMIN'], isManager: true, isAdmin: true, password_hash: 'x', id: 1 };
  const reply = await register(call, { ...ada, ...extras });
  assert.equal(dataOf(reply)['role'], 'USER');
  const poisoned = '{"username":"eve","email":"e@example.com","password":"Password123","__proto__":{"role":"ADMIN"}}';
  assert.equal((await call('POST', '/api/v1/auth/register', { body: poisoned })).status, 400);
});

test('in development the first account is an administrator, unless the page of somebody else has made it', async (t) => {
  const roleFor = async (headers: Record<string, string>) => {
    const { call } = await startSocial(t, { settings: { NODE_ENV: 'development' } });
    const made = await call('POST', '/api/v1/auth/register', { body: ada, headers });
    assert.equal(made.status, 201);
    return dataOf(made)['role'];
  };
  const own = ['http://localhost:5173', 'http://127.0.0.1:3000', 'https://localhost', 'http://[::1]:8080'];
  const foreign = [
    'https://evil.example',
    'null',
    'http://127.0.0.1.evil.example',
    'http://localhost.evil.example',
    'x',
  ];
  assert.equal(await roleFor({}), 'ADMIN');
  for (const origin of own) assert.equal(await roleFor({ origin }), 'ADMIN', origin);
  for (const origin of foreign) assert.equal(await roleFor({ origin }), 'USER', origin);
  // A name that its owner has pointed at this machine: origin and host agree, and neither is ours.
  assert.equal(await roleFor({ origin: 'http://evil.example:3000', host: 'evil.example:3000' }), 'USER');
});

test('[social:POST /auth/login] [social:rule tokens returned on register or login] answers the person and the tokens', async (t) => {
  const { call } = await startSocial(t);
  const { id } = await signUp(call);
  const reply = await login(call, { email: 'JOHN@example.com', password: ada.password });
  assert.equal(reply.status, 200);
  assert.equal(reply.body['message'], 'Login successful');
  const { user, accessToken, refreshToken, ...more } = dataOf(reply);
  assert.deepEqual(more, {});
  const { lastSeen, ...shown } = user as unknown as Record<string, string>;
  assert.deepEqual(shown, { id, username: 'john_doe', email: 'john@example.com', role: 'USER', isOnline: true });
  assert.match(lastSeen ?? '', isoTime);
  assert.ok(accessToken && refreshToken);
});

test('[social:sdk APIClient.login(email, password)] what the documented client keeps of a login signs its requests', async (t) => {
  const { call } = await startSocial(t);
  await signUp(call);
  const storage = new Map<string, string>();
  // As documented, with this project's own caller in place of axios.
  const post = async (path: string, body: unknown) => {
    const token = storage.get('accessToken');
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const { body: data } = await call('POST', `/api/v1${path}`, { body, headers });
    return { data: { ...data, data: Object(data['data']) } };
  };
  const { data } = await post('/auth/login', { email: ada.email, password: ada.password });
  storage.set('accessToken', data.data.accessToken);
  storage.set('refreshToken', data.data.refreshToken);
  const out = await post('/auth/logout', { refreshToken: storage.get('refreshToken') });
  assert.equal(field(out.data, 'message'), 'Logout successful');
  assert.equal((await call('GET', '/api/v1/auth/me', { token: data.data.accessToken })).status, 401);
});

test('[social:error UNAUTHORIZED] [social:error status 401] a wrong password and an unknown account get the same answer', async (t) => {
  const { call } = await startSocial(t);
  await signUp(call);
  const wrong = await login(call, { email: ada.email, password: 'Password124' });
  const unknown = await login(call, { email: 'nobody@example.com', password: 'Password124' });
  assert.equal(wrong.status, 401);
  assert.equal(wrong.body['code'], 'UNAUTHORIZED');
  assert.equal(unknown.status, 401);
  assert.equal(unknown.text, wrong.text);
  const confused = [
    { email: { $gt: '' } },
    { email: [ada.email] },
    { password: { $ne: '' } },
    { password: 'x'.repeat(900_000) },
  ];
  for (const change of confused) assert.equal((await login(call, { ...ada, ...change })).status, 400);
});

test('[social:GET /auth/me] [social:header Authorization] shows the caller as documented', async (t) => {
  const { call, identity, clock, online } = await startSocial(t, { settings: { NODE_ENV: 'development' } });
  const { id, accessToken } = await signUp(call);
  const me = async () => {
    const reply = await call('GET', '/api/v1/auth/me', { token: accessToken });
    assert.equal(reply.status, 200);
    assert.deepEqual(Object.keys(reply.body), ['success', 'data']);
    return dataOf(reply) as Record<string, unknown>;
  };
  const { lastSeen, ...shown } = await me();
  assert.match(String(lastSeen), isoTime);
  assert.deepEqual(shown, {
    id,
    username: 'john_doe',
    email: 'john@example.com',
    avatar: null,
    statusMessage: null,
    role: 'ADMIN',
    isOnline: true,
  });
  clock.forward(60_000);
  assert.equal((await me())['isOnline'], false);
  online.add(id);
  assert.equal((await me())['isOnline'], true);
  await identity.setRole(ada.email, 'MANAGER');
  assert.equal((await me())['role'], 'USER');
});

test('every route behind the guard refuses callers without a live token', async (t) => {
  const { call, identity } = await startSocial(t);
  const { accessToken, refreshToken } = await signUp(call);
  const { key } = await identity.createKey({ name: 'key', scopes: [] });
  const headers = [
    {},
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer  ' },
    { authorization: accessToken },
    { authorization: `Basic ${accessToken}` },
    { authorization: `Bearer ${accessToken} ${accessToken}` },
    { authorization: `Bearer ${accessToken}x` },
    { authorization: `Bearer ${refreshToken}` },
    { authorization: `Bearer ${key}` },
    { cookie: `token=${accessToken}` },
  ];
  const routes = [
    ['GET', 'me'],
    ['POST', 'logout'],
    ['POST', 'logout-all'],
  ] as const;
  for (const [method, path] of routes) {
    for (const header of headers) {
      const body = method === 'POST' ? { body: { refreshToken } } : {};
      const reply = await call(method, `/api/v1/auth/${path}?token=${accessToken}`, { headers: header, ...body });
      assert.equal(reply.status, 401, `${path} ${JSON.stringify(header)}`);
      assert.equal(reply.body['code'], 'UNAUTHORIZED');
    }
  }
  const anyCase = { authorization: `bearer ${accessToken}` };
  assert.equal((await call('GET', '/api/v1/auth/me', { headers: anyCase })).status, 200);
});

test('[social:POST /auth/refresh] gives a new pair without an access token; garbage is refused', async (t) => {
  const { call } = await startSocial(t);
  const { refreshToken } = await signUp(call);
  const reply = await call('POST', '/api/v1/auth/refresh', { body: { refreshToken } });
  assert.equal(reply.status, 200);
  assert.equal(reply.body['message'], 'Token refreshed successfully');
  const pair = dataOf(reply);
  assert.deepEqual(Object.keys(pair), ['accessToken', 'refreshToken']);
  assert.notEqual(pair['refreshToken'], refreshToken);
  for (const [body, status] of [
    [{ refreshToken: 'x' }, 401],
    [{ refreshToken: '' }, 400],
    [{ refreshToken: 7 }, 400],
    [{}, 400],
  ] as const) {
    assert.equal((await call('POST', '/api/v1/auth/refresh', { body })).status, status);
  }
});

test('[social:POST /auth/logout] [social:rule data null on actions without result] ends the session at once', async (t) => {
  const { call } = await startSocial(t);
  const { accessToken, refreshToken } = await signUp(call);
  const stranger = await signUp(call, { ...ada, username: 'eve', email: 'eve@example.com' });
  const theft = await call('POST', '/api/v1/auth/logout', { token: stranger.accessToken, body: { refreshToken } });
  assert.equal(theft.status, 401);
  const reply = await call('POST', '/api/v1/auth/logout', { token: accessToken, body: { refreshToken } });
  assert.equal(reply.status, 200);
  assert.deepEqual(reply.body, { success: true, message: 'Logout successful', data: null });
  assert.equal((await call('GET', '/api/v1/auth/me', { token: accessToken })).status, 401);
  assert.equal((await call('POST', '/api/v1/auth/refresh', { body: { refreshToken } })).status, 401);
});

test('[social:POST /auth/logout-all] ends every session, with or without an empty JSON body', async (t) => {
  const { call } = await startSocial(t);
  for (const body of [undefined, '']) {
    const first = body === undefined ? await signUp(call) : dataOf(await login(call));
    const second = dataOf(await login(call));
    const reply = await call('POST', '/api/v1/auth/logout-all', { token: first['accessToken'] ?? '', body });
    assert.deepEqual(reply.body, { success: true, message: 'Logged out from all devices', data: null });
    for (const { accessToken } of [first, second]) {
      assert.equal((await call('GET', '/api/v1/auth/me', { token: accessToken ?? '' })).status, 401);
    }
  }
});

test('[social:rule all inputs validated server-side] strange bodies and queries never bring an inner error', async (t) => {
  const { call, lines } = await startSocial(t);
  const { accessToken } = await signUp(call);
  const values = [
    '',
    ' ',
    '\u0000',
    '💥',
    '𝒳'.repeat(40),
    "' OR 1=1 --",
    '__proto__',
    '[]',
    1e308,
    -1,
    2 ** 53,
    true,
    null,
    [],
    {},
    [[]],
  ];
  const types = [
    'application/json',
    'application/json; charset=utf-16',
    'application/json;charset="x"',
    'APPLICATION/JSON',
  ];
  let n = 0;
  for (const path of ['register', 'login', 'refresh', 'logout', 'logout-all', 'me?id=1&id=2', 'me?id[$gt]=']) {
    for (const value of values) {
      for (const field of ['username', 'email', 'password', 'refreshToken', 'constructor']) {
        const headers = { 'content-type': types[n++ % types.length] ?? '' };
        const method = path.startsWith('me') ? 'GET' : 'POST';
        const body = method === 'GET' ? {} : { body: { ...ada, refreshToken: 'x', [field]: value }, headers };
        const { status, text } = await call(method, `/api/v1/auth/${path}`, { ...body, token: accessToken });
        assert.ok(status < 500, `${path} ${field}=${JSON.stringify(value)}: ${status} ${text}`);
      }
    }
  }
  assert.ok(!lines.some((line) => line.includes('request failed')));
});
