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
  /** Signs the way into calls; absent in production when JITSI_APP_SECRET is not set. */
  jitsi: Uint8Array | undefined;
  /** A key for another purpose, of 32 bytes: the same for the same label and secret, and useless for any other. */
  keyFor: (label: string) => Uint8Array;
}>;

export type SecretSettings = Readonly<{
  NODE_ENV: 'development' | 'production';
  DATA_DIR: string;
  JWT_SECRET?: string | undefined;
  JITSI_APP_SECRET?: string | undefined;
  LIVEKIT_API_SECRET?: string | undefined;
}>;

/** Bytes. */
const shortest = 32;
/** Different characters: 32 random ones, even of the ten digits or the sixteen of hex, have as many. */
const fewest = 10;

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
export function readSecrets(settings: SecretSettings): Secrets {
  const given = jitsiSecret(settings);
  refuseLiveKitSecret(settings);
  const tokens = tokenSecret(settings);
  const keyFor = (label: string) => new Uint8Array(hkdfSync('sha256', tokens, '', `rendezvous ${label}`, 32));
  const made = settings.NODE_ENV === 'development' ? keyFor('jitsi') : undefined;
  return { tokens, keyFor, jitsi: given ?? made };
}

function jitsiSecret({ JWT_SECRET, JITSI_APP_SECRET }: SecretSettings): Uint8Array | undefined {
  if (JITSI_APP_SECRET === undefined) return undefined;
  if (JITSI_APP_SECRET === JWT_SECRET) {
    throw new StartRefused(
      'JITSI_APP_SECRET is the same as JWT_SECRET: whoever runs the Jitsi server could sign in as anybody.',
    );
  }
  return strong('JITSI_APP_SECRET', JITSI_APP_SECRET);
}

/** In development the short one of a LiveKit server that was started with --dev will do. */
function refuseLiveKitSecret({ NODE_ENV, JWT_SECRET, LIVEKIT_API_SECRET }: SecretSettings): void {
  if (LIVEKIT_API_SECRET === undefined) return;
  if (LIVEKIT_API_SECRET === JWT_SECRET) {
    throw new StartRefused(
      'LIVEKIT_API_SECRET is the same as JWT_SECRET: whoever runs the LiveKit server could sign in as anybody.',
    );
  }
  if (NODE_ENV === 'production') strong('LIVEKIT_API_SECRET', LIVEKIT_API_SECRET);
}

function tokenSecret({ NODE_ENV, DATA_DIR, JWT_SECRET }: SecretSettings): Uint8Array {
  if (JWT_SECRET !== undefined) return strong('JWT_SECRET', JWT_SECRET);
  if (NODE_ENV === 'production') {
    throw new StartRefused(
      'JWT_SECRET is not set. Production needs one of at least 32 random bytes, e.g. from: openssl rand -base64 48',
    );
  }
  return Buffer.from(kept(DATA_DIR), 'base64url');
}

function strong(name: string, secret: string): Uint8Array {
  const bytes = Buffer.from(secret, 'utf8');
  const advice = 'Use at least 32 random bytes, e.g. from: openssl rand -base64 48';
  if (bytes.length < shortest) throw new StartRefused(`${name} has only ${bytes.length} bytes. ${advice}`);
  if (instruction.test(secret)) {
    throw new StartRefused(`${name} is an instruction, and not what it prints. ${advice}`);
  }
  const weakness = weaknessOf(secret.trim());
  if (weakness !== undefined) throw new StartRefused(`${name} ${weakness}. ${advice}`);
  return bytes;
}

/** What makes a secret guessable in spite of its length: one of the well-known texts, too few characters, repetition. */
function weaknessOf(secret: string): string | undefined {
  const text = secret.toLowerCase();
  const only = (known: string) => text.includes(known) && text.replaceAll(known, '').replace(/[\W_\d]/g, '') === '';
  if (wellKnown.some(only)) return 'is a well-known text';
  const different = new Set(text).size;
  if (different < fewest) return `has only ${different} different characters`;
  const piece = repeatedIn(text);
  if (piece === undefined || Buffer.byteLength(piece) >= shortest) return undefined;
  return `repeats a piece of ${piece.length} characters`;
}

/** What a text repeats, the last time perhaps in part; `undefined` when it is nothing twice over. */
function repeatedIn(text: string): string | undefined {
  for (let length = 1; length * 2 <= text.length; length += 1) {
    if (text.startsWith(text.slice(length))) return text.slice(0, length);
  }
  return undefined;
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
