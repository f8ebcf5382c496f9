import { type IdBytes, idBytes } from './ids.ts';

/** Crockford's base32 (https://www.crockford.com/base32.html), without I, L, O and U. */
const letters = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** 128 bits in 26 letters of five: the first letter holds three of them. */
const ulidLength = 26;

const values = new Map<string, bigint>([...letters].map((letter, value) => [letter, BigInt(value)]));
// Read as what they look like.
for (const [letter, like] of [
  ['I', '1'],
  ['L', '1'],
  ['O', '0'],
] as const) {
  values.set(letter, values.get(like) ?? 0n);
}

/** The other spelling of a public id: 26 letters and digits, in the same order of time (https://github.com/ulid/spec). */
export function ulidText(bytes: IdBytes): string {
  let rest = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  for (let at = 0; at < ulidLength; at += 1) {
    text = letters[Number(rest & 31n)] + text;
    rest >>= 5n;
  }
  return text;
}

/** A UUID's other spelling. */
export const ulidOf = (uuid: string): string => ulidText(idBytes(uuid) ?? new Uint8Array(16));

/** The bytes of an id in either spelling, in any case, or `undefined` when the text is none. */
export function anyIdBytes(text: string): IdBytes | undefined {
  return text.length === ulidLength ? ulidBytes(text) : idBytes(text);
}

function ulidBytes(text: string): IdBytes | undefined {
  let bits = 0n;
  for (const letter of text.toUpperCase()) {
    const value = values.get(letter);
    if (value === undefined) return undefined;
    bits = (bits << 5n) | value;
  }
  if (bits >> 128n > 0n) return undefined;
  return Buffer.from(bits.toString(16).padStart(32, '0'), 'hex');
}
