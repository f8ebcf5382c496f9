import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { identityErrors } from './errors.ts';
import { type AccountDeleted, identityEvents } from './events.ts';
import type { Parts } from './parts.ts';
import { mustBeOwn } from './profile.ts';
import { revokeSessions } from './sessions.ts';
import { tablesOf } from './store.ts';

/** What others see where a deleted account is still named. No username has a space in it. */
const deletedName = 'deleted user';

/**
 * Deletes the caller's own account, at every door. Its email and username become free; what it wrote to others stays with
 * them, under a name that says what became of it. Refuses ACCOUNT_NOT_FOUND, NOT_YOURS.
 */
export async function deleteAccount(parts: Parts, principal: Principal, id: string): Promise<void> {
  await mustBeOwn(parts, principal, id);
  const { account } = principal;
  await parts.log.write(async (transaction) => {
    await forgetOwn(transaction, account);
    const email = await emailOf(transaction, account);
    await emptyAccount(transaction, account, parts.clock.now());
    await endSessions(transaction, account, parts.clock.now());
    // The groups that it leaves are changed by others too.
    await transaction.takeTurn();
    await parts.onDelete(transaction, { account, id: principal.id, email });
    const payload: AccountDeleted = { userId: principal.id };
    transaction.append({ topic: topicOf('user', account), type: identityEvents.deleted, payload });
  });
}

/** Refuses ACCOUNT_NOT_FOUND. */
async function emailOf({ sql }: Transaction, account: number): Promise<string> {
  const accounts = tablesOf(sql).selectFrom('accounts').select('email');
  const own = await accounts.where('id', '=', account).where('deleted_at', 'is', null).executeTakeFirst();
  if (own === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return own.email;
}

async function emptyAccount({ sql }: Transaction, account: number, now: number): Promise<void> {
  // Neither an email nor a username has a colon at this place: it can never be asked for or taken again.
  const nobody = `deleted:${account}`;
  const emptied = await tablesOf(sql)
    .updateTable('accounts')
    .set({
      deleted_at: now,
      updated_at: now,
      last_seen: now,
      email: nobody,
      username: deletedName,
      username_key: nobody,
      password_hash: null,
      avatar: null,
      status_message: null,
      role: 'GUEST',
      blocks_made: 0,
    })
    .where('id', '=', account)
    .where('deleted_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  if (emptied === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
}

async function forgetOwn({ sql }: Transaction, account: number): Promise<void> {
  const db = tablesOf(sql);
  await db.deleteFrom('password_resets').where('account', '=', account).execute();
  await db.deleteFrom('blocks').where('account', '=', account).execute();
}

/** Sessions stay until they are forgotten by time, because sockets are known by them; where they came from does not. */
async function endSessions(transaction: Transaction, account: number, now: number): Promise<void> {
  await revokeSessions(transaction, account, { now });
  const nowhere = { address: '', device: null };
  await tablesOf(transaction.sql).updateTable('sessions').set(nowhere).where('account', '=', account).execute();
}
