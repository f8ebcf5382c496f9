import { createHash, createHmac, createSecretKey, hash, hkdfSync, randomBytes } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Role } from '../../kernel/principal.ts';
import { identityErrors } from './errors.ts';

const issuer = 'rendezvous';
/** What RFC 9068 calls access tokens; no other kind of token of ours has it, so none is taken for one. */
const accessType = 'at+jwt';
/** A token of ours has about 400 characters. */
const longestToken = 4_096;
/** How long after it was issued an expired token may continue a connection, in seconds. */
const continuationSeconds = 12 * 3_600;

/**
 * What an access token says; whether its session still lives is the database's to say. `until`: milliseconds, only for
 * a continuation; a connection that began with a live token lasts as long as the session.
 */
type Claims = Readonly<{ id: string; sessionId: string; until?: number }>;

export interface AccessTokens {
  /** `until`: milliseconds; no token outlives its session. */
  issue(holder: { id: string; sessionId: string; role: Role; until: number }): Promise<string>;
  /** Refuses INVALID_TOKEN. With `continuation` an expired token passes for 12 hours after it was issued. */
  verify(token: string, options?: { continuation?: boolean }): Promise<Claims>;
}

/** Tokens that are remembered as verified, by a hash of 44 characters; when there are more, all are forgotten. */
const rememberedTokens = 20_000;

/**
 * `verify` remembers what it found good until it expires: neither the signature of a text nor what it says ever changes,
 * and a client asks hundreds of times with one token. Whether its session lives is not remembered anywhere.
 */
export function buildAccessTokens(secret: Uint8Array, clock: Clock, seconds: number): AccessTokens {
  /** `expires`: seconds, as in the token. */
  const verified = new Map<string, { claims: Claims; expires: number }>();
  const remember = (key: string, { exp, nbf }: JWTPayload, claims: Claims): void => {
    // None of ours begins later than it is issued.
    if (exp === undefined || nbf !== undefined) return;
    if (verified.size >= rememberedTokens) verified.clear();
    verified.set(key, { claims, expires: exp });
  };
  // Imported once: jose would do it again for every token that it is given bytes for.
  const imported = crypto.subtle.importKey('raw', Buffer.from(secret), { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ]);
  return {
    async issue({ id, sessionId, role, until }) {
      const now = Math.floor(clock.now() / 1_000);
      return new SignJWT({ sid: sessionId, role, userId: id })
        .setProtectedHeader({ alg: 'HS256', typ: accessType })
        .setSubject(id)
        .setIssuer(issuer)
        .setAudience(issuer)
        .setIssuedAt(now)
        .setExpirationTime(Math.min(now + seconds, Math.floor(until / 1_000)))
        .sign(await imported);
    },
    async verify(token, { continuation = false } = {}) {
      if (token.length > longestToken) throw new Refusal(identityErrors.INVALID_TOKEN);
      const now = clock.now();
      // Not the text: a slice of what somebody sent would hold all of it.
      const key = hash('sha256', token, 'base64');
      const known = verified.get(key);
      if (known !== undefined && known.expires > Math.floor(now / 1_000)) return known.claims;
      if (!isPlain(token)) throw new Refusal(identityErrors.INVALID_TOKEN);
      try {
        const { payload } = await jwtVerify(token, await imported, {
          algorithms: ['HS256'],
          issuer,
          audience: issuer,
          typ: accessType,
          requiredClaims: ['sub', 'sid', 'iat', 'exp'],
          currentDate: new Date(now),
        });
        const claims = claimsOf(payload);
        remember(key, payload, claims);
        return claims;
      } catch (error) {
        verified.delete(key);
        const payload = continuation ? expired(error) : undefined;
        const until = ((payload?.iat ?? Number.NEGATIVE_INFINITY) + continuationSeconds) * 1_000;
        if (payload !== undefined && now <= until) return { ...claimsOf(payload), until };
        throw new Refusal(identityErrors.INVALID_TOKEN, { cause: error });
      }
    },
  };
}

/**
 * Whether a token is spelled as it was issued (RFC 7515): decoders pass over blanks, padding and the spare bits of the last
 * character, and one signature would stand for any number of tokens.
 */
function isPlain(token: string): boolean {
  const signature = /^[\w-]+\.[\w-]+\.([\w-]+)$/.exec(token)?.[1];
  return signature !== undefined && Buffer.from(signature, 'base64url').toString('base64url') === signature;
}

/** jose looks at the expiry after the signature and every other claim, so this is all that was wrong. */
const expired = (error: unknown): JWTPayload | undefined =>
  error instanceof errors.JWTExpired && error.claim === 'exp' ? error.payload : undefined;

function claimsOf({ sub, sid }: JWTPayload): Claims {
  if (typeof sub !== 'string' || typeof sid !== 'string') throw new Refusal(identityErrors.INVALID_TOKEN);
  return { id: sub, sessionId: sid };
}

/** The stored form of refresh tokens and service keys, which are random enough to need no salt. */
export const secretHash = (text: string): Uint8Array => createHash('sha256').update(text).digest();

export const newRefreshToken = (): string => `rt_${randomBytes(32).toString('base64url')}`;

const keyPrefix = 'rk_';

export const newServiceKey = (): string => `${keyPrefix}${randomBytes(32).toString('base64url')}`;

/** Whether somebody who gives this means a service key; access tokens begin otherwise. */
export const isServiceKey = (given: string): boolean => given.startsWith(keyPrefix);

/** 32 characters, none of which looks like another: what people read as I, L or O is a digit. */
const codeLetters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** 80 random bits for people to copy: four groups of four characters. */
export function newCode(): string {
  const letters = [...randomBytes(16)].map((byte) => codeLetters[byte % 32]);
  return [0, 4, 8, 12].map((start) => letters.slice(start, start + 4).join('')).join('-');
}

/** The stored form of a code, however it was written. */
export const codeHash = (code: string): Uint8Array =>
  secretHash(
    code
      .toUpperCase()
      .replaceAll(/[^0-9A-Z]/g, '')
      .replaceAll(/[IL]/g, '1')
      .replaceAll('O', '0'),
  );

/**
 * The successor of a refresh token, by HMAC with a key of its own: a client whose answer was lost gets the same one
 * again, although only hashes are stored.
 */
export function refreshSuccession(secret: Uint8Array): (token: string) => string {
  const key = createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', 'rendezvous refresh token', 32)));
  return (token) => `rt_${createHmac('sha256', key).update(token).digest('base64url')}`;
}
