import assert from 'node:assert/strict';
import test from 'node:test';
import { ada, login, signUp } from '../../../test/support/auth.ts';
import { startSocial } from '../../../test/support/social.ts';

const tooMany = {
  success: false,
  message: 'Too many requests, please try again later.',
  code: 'RATE_LIMIT_EXCEEDED',
};

test('[social:limit rate register 5 per 15 minutes] [social:limit rate login 5 per 15 minutes] [social:limit rate authentication per IP] one counter per endpoint and address, all attempts count', async (t) => {
  const settings = { RATE_LIMIT_AUTH: { count: 5, seconds: 900 } };
  const { call, clock } = await startSocial(t, { settings, trustProxy: '' });
  const resetAt = String(clock.now() / 1_000 + 900);
  for (let n = 1; n <= 5; n += 1) {
    const forged = {
      'x-forwarded-for': `203.0.113.${n}`,
      'x-real-ip': `203.0.113.${n}`,
      forwarded: `for=203.0.113.${n}`,
    };
    const reply = await login(call, n % 2 === 0 ? { nonsense: true } : ada, forged);
    assert.equal(reply.status, n % 2 === 0 ? 400 : 401);
    assert.equal(reply.headers.get('x-ratelimit-limit'), '5');
    assert.equal(reply.headers.get('x-ratelimit-remaining'), String(5 - n));
    assert.equal(reply.headers.get('x-ratelimit-reset'), resetAt);
  }
  const refused = await login(call, ada, { 'x-forwarded-for': '203.0.113.99' });
  assert.equal(refused.status, 429);
  assert.deepEqual(refused.body, tooMany);
  assert.equal(refused.headers.get('retry-after'), '900');
  assert.equal(refused.headers.get('x-ratelimit-remaining'), '0');
  await signUp(call);
  clock.forward(900_000);
  assert.equal((await login(call)).status, 200);
});

test('[social:limit rate general API 100 per 15 minutes per IP] [social:header X-RateLimit-Limit] [social:header X-RateLimit-Remaining] [social:header X-RateLimit-Reset] [social:error RATE_LIMIT_EXCEEDED] [social:error status 429] what has its own limit, or none, is not counted', async (t) => {
  const { call, clock } = await startSocial(t, { settings: { RATE_LIMIT_GENERAL: { count: 3, seconds: 900 } } });
  const { accessToken } = await signUp(call);
  for (let n = 0; n < 5; n += 1) {
    assert.equal((await login(call)).status, 200);
    const health = await call('GET', '/api/v1/health');
    assert.equal(health.status, 200);
    assert.equal(health.headers.get('x-ratelimit-limit'), null);
  }
  for (let left = 2; left >= 0; left -= 1) {
    const { status, headers } = await call('GET', '/api/v1/auth/me', left === 1 ? {} : { token: accessToken });
    assert.equal(status, left === 1 ? 401 : 200);
    assert.equal(headers.get('x-ratelimit-limit'), '3');
    assert.equal(headers.get('x-ratelimit-remaining'), String(left));
    assert.equal(headers.get('x-ratelimit-reset'), String(clock.now() / 1_000 + 900));
  }
  const refused = await call('GET', '/api/v1/auth/me', { token: accessToken });
  assert.equal(refused.status, 429);
  assert.deepEqual(refused.body, tooMany);
  assert.equal((await login(call)).status, 200);
});

test('failed passwords are counted for one account across addresses, beside the limit of the endpoint', async (t) => {
  const settings = { LOGIN_ATTEMPTS: { count: 2, seconds: 900 } };
  const { call } = await startSocial(t, { settings, trustProxy: '127.0.0.1' });
  await signUp(call);
  const from = (n: number) => ({ 'x-forwarded-for': `203.0.113.${n}` });
  for (let n = 1; n <= 2; n += 1)
    assert.equal((await login(call, { ...ada, password: 'Wrong1234' }, from(n))).status, 401);
  const refused = await login(call, ada, from(3));
  assert.equal(refused.status, 429);
  assert.deepEqual(refused.body, tooMany);
  assert.equal(refused.headers.get('retry-after'), '900');
});
