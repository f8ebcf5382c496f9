import { topicOf } from '../../infra/log/topic.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import { identityErrors } from './errors.ts';
import { type BlockChanged, identityEvents } from './events.ts';
import type { Parts } from './parts.ts';
import { seenAtBlock } from './profile.ts';
import type { Blocked } from './schema.ts';
import { personOf, type Tables, tablesOf } from './store.ts';

/** Bounds what has to be read when an account comes online: whom it does not want to be seen by. */
const mostBlocks = 10_000;
/** As many again may have blocked one account before nobody hears of it any more. */
const mostAround = 2 * mostBlocks;

/**
 * Blocks an account; once more changes nothing. The blocked one hears nothing of it. Refuses ACCOUNT_NOT_FOUND,
 * BLOCKS_ONESELF, TOO_MANY_BLOCKS.
 */
export async function block(parts: Parts, { account }: Principal, id: string): Promise<void> {
  await parts.log.write(async ({ sql, append }) => {
    const db = tablesOf(sql);
    const blocked = await numberOf(db, id);
    if (blocked === account) throw new Refusal(identityErrors.BLOCKS_ONESELF);
    const own = await db.selectFrom('accounts').selectAll().where('id', '=', account).executeTakeFirstOrThrow();
    const made = await db
      .insertInto('blocks')
      .values({ account, blocked, at: parts.clock.now(), seen_at: seenAtBlock(parts, own) })
      .onConflict((conflict) => conflict.doNothing())
      .returning('blocked')
      .executeTakeFirst();
    if (made === undefined) return;
    if ((await countBlocks(db, account, 1)) > mostBlocks) throw new Refusal(identityErrors.TOO_MANY_BLOCKS);
    const payload: BlockChanged = { userId: id.toLowerCase(), account: blocked };
    append({ topic: topicOf('user', account), type: identityEvents.blocked, payload });
  });
}

/** Takes a block back; where there is none, nothing changes. Refuses ACCOUNT_NOT_FOUND. */
export async function unblock({ log }: Parts, { account }: Principal, id: string): Promise<void> {
  await log.write(async ({ sql, append }) => {
    const db = tablesOf(sql);
    const blocked = await numberOf(db, id, { deletedToo: true });
    const gone = await db
      .deleteFrom('blocks')
      .where('account', '=', account)
      .where('blocked', '=', blocked)
      .returning('blocked')
      .executeTakeFirst();
    if (gone === undefined) return;
    await countBlocks(db, account, -1);
    const payload: BlockChanged = { userId: id.toLowerCase(), account: blocked };
    append({ topic: topicOf('user', account), type: identityEvents.unblocked, payload });
  });
}

/** Refuses ACCOUNT_NOT_FOUND: what a deletion has emptied stays so. */
async function countBlocks(db: Tables, account: number, change: number): Promise<number> {
  const counted = await db
    .updateTable('accounts')
    .set((eb) => ({ blocks_made: eb('blocks_made', '+', change) }))
    .where('id', '=', account)
    .where('deleted_at', 'is', null)
    .returning('blocks_made')
    .executeTakeFirst();
  if (counted === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return counted.blocks_made;
}

/** The account behind a public id; refuses ACCOUNT_NOT_FOUND. */
async function numberOf(db: Tables, id: string, { deletedToo = false } = {}): Promise<number> {
  const key = idBytes(id);
  const found =
    key &&
    (await db
      .selectFrom('accounts')
      .select('id')
      .where('public_id', '=', key)
      .$if(!deletedToo, (query) => query.where('deleted_at', 'is', null))
      .executeTakeFirst());
  if (found === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return found.id;
}

/** Whom the caller has blocked, the latest first. Who was deleted since is there too, under the name that says so. */
export async function listBlocked(
  { sql, reads }: Parts,
  { account }: Principal,
  { page, limit }: Page,
): Promise<{ blocked: Blocked[]; total: number }> {
  const query = tablesOf(sql.read)
    .selectFrom('blocks as b')
    .innerJoin('accounts as a', 'a.id', 'b.blocked')
    .select(['a.id', 'a.public_id', 'a.username', 'a.avatar', 'b.at'])
    .where('b.account', '=', account)
    .orderBy('b.at', 'desc')
    .orderBy('b.blocked', 'desc')
    .limit(limit)
    .offset((page - 1) * limit);
  const [rows, own] = await Promise.all([sql.scan(query.compile()), reads.account.get(account)]);
  const blocked = rows.map((row) => ({ ...personOf(row), blockedAt: row.at }));
  return { blocked, total: own?.blocks_made ?? 0 };
}

export async function isBlocked({ reads }: Parts, by: number, who: number): Promise<boolean> {
  return (await reads.block.get(by, who)) !== undefined;
}

/** Whom an account has blocked and who has blocked it; `undefined` when they are more than can be read for one coming online. */
export async function blocksAround({ reads }: Parts, account: number): Promise<ReadonlySet<number> | undefined> {
  const others = await reads.blocksAround.all(account, mostAround + 1);
  return others.length > mostAround ? undefined : new Set(others.map(({ other }) => other));
}
