import { hkdfSync, randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** The server must not start like this; the message says what to do. */
export class StartRefused extends Error {
  override name = 'StartRefused';
}

export type Secrets = Readonly<{
  /** Signs access tokens. */
  tokens: Uint8Array;
  /** A key for another purpose, of 32 bytes: the same for the same label and secret, and useless for any other. */
  keyFor: (label: string) => Uint8Array;
}>;

export type SecretSettings = Readonly<{
  NODE_ENV: 'development' | 'production';
  DATA_DIR: string;
  JWT_SECRET?: string | undefined;
}>;

const shortest = 32;

/** Printed in documents and examples, or typed by everybody; compared without regard to case and repetition. */
const wellKnown = [
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
  'your-256-bit-secret',
  'your-secret-key',
  'your-secret',
  'your_jwt_secret',
  'supersecret',
  'super-secret',
  'change-me',
  'changeme',
  'jwt-secret',
  'secret',
  'password',
  'rendezvous',
  'development',
  '0123456789abcdef',
  '0123456789',
];

/** What a document tells to run, pasted in place of what it prints. */
const instruction = /openssl\s+rand|output of/i;

/**
 * The signing secret: JWT_SECRET when it is given, otherwise, in development, one made at the first start and kept in
 * the data folder, so that tokens survive a restart. Throws `StartRefused`.
 */
export function readSecrets({ NODE_ENV, DATA_DIR, JWT_SECRET }: SecretSettings): Secrets {
  if (JWT_SECRET !== undefined) return secretsFrom(strong(JWT_SECRET));
  if (NODE_ENV === 'production') {
    throw new StartRefused(
      'JWT_SECRET is not set. Production needs one of at least 32 random bytes, e.g. from: openssl rand -base64 48',
    );
  }
  return secretsFrom(Buffer.from(kept(DATA_DIR), 'base64url'));
}

const secretsFrom = (tokens: Uint8Array): Secrets => ({
  tokens,
  keyFor: (label) => new Uint8Array(hkdfSync('sha256', tokens, '', `rendezvous ${label}`, 32)),
});

function strong(secret: string): Uint8Array {
  const bytes = Buffer.from(secret, 'utf8');
  const advice = 'Use at least 32 random bytes, e.g. from: openssl rand -base64 48';
  if (bytes.length < shortest) throw new StartRefused(`JWT_SECRET has only ${bytes.length} bytes. ${advice}`);
  if (instruction.test(secret)) {
    throw new StartRefused(`JWT_SECRET is an instruction, and not what it prints. ${advice}`);
  }
  if (isGuessable(secret)) throw new StartRefused(`JWT_SECRET is a well-known or repeated text. ${advice}`);
  return bytes;
}

/** One of the well-known texts, also written several times over, or fewer than eight different characters. */
function isGuessable(secret: string): boolean {
  const text = secret.trim().toLowerCase();
  const only = (known: string) => text.includes(known) && text.replaceAll(known, '').replace(/[\W_\d]/g, '') === '';
  return new Set(text).size < 8 || wellKnown.some(only);
}

function kept(folder: string): string {
  const path = join(folder, 'secrets.json');
  const found = readKept(path);
  if (found !== undefined) return found;
  const made = randomBytes(48).toString('base64url');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // Written aside and synced first: a cut of power leaves either no file or the whole one.
  const aside = `${path}.new`;
  const file = openSync(aside, 'w', 0o600);
  writeSync(file, `${JSON.stringify({ tokens: made })}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(aside, path);
  return made;
}

function readKept(path: string): string | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new StartRefused(`${path} cannot be read: ${String(error)}`);
  }
  const secret = secretIn(text);
  if (secret !== undefined) return secret;
  throw new StartRefused(
    `${path} does not hold a secret. Delete it to have a new one made; everybody must then log in again.`,
  );
}

function secretIn(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('tokens' in value)) return undefined;
    return typeof value.tokens === 'string' && value.tokens.length >= 43 ? value.tokens : undefined;
  } catch {
    return undefined;
  }
}
