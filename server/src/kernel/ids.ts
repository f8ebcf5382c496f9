import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** A 128-bit public id, as it lies in the database. */
export type IdBytes = Uint8Array;

const randomBytes = 16;
const pool = new Uint8Array(randomBytes * 256);
let drawn = pool.length;

/** A new UUIDv7 (RFC 9562), as text: time-ordered, so that its unique index grows at one end. */
export function newIdText(): string {
  // A call for randomness costs the same for 16 bytes as for 4096; each message takes one.
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += randomBytes;
  return v7({ random: pool.subarray(drawn - randomBytes, drawn) });
}

/** The same as bytes. */
export const newId = (): IdBytes => Buffer.from(newIdText().replaceAll('-', ''), 'hex');

/** The 36 characters of RFC 9562, in lower case. */
export function idText(bytes: IdBytes): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

const dashes = [8, 13, 18, 23];
const dash = '-'.charCodeAt(0);

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** A UUID in lower case, or `undefined` when the text is none in any case. Ids are opaque: the version is not checked. */
export function idOf(text: string): string | undefined {
  if (uuid.test(text)) return text;
  const lower = text.toLowerCase();
  return uuid.test(lower) ? lower : undefined;
}

/** The bytes of a UUID in any case, or `undefined` when the text is none. Ids are opaque: the version is not checked. */
export function idBytes(text: string): IdBytes | undefined {
  if (text.length !== 36 || dashes.some((place) => text.charCodeAt(place) !== dash)) return undefined;
  // Decoding stops at the first character that is no digit.
  const bytes = Buffer.from(text.replaceAll('-', ''), 'hex');
  return bytes.length === 16 ? bytes : undefined;
}
