import { randomFillSync } from 'node:crypto';
import { stringify, v7, validate } from 'uuid';

/** A 128-bit public id, as it lies in the database. */
export type IdBytes = Uint8Array;

const randomBytes = 16;
const pool = new Uint8Array(randomBytes * 256);
let drawn = pool.length;

/** A new UUIDv7 (RFC 9562): time-ordered, so that its unique index grows at one end. */
export function newId(): IdBytes {
  // A call for randomness costs the same for 16 bytes as for 4096; each message takes one.
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += randomBytes;
  return v7({ random: pool.subarray(drawn - randomBytes, drawn) }, new Uint8Array(16));
}

export const idText = (bytes: IdBytes): string => stringify(bytes);

/** The bytes of a UUID in any case, or `undefined` when the text is none. Ids are opaque: the version is not checked. */
export function idBytes(text: string): IdBytes | undefined {
  if (!validate(text)) return undefined;
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}
