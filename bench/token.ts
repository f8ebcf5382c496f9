/** Access tokens of the bare servers: the same algorithm, claims and checks as the real ones. */
import { randomUUID } from 'node:crypto';
import { type JWTVerifyOptions, SignJWT } from 'jose';

/** What every check of a token demands. */
export const TOKEN_RULES = {
  algorithms: ['HS256'],
  issuer: 'rendezvous',
  audience: 'rendezvous',
  typ: 'at+jwt',
} satisfies JWTVerifyOptions;

/** The signing key for a secret of at least 32 characters. */
export function tokenKey(secret: string): Uint8Array {
  if (secret.length < 32) throw new Error('JWT_SECRET needs at least 32 characters');
  return new TextEncoder().encode(secret);
}

/** Signs a token for an account that exists only in the token; `groups` are the rooms the bare server lets it join. */
export function signToken(secret: string, userId: string, groups: string[] = []): Promise<string> {
  return new SignJWT({ sid: randomUUID(), role: 'USER', groups })
    .setProtectedHeader({ alg: TOKEN_RULES.algorithms[0] ?? 'HS256', typ: TOKEN_RULES.typ })
    .setSubject(userId)
    .setIssuer(TOKEN_RULES.issuer)
    .setAudience(TOKEN_RULES.audience)
    .setIssuedAt()
    .setExpirationTime('12h')
    .sign(tokenKey(secret));
}
