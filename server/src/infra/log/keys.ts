import { hash } from 'node:crypto';
import { Type } from 'typebox';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Transaction } from './log.ts';

/** A client's own key for a write: printable ASCII. Keys that grow with time (UUIDv7) cost the least. */
export const clientKey = Type.String({
  pattern: '^[\\x21-\\x7e]{8,128}$',
  'x-fault': 'must have 8 to 128 printable characters',
});

/** A key as it is used. Its scope is (account, operation); `input` is everything the client said. */
export type KeyUse = Readonly<{ key: string; account: number; operation: string; input: unknown; at: number }>;

type KeyTables = {
  write_keys: { key: string; account: number; operation: string; hash: Uint8Array; ref: number; at: number };
};

/**
 * Runs an act once for each key, inside the act's own transaction. `make` returns the internal number of what it made;
 * the same key with the same input gives that number again, also to a twin that comes while the first is under way.
 * Refuses KEY_REUSED for the same key with another input. A refused act leaves no key behind. Keys are kept 7 days.
 */
export async function once(
  { sql }: Transaction,
  use: KeyUse | null,
  make: () => Promise<number>,
): Promise<{ ref: number; repeated: boolean }> {
  if (use === null) return { ref: await make(), repeated: false };
  const keys = sql.withTables<KeyTables>();
  const { key, account, operation, at } = use;
  // 128 bits are plenty: a collision could only ever be made against one's own key.
  const inputHash = hash('sha256', JSON.stringify(use.input), 'buffer').subarray(0, 16);
  const claimed = await keys
    .insertInto('write_keys')
    .values({ key, account, operation, hash: inputHash, ref: 0, at })
    .onConflict((conflict) => conflict.doNothing())
    .returning('key')
    .execute();
  const mine = () => ({ key, account, operation }) satisfies Partial<KeyTables['write_keys']>;
  if (claimed.length === 0) {
    const known = await keys
      .selectFrom('write_keys')
      .select(['hash', 'ref'])
      .where((eb) => eb.and(mine()))
      .executeTakeFirstOrThrow();
    if (Buffer.compare(known.hash, inputHash) !== 0) throw new Refusal(commonErrors.KEY_REUSED);
    return { ref: known.ref, repeated: true };
  }
  const ref = await make();
  await keys
    .updateTable('write_keys')
    .set({ ref })
    .where((eb) => eb.and(mine()))
    .execute();
  return { ref, repeated: false };
}
