import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { identityErrors } from './errors.ts';
import type { Parts } from './parts.ts';
import { checkPasswordChange, type Origin, type PasswordChange } from './schema.ts';
import { revokeSessions } from './sessions.ts';
import { proven } from './signing-in.ts';
import { tablesOf } from './store.ts';

/**
 * Changes the caller's own password and ends every other session of theirs. Wrong passwords count as those of logins do.
 * Refuses INVALID_INPUT, ACCOUNT_NOT_FOUND, WRONG_PASSWORD, RATE_LIMITED, UNAVAILABLE.
 */
export async function changePassword(
  parts: Parts,
  { account, session }: Principal,
  { origin, ...input }: PasswordChange & { origin: Origin },
): Promise<void> {
  const { currentPassword, newPassword } = checkPasswordChange(input);
  const own = await parts.reads.account.get(account);
  if (own === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  const known = await proven(parts, { email: own.email, password: currentPassword }, origin);
  if (known === undefined || known.id !== account) throw new Refusal(identityErrors.WRONG_PASSWORD);
  const hash = await parts.passwords.hash(newPassword);
  await parts.log.write(async (transaction) => {
    const db = tablesOf(transaction.sql);
    await db.deleteFrom('password_resets').where('account', '=', account).execute();
    const changed = await db
      .updateTable('accounts')
      .set({ password_hash: hash, updated_at: parts.clock.now() })
      .where('id', '=', account)
      // Of two changes at once the second no longer knows the current one.
      .where('password_hash', '=', known.password_hash)
      .where('deleted_at', 'is', null)
      .returning('id')
      .executeTakeFirst();
    if (changed === undefined) throw new Refusal(identityErrors.WRONG_PASSWORD);
    await revokeSessions(transaction, account, { now: parts.clock.now(), except: session });
  });
}
