import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { codeOf, here } from '../../../test/support/identity.ts';
import { type Reply, startSocial } from '../../../test/support/social.ts';

const ada = { username: 'ada', email: 'ada@example.org', password: 'Password123' };
const changed = 'Another-Password-4';

const failure = ({ status, body }: Reply) => [status, body['success'], body['code']];
const done = ({ status, body }: Reply) => [status, body['message'], body['data']];

async function openHouse(t: TestContext, settings: NonNullable<Parameters<typeof startSocial>[1]>['settings'] = {}) {
  const house = await startSocial(t, { settings });
  const { call, identity } = house;
  const made = await identity.register(ada, here);
  const post = (path: string, body: unknown, token?: string) =>
    call('POST', `/api/v1/auth/${path}`, { body, ...(token === undefined ? {} : { token }) });
  const login = async (password: string) => (await post('login', { email: ada.email, password })).status;
  const lives = async (token: string) => (await call('GET', '/api/v1/auth/me', { token })).status === 200;
  return { ...house, made, post, login, lives };
}

test('who knows their password changes it; every other session ends, and the old one is worth nothing', async (t) => {
  const { identity, made, post, login, lives } = await openHouse(t);
  const other = await identity.login(ada, here);
  const body = { currentPassword: ada.password, newPassword: changed };
  assert.deepEqual(failure(await post('password', body)), [401, false, 'UNAUTHORIZED']);
  const wrong = { ...body, currentPassword: 'Wrong-password1' };
  assert.deepEqual(failure(await post('password', wrong, made.accessToken)), [403, false, 'FORBIDDEN']);
  for (const newPassword of ['short1A', 'all-small-letters-1', 7]) {
    const weak = { ...body, newPassword };
    assert.deepEqual(failure(await post('password', weak, made.accessToken)), [400, false, 'VALIDATION_ERROR']);
  }
  assert.deepEqual([await lives(other.accessToken), await login(changed)], [true, 401]);
  const reply = await post('password', body, made.accessToken);
  assert.deepEqual(done(reply), [200, 'Password changed successfully', null]);
  assert.deepEqual([await lives(made.accessToken), await lives(other.accessToken)], [true, false]);
  assert.equal(await codeOf(identity.refresh(other.refreshToken)), 'INVALID_REFRESH_TOKEN');
  assert.deepEqual([await login(ada.password), await login(changed)], [401, 200]);
});

test('of parallel changes one counts, and no login with the old password outlives it', async (t) => {
  const { identity, made, lives } = await openHouse(t);
  const logins = Array.from({ length: 4 }, () => identity.login(ada, here).catch(() => undefined));
  const changes = Array.from({ length: 4 }, (_, n) =>
    codeOf(
      identity.changePassword(made.principal, {
        currentPassword: ada.password,
        newPassword: `${changed}${n}`,
        origin: here,
      }),
    ),
  );
  const outcomes = await Promise.all(changes);
  assert.deepEqual(
    outcomes.filter((code) => code !== 'WRONG_PASSWORD'),
    ['no refusal'],
  );
  for (const session of await Promise.all(logins)) {
    if (session !== undefined) assert.equal(await lives(session.accessToken), false);
  }
});

test('wrong current passwords count as those of logins do', async (t) => {
  const { identity, made } = await openHouse(t, { LOGIN_ATTEMPTS: { count: 3, seconds: 900 } });
  const change = { currentPassword: 'Wrong-password1', newPassword: changed, origin: here };
  const codes = await Promise.all(
    Array.from({ length: 5 }, () => codeOf(identity.changePassword(made.principal, change))),
  );
  assert.deepEqual(codes.sort(), [
    ...Array.from({ length: 2 }, () => 'RATE_LIMITED'),
    ...Array.from({ length: 3 }, () => 'WRONG_PASSWORD'),
  ]);
  assert.equal(await codeOf(identity.login(ada, { ...here, address: '192.0.2.77' })), 'RATE_LIMITED');
});

test('a code sets a new password once, however it is written, and ends every session', async (t) => {
  const { identity, sql, made, post, login, lives } = await openHouse(t);
  const old = await identity.resetCode('ADA@example.org');
  const code = await identity.resetCode(ada.email);
  assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/);
  assert.equal(await codeOf(identity.resetCode('nobody@example.org')), 'ACCOUNT_NOT_FOUND');
  const stored = JSON.stringify(await sql.statement('SELECT * FROM password_resets').all());
  assert.ok(!stored.includes(code) && !stored.includes(code.replaceAll('-', '')));
  const reset = (fields: object) => post('reset', { email: ada.email, code, password: changed, ...fields });
  assert.deepEqual(failure(await reset({ password: 'weak' })), [400, false, 'VALIDATION_ERROR']);
  assert.deepEqual(failure(await reset({ code: old })), [401, false, 'UNAUTHORIZED']);
  const unknown = await reset({ email: 'nobody@example.org' });
  assert.equal(unknown.text, (await reset({ code: 'AAAA-AAAA-AAAA-AAAA' })).text);
  const written = ` ${code.toLowerCase().replaceAll('-', ' ').replaceAll('1', 'l').replaceAll('0', 'o')}`;
  const replies = await Promise.all([reset({ code: written }), reset({ code: written })]);
  assert.deepEqual(replies.map(({ status }) => status).sort(), [200, 401]);
  assert.deepEqual(done(replies.find(({ status }) => status === 200) ?? unknown), [
    200,
    'Password reset successfully',
    null,
  ]);
  assert.deepEqual([await lives(made.accessToken), await login(ada.password), await login(changed)], [false, 401, 200]);
});

test('every try and every request for a code writes one row, whether the account, the code or neither exists', async (t) => {
  const { identity, sql, clock } = await openHouse(t);
  const total = async () => {
    const [row] = await sql.statement<{ n: number }>('SELECT sum(tries) AS n FROM password_resets').all();
    return Number(row?.n);
  };
  const guess = async (email: string): Promise<number> => {
    const before = await total();
    const tried = { email, code: 'AAAA-AAAA-AAAA-AAAA', password: changed };
    assert.equal(await codeOf(identity.resetPassword(tried, here)), 'INVALID_CODE');
    return (await total()) - before;
  };
  const written: number[] = [await guess(ada.email), await guess('nobody@example.org')];
  await identity.resetCode(ada.email);
  for (let n = 0; n < 6; n += 1) written.push(await guess(ada.email));
  await identity.resetCode(ada.email);
  clock.forward(30 * 60_000);
  await identity.forgetExpired(10);
  written.push(await guess(ada.email), await guess('nobody@example.org'));
  assert.deepEqual(
    written,
    Array.from({ length: 10 }, () => 1),
  );
  const codes = async () => JSON.stringify(await sql.statement('SELECT * FROM password_resets').all());
  for (const email of [ada.email, 'nobody@example.org']) {
    const before = await codes();
    await identity.resetCode(email).catch(() => undefined);
    assert.notEqual(await codes(), before, email);
  }
});

test('a code ends after five tries, after 30 minutes, and with a change of the password', async (t) => {
  const { identity, clock, made } = await openHouse(t);
  const reset = (code: string) => codeOf(identity.resetPassword({ email: ada.email, code, password: changed }, here));
  const first = await identity.resetCode(ada.email);
  const guesses = await Promise.all(Array.from({ length: 5 }, () => reset('AAAA-AAAA-AAAA-AAAA')));
  assert.deepEqual(new Set(guesses), new Set(['INVALID_CODE']));
  assert.equal(await reset(first), 'INVALID_CODE');
  const second = await identity.resetCode(ada.email);
  clock.forward(30 * 60_000);
  assert.equal(await reset(second), 'INVALID_CODE');
  const third = await identity.resetCode(ada.email);
  await identity.changePassword(made.principal, { currentPassword: ada.password, newPassword: changed, origin: here });
  assert.equal(await reset(third), 'INVALID_CODE');
  assert.equal(await reset(await identity.resetCode(ada.email)), 'no refusal');
});

test('guesses at codes are limited by address', async (t) => {
  const { post } = await openHouse(t, { LOGIN_ATTEMPTS: { count: 3, seconds: 900 } });
  const guess = { email: ada.email, code: 'AAAA-AAAA-AAAA-AAAA', password: changed };
  const replies = await Promise.all(Array.from({ length: 5 }, () => post('reset', guess)));
  assert.deepEqual(replies.map(({ status }) => status).sort(), [401, 401, 401, 429, 429]);
});

test('without a mail server a request for a code says how to get one', async (t) => {
  const { post } = await openHouse(t);
  const known = await post('forgot', { email: ada.email });
  assert.deepEqual([known.status, known.body['data']], [200, null]);
  assert.match(String(known.body['message']), /rendezvous user reset EMAIL/);
  assert.equal((await post('forgot', { email: 'nobody@example.org' })).text, known.text);
  assert.deepEqual(failure(await post('forgot', { email: 'no email' })), [400, false, 'VALIDATION_ERROR']);
});
