import { createHmac, generateKeyPairSync } from 'node:crypto';
import { type JWTHeaderParameters, type JWTPayload, SignJWT } from 'jose';
import type { SignedIn } from '../../src/modules/identity/index.ts';

const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Any header and payload with a correct HMAC of this key. */
function forged(header: unknown, payload: unknown, key: Uint8Array, hash = 'sha256'): string {
  const input = `${encoded(header)}.${encoded(payload)}`;
  return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
}

/** `key`: the one that signs access tokens, which only the server has. `now`: seconds. */
type Needs = Readonly<{ real: SignedIn; other: SignedIn; key: Uint8Array; now: number }>;
type Parts = Needs &
  Readonly<{ head: string; body: string; signature: string; header: JWTHeaderParameters; claims: JWTPayload }>;

/**
 * Tokens that must not be taken, by what is wrong with them, and one forged with the right key that is; without it the
 * others might be refused for how they were made. All but `expired` never continue a connection either.
 */
export async function tamperedTokens(needs: Needs): Promise<{ good: string; bad: Readonly<Record<string, string>> }> {
  const [head = '', body = '', signature = ''] = needs.real.accessToken.split('.');
  const claims: JWTPayload = JSON.parse(Buffer.from(body, 'base64url').toString());
  const header: JWTHeaderParameters = JSON.parse(Buffer.from(head, 'base64url').toString());
  const parts: Parts = { ...needs, head, body, signature, header, claims };
  const bad = { ...mangled(parts), ...(await wronglySigned(parts)), ...headed(parts), ...claiming(parts) };
  return { good: forged(header, claims, needs.key), bad };
}

/** Another last character that decoders take for the same: of its six bits two stand for nothing. */
function spareBits(signature: string): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return letters[letters.indexOf(signature.at(-1) ?? 'A') ^ 1] ?? '';
}

const mangled = ({ real, other, head, body, signature, header }: Parts) => ({
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
  'refresh token': real.refreshToken,
  padded: `${real.accessToken}=`,
  'spare bits': `${head}.${body}.${signature.slice(0, -1)}${spareBits(signature)}`,
  'very long': `${head}.${'A'.repeat(100_000)}.${signature}`,
});

async function wronglySigned({ key, header, claims }: Parts): Promise<Record<string, string>> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const publicKey = Buffer.from(rsa.publicKey.export({ type: 'spki', format: 'pem' }));
  const theirs = Buffer.from('of example.org, 32 bytes and more');
  return {
    HS384: forged({ ...header, alg: 'HS384' }, claims, key, 'sha384'),
    HS512: forged({ ...header, alg: 'HS512' }, claims, key, 'sha512'),
    'another key': forged(header, claims, Buffer.from('another secret of at least 32 bytes!')),
    'empty key': forged(header, claims, Buffer.alloc(0)),
    'another kid': forged({ ...header, kid: '../../dev/null' }, claims, Buffer.alloc(0)),
    jku: forged({ ...header, jku: 'https://example.org/keys' }, claims, theirs),
    jwk: forged({ ...header, jwk: { kty: 'oct', k: theirs.toString('base64url') } }, claims, theirs),
    RS256: await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'at+jwt' }).sign(rsa.privateKey),
    'public key as secret': forged(header, claims, publicKey),
  };
}

const headed = ({ key, header, claims }: Parts) => ({
  'no algorithm': forged({ typ: 'at+jwt' }, claims, key),
  'critical extension': forged({ ...header, crit: ['exp'] }, claims, key),
  'unencoded payload': forged({ ...header, b64: false, crit: ['b64'] }, claims, key),
  'type of another token': forged({ ...header, typ: 'JWT' }, claims, key),
  'type of a refresh token': forged({ ...header, typ: 'rt+jwt' }, claims, key),
  'no type': forged({ alg: 'HS256' }, claims, key),
});

function claiming({ real, other, key, header, claims, now }: Parts): Record<string, string> {
  const { sub: _sub, ...nobody } = claims;
  const { sid: _sid, ...noSession } = claims;
  const { exp: _exp, ...forever } = claims;
  const { iat: _iat, ...undated } = claims;
  const video = { iss: 'key', sub: real.principal.id, video: { room: 'x' }, exp: now + 600 };
  const wrong: Record<string, unknown> = {
    'another issuer': { ...claims, iss: 'livekit' },
    'another audience': { ...claims, aud: 'jitsi' },
    'no audience': { ...claims, aud: [] },
    'no subject': nobody,
    'no session': noSession,
    'no expiry': forever,
    'no date': undated,
    expired: { ...claims, exp: now },
    'expiry as text': { ...claims, exp: '9999999999' },
    'not yet': { ...claims, nbf: now + 60 },
    'somebody else': { ...claims, sub: other.principal.id },
    'session of another': { ...claims, sid: other.principal.sessionId },
    'unknown session': { ...claims, sid: '00000000-0000-7000-8000-000000000000' },
    'session that is no id': { ...claims, sid: "' OR 1=1 --" },
    'subject as object': { ...claims, sub: { id: real.principal.id } },
    'array payload': [claims],
    'text payload': 'claims',
    'null payload': null,
    LiveKit: video,
  };
  return Object.fromEntries(Object.entries(wrong).map(([name, payload]) => [name, forged(header, payload, key)]));
}
