import type { Generated, Kysely } from 'kysely';
import type { Engine } from '../../infra/sql/sql.ts';

type PushTables = {
  push_waiting: { n: Generated<number>; account: number; after_seq: number; at: number };
  /** How many rows of `push_waiting` an account has; whoever changes them holds this row. */
  push_queues: { account: number; waiting: number };
  /** Of the log: up to where the sockets of each login session have got it. */
  session_cursors: { account: number; seq: number };
};
type Tables = Kysely<PushTables>;

/** Pushes that may wait for one account. */
const mostWaiting = 1_000;
/** How long the log keeps its rows, in milliseconds: what is older waits no more, and is counted until it is forgotten. */
const keptFor = 7 * 24 * 3_600_000;

/**
 * Counts one more waiting push for each account that has room for it, and returns those accounts. `head`: the log's at a
 * moment before; the row of the push comes after it. What an account has read since waits no more.
 */
export async function takePlaces(
  sql: Kysely<object>,
  { accounts, head, now }: { accounts: readonly number[]; head: number; now: number },
): Promise<Set<number>> {
  if (accounts.length === 0) return new Set();
  const db = sql.withTables<PushTables>();
  const waiting = await holdQueues(db, accounts);
  for (const [account, seq] of await readUpTo(db, [...waiting.keys()])) {
    const before = waiting.get(account) ?? 0;
    if (before > 0) waiting.set(account, before - (await forgetRead(db, account, seq)));
  }
  const rows: { account: number; after_seq: number; at: number }[] = [];
  for (const [account, count] of waiting) {
    if (count < mostWaiting) rows.push({ account, after_seq: head, at: now });
  }
  const taken = new Set(rows.map(({ account }) => account));
  if (rows.length > 0) await db.insertInto('push_waiting').values(rows).execute();
  await setCounts(db, new Map([...waiting].map(([account, count]) => [account, count + (taken.has(account) ? 1 : 0)])));
  return taken;
}

/** What waits for each, until the end of the transaction; in one order, so that two do not wait for each other. */
async function holdQueues(db: Tables, accounts: readonly number[]): Promise<Map<number, number>> {
  const held = await db
    .insertInto('push_queues')
    .values(accounts.toSorted((one, other) => one - other).map((account) => ({ account, waiting: 0 })))
    .onConflict((conflict) => conflict.column('account').doUpdateSet((eb) => ({ account: eb.ref('excluded.account') })))
    .returning(['account', 'waiting'])
    .execute();
  return new Map(held.map(({ account, waiting }) => [account, waiting]));
}

/** Up to where each account has read the log, on whichever of its sessions is furthest. */
async function readUpTo(db: Tables, accounts: readonly number[]): Promise<Map<number, number>> {
  const read = await db
    .selectFrom('session_cursors')
    .select((eb) => ['account', eb.fn.max('seq').as('seq')])
    .where('account', 'in', accounts)
    .groupBy('account')
    .execute();
  return new Map(read.map(({ account, seq }) => [account, Number(seq)]));
}

async function forgetRead(db: Tables, account: number, seq: number): Promise<number> {
  const gone = db.deleteFrom('push_waiting').where('account', '=', account).where('after_seq', '<', seq);
  return Number((await gone.executeTakeFirst()).numDeletedRows);
}

async function setCounts(db: Tables, counts: ReadonlyMap<number, number>): Promise<void> {
  const rows = [...counts].map(([account, waiting]) => ({ account, waiting }));
  await db
    .insertInto('push_queues')
    .values(rows)
    .onConflict((conflict) => conflict.column('account').doUpdateSet((eb) => ({ waiting: eb.ref('excluded.waiting') })))
    .execute();
}

/**
 * Forgets up to `limit` that the log no longer has, and returns how many. It takes the queues first, as a push does, and
 * passes by those that one holds: they are for the next time.
 */
export async function forgetWaiting(
  sql: Kysely<object>,
  { engine, now, limit }: { engine: Engine; now: number; limit: number },
): Promise<number> {
  const db = sql.withTables<PushTables>();
  const old = await db
    .selectFrom('push_waiting')
    .select('account')
    .where('at', '<', now - keptFor)
    .orderBy('at')
    .limit(limit)
    .execute();
  if (old.length === 0) return 0;
  const held = await db
    .selectFrom('push_queues')
    .select('account')
    .where('account', 'in', [...new Set(old.map(({ account }) => account))])
    .orderBy('account')
    .$if(engine === 'postgres', (query) => query.forUpdate().skipLocked())
    .execute();
  if (held.length === 0) return 0;
  const accounts = held.map(({ account }) => account);
  const oldest = db
    .selectFrom('push_waiting')
    .select('n')
    .where('account', 'in', accounts)
    .where('at', '<', now - keptFor)
    .orderBy('at')
    .limit(limit);
  const gone = await db.deleteFrom('push_waiting').where('n', 'in', oldest).returning('account').execute();
  const lost = new Map<number, number>();
  for (const { account } of gone) lost.set(account, (lost.get(account) ?? 0) + 1);
  for (const [account, count] of lost) {
    await db
      .updateTable('push_queues')
      .set((eb) => ({ waiting: eb('waiting', '-', count) }))
      .where('account', '=', account)
      .execute();
  }
  return gone.length;
}
