import { topicOf } from '../../infra/log/topic.ts';
import { isDuplicate } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes, idText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { identityErrors } from './errors.ts';
import { type AccountUpdated, identityEvents } from './events.ts';
import type { Parts } from './parts.ts';
import {
  checkProfileChange,
  type Presence,
  type Profile,
  type ProfileChange,
  type PublicProfile,
  usernameKey,
} from './schema.ts';
import { type Account, slicesOf, type Tables, tablesOf } from './store.ts';

/** How long somebody who signed in or refreshed counts as online without a connection, in milliseconds. */
const freshFor = 60_000;

/** An account as its owner sees it. */
export const profileOf = (parts: Parts, row: Account): Profile => ({
  ...publicProfileOf(row, presenceOf(parts, row)),
  email: row.email,
  role: row.role,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const publicProfileOf = (row: Account, presence: Presence): PublicProfile => ({
  id: idText(row.public_id),
  username: row.username,
  avatar: row.avatar,
  statusMessage: row.status_message,
  ...presence,
});

/**
 * The one answer to "is this account online?": who is connected, was seen just now. The time never goes back, and is in
 * whole seconds whatever it comes from: a finer one would tell a block from a connection that ended.
 */
function presenceOf({ isOnline, leftAt, clock }: Parts, row: Account): Presence {
  const now = clock.now();
  const connected = row.deleted_at === null && isOnline(idText(row.public_id));
  const fresh = row.deleted_at === null && now - row.signed_in_at < freshFor;
  const seen = connected ? now : Math.max(row.last_seen, leftAt(row.id));
  return { isOnline: connected || fresh, lastSeen: wholeSeconds(seen) };
}

/** What an account looks like from now on to whom it blocks: like one that has just signed out. */
export function seenAtBlock(parts: Parts, row: Account): number {
  const { isOnline, lastSeen } = presenceOf(parts, row);
  return isOnline ? wholeSeconds(parts.clock.now()) : lastSeen;
}

const wholeSeconds = (time: number): number => time - (time % 1_000);

/**
 * An account as somebody else sees it; a deleted one has a name that says so. To whom it has blocked it looks like one
 * that signed out when it did. Refuses ACCOUNT_NOT_FOUND.
 */
export async function profileFor(parts: Parts, principal: Principal, id: string): Promise<PublicProfile> {
  const key = idBytes(id);
  const row = key && (await parts.reads.anyByPublicId.get(key));
  if (row === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  const block = await parts.reads.block.get(row.id, principal.account);
  const presence = presenceOf(parts, row);
  if (block === undefined) return publicProfileOf(row, presence);
  return publicProfileOf(row, { isOnline: false, lastSeen: block.seen_at });
}

/** As whoever is not blocked sees an account; a deleted one has a name that says so. */
export async function publicProfile(parts: Parts, account: number): Promise<PublicProfile | undefined> {
  const row = await parts.reads.anyAccount.get(account);
  return row && publicProfileOf(row, presenceOf(parts, row));
}

/** Changes the caller's own account; what changes nothing is told to nobody. Refuses INVALID_INPUT, ACCOUNT_NOT_FOUND, NOT_YOURS, USERNAME_TAKEN. */
export async function updateProfile(
  parts: Parts,
  principal: Principal,
  { id, change }: { id: string; change: ProfileChange },
): Promise<Profile> {
  const checked = checkProfileChange(change);
  await mustBeOwn(parts, principal, id);
  const changed = await parts.log.write(async ({ sql, append }) => {
    const db = tablesOf(sql);
    const accounts = db.selectFrom('accounts').selectAll();
    const known = await accounts.where('id', '=', principal.account).where('deleted_at', 'is', null).executeTakeFirst();
    if (known === undefined || changesNothing(known, checked)) return known;
    const row = await storeChange(db, principal.account, { change: checked, now: parts.clock.now() });
    if (row === undefined) return undefined;
    const payload: AccountUpdated = { userId: principal.id };
    append({ topic: topicOf('user', principal.account), type: identityEvents.updated, payload });
    return row;
  });
  if (changed === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return profileOf(parts, changed);
}

const changesNothing = (known: Account, change: ProfileChange): boolean =>
  Object.entries(columnsOf(change)).every(([name, value]) => known[name as keyof Account] === value);

const columnsOf = ({ username, avatar, statusMessage }: ProfileChange) => ({
  ...(username === undefined ? {} : { username, username_key: usernameKey(username) }),
  ...(avatar === undefined ? {} : { avatar }),
  ...(statusMessage === undefined ? {} : { status_message: statusMessage?.toWellFormed() ?? null }),
});

/** Refuses USERNAME_TAKEN. */
async function storeChange(
  db: Tables,
  account: number,
  { change, now }: { change: ProfileChange; now: number },
): Promise<Account | undefined> {
  try {
    return await db
      .updateTable('accounts')
      .set({ updated_at: now, ...columnsOf(change) })
      .where('id', '=', account)
      .where('deleted_at', 'is', null)
      .returningAll()
      .executeTakeFirst();
  } catch (error) {
    // Of two who want one name at once only the unique index knows.
    if (isDuplicate(error)) throw new Refusal(identityErrors.USERNAME_TAKEN, { cause: error });
    throw error;
  }
}

/** Refuses NOT_YOURS for the account of somebody else, and ACCOUNT_NOT_FOUND where there is none. */
export async function mustBeOwn({ reads }: Parts, principal: Principal, id: string): Promise<void> {
  if (id.toLowerCase() === principal.id) return;
  const key = idBytes(id);
  const other = key && (await reads.accountByPublicId.get(key));
  throw new Refusal(other === undefined ? identityErrors.ACCOUNT_NOT_FOUND : identityErrors.NOT_YOURS);
}

/** Notes when these accounts, by internal number, were last seen; never earlier than is known. */
export async function noteSeen({ log }: Parts, accounts: readonly number[], at: number): Promise<void> {
  if (accounts.length === 0) return;
  await log.write(
    async ({ sql }) => {
      for (const part of slicesOf(accounts)) {
        await tablesOf(sql)
          .updateTable('accounts')
          .set({ last_seen: at })
          .where('id', 'in', part)
          .where('last_seen', '<', at)
          .execute();
      }
    },
    { bookkeeping: true },
  );
}
