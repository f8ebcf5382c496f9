import assert from 'node:assert/strict';
import { connect } from 'node:net';
import test from 'node:test';
import { ended, startSocial } from '../../../test/support/social.ts';
import { createHttp } from './http.ts';
import { createLogger, loggableUrl } from './logger.ts';

const silent = createLogger('silent');

/** Sends bytes as they are and returns everything that comes back until the server closes. */
async function raw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  socket.write(bytes);
  await ended(socket, 5_000);
  return answer;
}

test('a request id is echoed when it is sane and made otherwise', async (t) => {
  const { call } = await startSocial(t);
  const given = async (id: string) => {
    const { headers } = await call('GET', '/health', { headers: { 'x-request-id': id } });
    return headers.get('x-request-id');
  };
  assert.equal(await given('trace-1.a_B'), 'trace-1.a_B');
  for (const insane of ['', 'a b', 'x'.repeat(65), '<script>', '"}{']) {
    assert.match((await given(insane)) ?? '', /^[0-9a-f-]{36}$/);
  }
});

test('threat W-1: no secret reaches the log, whatever fails', async (t) => {
  const { call, lines, url } = await startSocial(t);
  const canary = 'CANARY5ecret';
  const headers = {
    cookie: `session=${canary}`,
    authorization: `Bearer ${canary}`,
    referer: `http://x/?token=${canary}`,
  };
  const person = { username: 'ada', email: 'ada@example.org', password: `Aa1${canary}` };
  const made = await call('POST', '/api/v1/auth/register', { body: person, headers });
  const { accessToken, refreshToken } = made.body['data'] as Record<string, string>;
  assert.ok(accessToken && refreshToken);
  await call('POST', '/api/v1/auth/login', { body: { ...person, password: `wrong${canary}` }, headers });
  await call('POST', '/api/v1/auth/login', { body: `{"password":"${canary}"`, headers });
  await call('POST', '/api/v1/auth/refresh', { body: { refreshToken: canary }, headers });
  await call('POST', '/api/v1/auth/refresh', { body: { refreshToken } });
  await call('GET', `/api/v1/auth/me?token=${canary}&access_token=${canary}&apiKey=${canary}`, { token: accessToken });
  await call('GET', `/boom?token=${canary}`, { headers });
  await raw(url, `GET /%zz?token=${canary} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  await raw(url, `NONSENSE ${canary}\r\n\r\n`);
  const log = lines.join('');
  assert.match(log, /the canary of an inner error/);
  assert.match(log, /"url":"\/api\/v1\/auth\/me"/);
  for (const secret of [canary, accessToken, refreshToken]) assert.ok(!log.includes(secret));
  assert.equal(loggableUrl('/a?x=1&token=2&y=3#z'), '/a');
});

test('fields with the names of secrets are taken out of any log line', () => {
  const lines: string[] = [];
  const logger = createLogger('info', { write: (line) => void lines.push(line) });
  logger.info({
    password: 'c1',
    user: { refreshToken: 'c1' },
    req: { headers: { authorization: 'c1', cookie: 'c1' } },
  });
  assert.equal(lines.length, 1);
  assert.ok(!lines.join('').includes('c1'));
});

test('[social:error status 500] an inner error is logged with the request id and says nothing outside', async (t) => {
  const { call, lines } = await startSocial(t);
  const { status, body, text } = await call('GET', '/boom', { headers: { 'x-request-id': 'find-me' } });
  assert.equal(status, 500);
  assert.deepEqual(body, { success: false, message: 'Internal server error', code: 'INTERNAL_ERROR' });
  assert.ok(!text.includes('canary'));
  const line = lines.find((entry) => entry.includes('request failed'));
  assert.ok(line?.includes('"reqId":"find-me"') && line.includes('the canary of an inner error'));
});

test('[social:error format] what the framework refuses is said in the envelope too', async (t) => {
  const { call, url } = await startSocial(t);
  const login = (body: unknown, headers = {}) => call('POST', '/api/v1/auth/login', { body, headers });
  const cases = {
    'unknown path': [await call('GET', '/nowhere'), 404, 'NOT_FOUND'],
    'unknown path of the door': [await call('GET', '/api/v1/nowhere'), 404, 'NOT_FOUND'],
    'other method': [await call('DELETE', '/api/v1/auth/login'), 404, 'NOT_FOUND'],
    'malformed JSON': [await login('{"email":'), 400, 'VALIDATION_ERROR'],
    'no body': [await call('POST', '/api/v1/auth/login'), 400, 'VALIDATION_ERROR'],
    'empty body': [await login(''), 400, 'VALIDATION_ERROR'],
    'prototype poisoning': [await login('{"__proto__":{"x":1}}'), 400, 'VALIDATION_ERROR'],
    'constructor poisoning': [await login('{"constructor":{"prototype":{"x":1}}}'), 400, 'VALIDATION_ERROR'],
    text: [await login('email=a', { 'content-type': 'text/plain' }), 400, 'VALIDATION_ERROR'],
    form: [await login('email=a', { 'content-type': 'application/x-www-form-urlencoded' }), 400, 'VALIDATION_ERROR'],
    'broken type': [await login('{}', { 'content-type': 'application/json\tx' }), 400, 'VALIDATION_ERROR'],
    'above 1 MB': [await login(`{"email":"${'x'.repeat(1_100_000)}"}`), 413, 'VALIDATION_ERROR'],
    'broken address': [await call('GET', '/api/v1/%zz'), 400, 'VALIDATION_ERROR'],
  } as const;
  for (const [name, [reply, status, code]] of Object.entries(cases)) {
    assert.equal(reply.status, status, name);
    assert.deepEqual(Object.keys(reply.body), ['success', 'message', 'code'], name);
    assert.deepEqual([reply.body['success'], reply.body['code']], [false, code], name);
    assert.match(reply.headers.get('content-type') ?? '', /^application\/json/, name);
  }
  const unreadable = await raw(url, 'NONSENSE\r\n\r\n');
  assert.match(unreadable, /^HTTP\/1\.1 400 /);
  assert.match(unreadable, /"code":"VALIDATION_ERROR"/);
});

test('the longest prefix decides whose envelope answers, at path borders only', async (t) => {
  const http = createHttp({ logger: silent });
  http.setEnvelope('/', () => ({ status: 404, body: { door: 'root' } }));
  http.setEnvelope('/api/v1', () => ({ status: 404, body: { door: 'social' } }));
  http.setEnvelope('/api/v1/meetings', () => ({ status: 404, body: { door: 'meetings' } }));
  t.after(() => http.app.close());
  const doorOf = async (url: string) => (await http.app.inject({ url })).json().door;
  assert.equal(await doorOf('/x'), 'root');
  assert.equal(await doorOf('/api/v10'), 'root');
  assert.equal(await doorOf('/api/v1?x=1'), 'social');
  assert.equal(await doorOf('/api/v1/meetingsx'), 'social');
  assert.equal(await doorOf('/api/v1/meetings/1'), 'meetings');
});

test('threat G-8: X-Forwarded-For is believed from the listed proxies only', async (t) => {
  const addressOf = async (trustProxy?: string) => {
    const http = createHttp({ logger: silent, trustProxy });
    http.app.get('/ip', async ({ ip }) => ({ ip }));
    t.after(() => http.app.close());
    const url = await http.app.listen({ host: '127.0.0.1', port: 0 });
    const headers = {
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
    };
    const answer = (await (await fetch(`${url}/ip`, { headers })).json()) as { ip: string };
    return answer.ip;
  };
  assert.equal(await addressOf(), '127.0.0.1');
  assert.equal(await addressOf('10.0.0.0/8'), '127.0.0.1');
  assert.equal(await addressOf('10.0.0.0/8, 127.0.0.1'), '203.0.113.9');
  for (const wrong of ['true', '1', '*', '10.0.0.0/33', 'proxy.example', '10.0.0.0/8/8']) {
    assert.throws(() => createHttp({ logger: silent, trustProxy: wrong }), /TRUST_PROXY/);
  }
});

test('threat G-9: CORS: any origin without credentials by default, only the named ones with credentials when named', async (t) => {
  const open = await startSocial(t);
  const origin = { origin: 'https://app.example' };
  const anyone = await open.call('GET', '/health', { headers: origin });
  assert.equal(anyone.headers.get('access-control-allow-origin'), '*');
  assert.equal(anyone.headers.get('access-control-allow-credentials'), null);
  const preflight = {
    ...origin,
    'access-control-request-method': 'DELETE',
    'access-control-request-headers': 'authorization',
  };
  const asked = await open.call('OPTIONS', '/api/v1/auth/me', { headers: preflight });
  assert.equal(asked.status, 204);
  assert.match(asked.headers.get('access-control-allow-methods') ?? '', /DELETE/);

  const named = await startSocial(t, { corsOrigins: 'https://app.example, https://other.example' });
  const friend = await named.call('GET', '/health', { headers: origin });
  assert.equal(friend.headers.get('access-control-allow-origin'), 'https://app.example');
  assert.equal(friend.headers.get('access-control-allow-credentials'), 'true');
  const nobody = await startSocial(t, { corsOrigins: ',' });
  const unnamed = await nobody.call('GET', '/health', { headers: origin });
  assert.equal(unnamed.headers.get('access-control-allow-origin'), null, 'a list of nobody is not a list of everybody');
  for (const foreign of ['https://evil.example', 'null', 'https://app.example.evil.example']) {
    const refused = await named.call('GET', '/health', { headers: { origin: foreign } });
    assert.equal(refused.headers.get('access-control-allow-origin'), null);
  }
});

test('every answer carries the security headers', async (t) => {
  const { call } = await startSocial(t);
  for (const path of ['/health', '/nowhere']) {
    const { headers } = await call('GET', path);
    const policy = headers.get('content-security-policy') ?? '';
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*/);
    assert.equal(headers.get('x-content-type-options'), 'nosniff');
    assert.equal(headers.get('x-powered-by'), null);
  }
});

test('a connection that never sends a request is closed', async (t) => {
  const { url } = await startSocial(t, { silentSeconds: 1 });
  const answer = await raw(url, '');
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.match(await raw(url, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '), /^HTTP\/1\.1 408 /);
});

test('an address full of what looks like secrets is logged at once, without its query', () => {
  const long = `/${'?'.repeat(3_000)}${'key'.repeat(3_000)}`;
  const started = performance.now();
  assert.equal(loggableUrl(long), '/');
  assert.equal(loggableUrl('/a/b;token=x?y'), '/a/b');
  assert.ok(performance.now() - started < 1_000);
});
