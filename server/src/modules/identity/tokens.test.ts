import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import test from 'node:test';
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import { codeOf, here, openTestIdentity, testSecret } from '../../../test/support/identity.ts';

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Any header and payload with a correct HMAC of our own key, which only we could make. */
function forged(
  header: unknown,
  payload: unknown,
  { key = testSecret, hash = 'sha256' }: { key?: Buffer; hash?: string } = {},
) {
  const input = `${encoded(header)}.${encoded(payload)}`;
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
}

test('no token is accepted that was tampered with, is of another kind, or names what does not live', async (t) => {
  const { identity, clock } = await openTestIdentity(t);
  const real = await identity.register({ username: 'ada', email: 'ada@example.org', password: 'Password123' }, here);
  const other = await identity.register({ username: 'bob', email: 'bob@example.org', password: 'Password123' }, here);
  const [head = '', body = '', signature = ''] = real.accessToken.split('.');
  const claims: JWTPayload = JSON.parse(Buffer.from(body, 'base64url').toString());
  const header: JWTHeaderParameters = JSON.parse(Buffer.from(head, 'base64url').toString());
  assert.equal((await identity.authenticate(forged(header, claims))).id, real.principal.id);

  const now = clock.now() / 1_000;
  const { sub: _sub, ...nobody } = claims;
  const { sid: _sid, ...noSession } = claims;
  const { exp: _exp, ...forever } = claims;
  const { iat: _iat, ...undated } = claims;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const corpus: Record<string, string> = {
    empty: '',
    dots: '..',
    words: 'not a token',
    'two parts': `${head}.${body}`,
    'four parts': `${real.accessToken}.x`,
    'no signature': `${head}.${body}.`,
    'cut signature': real.accessToken.slice(0, -4),
    'other signature': `${head}.${body}.${[...signature].reverse().join('')}`,
    'signature of another': `${head}.${body}.${other.accessToken.split('.')[2]}`,
    'payload of another': `${head}.${other.accessToken.split('.')[1]}.${signature}`,
    'header swapped': `${encoded({ ...header, kid: '1' })}.${body}.${signature}`,
    none: `${encoded({ alg: 'none', typ: 'at+jwt' })}.${body}.`,
    'none with a signature': `${encoded({ alg: 'none', typ: 'at+jwt' })}.${body}.${signature}`,
    None: `${encoded({ alg: 'None', typ: 'at+jwt' })}.${body}.`,
    'no algorithm': forged({ typ: 'at+jwt' }, claims),
    HS384: forged({ ...header, alg: 'HS384' }, claims, { hash: 'sha384' }),
    HS512: forged({ ...header, alg: 'HS512' }, claims, { hash: 'sha512' }),
    'another key': forged(header, claims, { key: Buffer.from('another secret of at least 32 bytes!') }),
    'empty key': forged(header, claims, { key: Buffer.alloc(0) }),
    'another kid': forged({ ...header, kid: '../../dev/null' }, claims, { key: Buffer.alloc(0) }),
    jku: forged({ ...header, jku: 'https://example.org/keys' }, claims, {
      key: Buffer.from('of example.org, 32 bytes and more'),
    }),
    RS256: await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'at+jwt' }).sign(rsa.privateKey),
    'public key as secret': forged(header, claims, {
      key: Buffer.from(rsa.publicKey.export({ type: 'spki', format: 'pem' })),
    }),
    'critical extension': forged({ ...header, crit: ['exp'] }, claims),
    'unencoded payload': forged({ ...header, b64: false, crit: ['b64'] }, claims),
    'type of another token': forged({ ...header, typ: 'JWT' }, claims),
    'type of a refresh token': forged({ ...header, typ: 'rt+jwt' }, claims),
    'no type': forged({ alg: 'HS256' }, claims),
    'another issuer': forged(header, { ...claims, iss: 'livekit' }),
    'another audience': forged(header, { ...claims, aud: 'jitsi' }),
    'no audience': forged(header, { ...claims, aud: [] }),
    'no subject': forged(header, nobody),
    'no session': forged(header, noSession),
    'no expiry': forged(header, forever),
    'no date': forged(header, undated),
    expired: forged(header, { ...claims, exp: now }),
    'expiry as text': forged(header, { ...claims, exp: '9999999999' }),
    'not yet': forged(header, { ...claims, nbf: now + 60 }),
    'somebody else': forged(header, { ...claims, sub: other.principal.id }),
    'session of another': forged(header, { ...claims, sid: other.principal.sessionId }),
    'unknown session': forged(header, { ...claims, sid: '00000000-0000-7000-8000-000000000000' }),
    'session that is no id': forged(header, { ...claims, sid: "' OR 1=1 --" }),
    'subject as object': forged(header, { ...claims, sub: { id: real.principal.id } }),
    'array payload': forged(header, [claims]),
    'text payload': forged(header, 'claims'),
    'null payload': forged(header, null),
    LiveKit: forged({ alg: 'HS256' }, { iss: 'key', sub: real.principal.id, video: { room: 'x' }, exp: now + 600 }),
    'refresh token': real.refreshToken,
    'very long': `${head}.${'A'.repeat(100_000)}.${signature}`,
  };
  assert.ok(Object.keys(corpus).length >= 40);
  for (const [name, token] of Object.entries(corpus)) {
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
