import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf, here, openTestIdentity, testSecret } from '../../../test/support/identity.ts';
import { tamperedTokens } from '../../../test/support/tampered-tokens.ts';

test('threat G-5: no token is accepted that was tampered with, is of another kind, or names what does not live', async (t) => {
  const { identity, clock } = await openTestIdentity(t);
  const real = await identity.register({ username: 'ada', email: 'ada@example.org', password: 'Password123' }, here);
  const other = await identity.register({ username: 'bob', email: 'bob@example.org', password: 'Password123' }, here);
  const { good, bad } = await tamperedTokens({ real, other, key: testSecret, now: clock.now() / 1_000 });
  assert.equal((await identity.authenticate(good)).id, real.principal.id);
  assert.ok(Object.keys(bad).length >= 40);
  for (const [name, token] of Object.entries(bad)) {
    assert.equal(await codeOf(identity.authenticate(token)), 'INVALID_TOKEN', name);
    if (name !== 'expired') {
      assert.equal(
        await codeOf(identity.authenticate(token, { continuation: true })),
        'INVALID_TOKEN',
        `${name}, continued`,
      );
    }
  }
});

test('an access token says what the design promises, and ends with its session', async (t) => {
  const { identity, clock } = await openTestIdentity(t, { ACCESS_TOKEN_SECONDS: 30 * 24 * 3_600 });
  const { accessToken, principal } = await identity.register(
    { username: 'ada', email: 'a@b.cd', password: 'Password123' },
    here,
  );
  const [head = '', body = ''] = accessToken.split('.');
  const iat = clock.now() / 1_000;
  assert.deepEqual(JSON.parse(Buffer.from(head, 'base64url').toString()), { alg: 'HS256', typ: 'at+jwt' });
  assert.deepEqual(JSON.parse(Buffer.from(body, 'base64url').toString()), {
    iss: 'rendezvous',
    aud: 'rendezvous',
    sub: principal.id,
    userId: principal.id,
    sid: principal.sessionId,
    role: 'GUEST',
    iat,
    exp: iat + 7 * 24 * 3_600,
  });
});

test('threat G-5: a token that was good before is looked at again: its end, its session, and whether it is the same', async (t) => {
  const { identity, clock } = await openTestIdentity(t, { ACCESS_TOKEN_SECONDS: 60 });
  const person = { username: 'ada', email: 'a@b.cd', password: 'Password123' };
  const { accessToken, principal } = await identity.register(person, here);
  for (let times = 0; times < 2; times += 1)
    assert.equal((await identity.authenticate(accessToken)).session, principal.session);
  const [head, body, signature = ''] = accessToken.split('.');
  const other = `${head}.${body}.${signature[0] === 'A' ? 'B' : 'A'}${signature.slice(1)}`;
  assert.equal(await codeOf(identity.authenticate(other)), 'INVALID_TOKEN');
  // A header cannot carry these; a socket's first frame can.
  for (const blank of [' ', '\n', '\t']) {
    assert.equal(await codeOf(identity.authenticate(accessToken + blank)), 'INVALID_TOKEN');
    const inside = `${head}.${body}.${signature.slice(0, 9)}${blank}${signature.slice(9)}`;
    assert.equal(await codeOf(identity.authenticate(inside)), 'INVALID_TOKEN');
  }
  clock.forward(60_000);
  for (let times = 0; times < 2; times += 1)
    assert.equal(await codeOf(identity.authenticate(accessToken)), 'INVALID_TOKEN');
  assert.equal((await identity.authenticate(accessToken, { continuation: true })).session, principal.session);
  const { accessToken: later, principal: again } = await identity.login({ ...person }, here);
  assert.equal((await identity.authenticate(later)).session, again.session);
  await identity.logoutAll(again);
  assert.equal(await codeOf(identity.authenticate(later)), 'INVALID_TOKEN');
});
