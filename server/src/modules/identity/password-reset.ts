import { timingSafeEqual } from 'node:crypto';
import { addressKey } from '../../infra/limits/address.ts';
import { Refusal } from '../../kernel/errors.ts';
import { identityErrors } from './errors.ts';
import type { Parts } from './parts.ts';
import { checkPasswordReset, emailKey, type Origin, type PasswordReset } from './schema.ts';
import { revokeSessions } from './sessions.ts';
import { countAttempt } from './signing-in.ts';
import { tablesOf } from './store.ts';
import { codeHash, newCode } from './tokens.ts';

/** How long a code works, in milliseconds. */
const codeLife = 30 * 60_000;
/** How often a code may be tried, the right try included. */
const mostTries = 5;
/**
 * No account has this number, and its code is nobody's. What is asked or tried for an account that does not exist, or has no
 * code, is written there: a commit that stores nothing is milliseconds faster, which told who has an account.
 */
const nobody = 0;

/**
 * Makes a code with which whoever holds it sets a new password, once. It takes the place of one made before; it is in
 * the answer and nowhere else, only its hash is stored. Refuses ACCOUNT_NOT_FOUND.
 */
export async function resetCode(parts: Parts, email: string): Promise<string> {
  const code = newCode();
  const hash = codeHash(code);
  const own = await parts.reads.accountByEmail.get(emailKey(email));
  const account = own?.id ?? nobody;
  const expires_at = own === undefined ? Number.MAX_SAFE_INTEGER : parts.clock.now() + codeLife;
  const fresh = { hash, tries: 0, expires_at };
  await parts.log.write(({ sql }) =>
    tablesOf(sql)
      .insertInto('password_resets')
      .values({ account, ...fresh })
      .onConflict((conflict) => conflict.column('account').doUpdateSet(fresh))
      .execute(),
  );
  if (own === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return code;
}

/**
 * Sets a new password for who holds a code, and ends every session of the account. Refuses INVALID_INPUT, RATE_LIMITED,
 * UNAVAILABLE, and INVALID_CODE in the same words and after the same work whether the account, the code or neither exists.
 */
export async function resetPassword(parts: Parts, input: PasswordReset, origin: Origin): Promise<void> {
  const { email, code, password } = checkPasswordReset(input);
  const key = emailKey(email);
  const address = addressKey(origin.address);
  await countAttempt(parts, parts.attemptsByAddress, address);
  const account = (await parts.reads.accountByEmail.get(key))?.id ?? nobody;
  const hash = codeHash(code);
  if (!(await tryCode(parts, account, hash))) throw new Refusal(identityErrors.INVALID_CODE);
  await parts.limits.giveBack(parts.attemptsByAddress, address);
  const passwordHash = await parts.passwords.hash(password);
  await redeem(parts, account, { hash, passwordHash });
  await parts.limits.reset(parts.attemptsByAccount, key);
}

/**
 * Counts a try before it is looked at, where there is nothing to try at nobody's code; what is refused keeps its count, so
 * nothing is thrown in the transaction.
 */
async function tryCode({ log, clock }: Parts, account: number, hash: Uint8Array): Promise<boolean> {
  const now = clock.now();
  const tried = await log.write(({ sql }) => {
    const db = tablesOf(sql);
    const own = db.selectFrom('password_resets').select('account').where('account', '=', account);
    const open = own.where('tries', '<', mostTries).where('expires_at', '>', now);
    return (
      db
        .updateTable('password_resets')
        .set((eb) => ({ tries: eb('tries', '+', 1) }))
        .where('account', '=', (eb) => eb.fn.coalesce(open, eb.val(nobody)))
        // Looked at again: of many tries at once on PostgreSQL each may have found the code open.
        .where((eb) => eb.or([eb('account', '=', nobody), eb('tries', '<', mostTries)]))
        .returning(['account', 'hash'])
        .executeTakeFirst()
    );
  });
  const fits = tried !== undefined && timingSafeEqual(tried.hash, hash);
  return fits && tried.account !== nobody;
}

/** Of several who come with one code at once, one finds it. */
async function redeem(
  { log, clock }: Parts,
  account: number,
  { hash, passwordHash }: { hash: Uint8Array; passwordHash: string },
): Promise<void> {
  await log.write(async (transaction) => {
    const db = tablesOf(transaction.sql);
    const now = clock.now();
    const used = await db
      .deleteFrom('password_resets')
      .where('account', '=', account)
      .where('hash', '=', hash)
      .returning('account')
      .executeTakeFirst();
    if (used === undefined) throw new Refusal(identityErrors.INVALID_CODE);
    await db
      .updateTable('accounts')
      .set({ password_hash: passwordHash, updated_at: now })
      .where('id', '=', account)
      .where('deleted_at', 'is', null)
      .execute();
    await revokeSessions(transaction, account, { now });
  });
}
