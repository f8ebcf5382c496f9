import { stringify, v7, validate } from 'uuid';

/** A 128-bit public id, as it lies in the database. */
export type IdBytes = Uint8Array;

/** A new UUIDv7 (RFC 9562): time-ordered, so that its unique index grows at one end. */
export const newId = (): IdBytes => v7(undefined, new Uint8Array(16));

export const idText = (bytes: IdBytes): string => stringify(bytes);

/** The bytes of a UUID in any case, or `undefined` when the text is none. Ids are opaque: the version is not checked. */
export function idBytes(text: string): IdBytes | undefined {
  if (!validate(text)) return undefined;
  return Buffer.from(text.replaceAll('-', ''), 'hex');
}
