import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { among } from '../../infra/sql/numbers.ts';
import type { Engine } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import { groupErrors } from './errors.ts';
import { type GroupDeleted, groupEvents, type MemberChanged, type MemberNamed } from './events.ts';
import type { MemberRole } from './schema.ts';
import { findGroup, heirs, makeOwners, roleOf, type StoredGroup, type Tables, tablesOf } from './store.ts';

/** What others do in the same transaction, which has taken its turn. */
export type Departures = Readonly<{
  /** A member of these groups is one no more. */
  left: (transaction: Transaction, groups: readonly number[], who: Someone) => Promise<void>;
  /** These groups have ended, and all have left them. */
  ended: (transaction: Transaction, groups: readonly number[]) => Promise<void>;
}>;

/** The transaction of an act on groups, which has taken its turn, and its time. */
export type Act = Readonly<{
  transaction: Transaction;
  db: Tables;
  engine: Engine;
  now: number;
  departures: Departures;
}>;

/** A group and what the one who acts is in it. */
export type Standing = Readonly<{ group: StoredGroup; role: MemberRole | undefined }>;

/** An account as rows name it. */
export type Someone = Readonly<{ account: number; id: string }>;

export const actIn = (transaction: Transaction, how: Pick<Act, 'engine' | 'now' | 'departures'>): Act => ({
  ...how,
  transaction,
  db: tablesOf(transaction.sql),
});

/** Refuses GROUP_NOT_FOUND, also where a SECRET group is nothing to a stranger. */
export async function standing(act: Act, id: IdBytes | undefined, account: number): Promise<Standing> {
  const group = id && (await findGroup(act.db, id));
  const role = group && (await roleOf(act.db, group.id, account));
  if (group === undefined || (role === undefined && group.type === 'SECRET')) {
    throw new Refusal(groupErrors.GROUP_NOT_FOUND);
  }
  return { group, role };
}

/** Lets an account in; the row is the first of the group that it reads. Refuses ALREADY_MEMBER. */
export async function enter(act: Act, group: StoredGroup, who: Someone & { role: MemberRole }): Promise<void> {
  const { account, id, role } = who;
  const inserted = await act.db
    .insertInto('group_members')
    .values({ group_id: group.id, account, role, joined_at: act.now })
    .onConflict((conflict) => conflict.doNothing())
    .returning('account')
    .execute();
  if (inserted.length === 0) throw new Refusal(groupErrors.ALREADY_MEMBER);
  await count(act, [group], 1);
  const payload: MemberChanged = { groupId: idText(group.public_id), userId: id, role };
  const topic = topicOf('group', group.id);
  act.transaction.append({
    topic,
    peer: topicOf('user', account),
    type: groupEvents.memberAdded,
    payload,
    moves: [{ account, topic, kind: 'enter' }],
  });
}

/** Lets a member out of these groups; the row is the last of each that they read. */
export async function exit(act: Act, groups: readonly StoredGroup[], { account, id }: Someone): Promise<void> {
  if (groups.length === 0) return;
  await act.db
    .deleteFrom('group_members')
    .where('account', '=', account)
    .where(inAny(act, 'group_id', groups))
    .execute();
  await count(act, groups, -1);
  for (const group of groups) {
    const payload: MemberNamed = { groupId: idText(group.public_id), userId: id };
    const topic = topicOf('group', group.id);
    act.transaction.append({
      topic,
      peer: topicOf('user', account),
      type: groupEvents.memberRemoved,
      payload,
      moves: [{ account, topic, kind: 'leave' }],
    });
  }
  await act.departures.left(act.transaction, numbersOf(groups), { account, id });
}

/**
 * Somebody leaves groups. After an owner the oldest admin follows, else the oldest member; with the last member a group
 * ends. All of them are left at once, because a deleted account is a member of nothing: 10,000 groups, a third of which
 * end and the others get an heir, hold the end of the log for 0.7 s on PostgreSQL, and the event loop for 0.3 s on SQLite.
 */
export async function depart(act: Act, left: readonly Standing[], who: Someone): Promise<void> {
  const groupsWhere = (isWanted: (one: Standing) => boolean) => left.filter(isWanted).map(({ group }) => group);
  await erase(
    act,
    groupsWhere(({ group }) => group.members === 1),
  );
  await exit(
    act,
    groupsWhere(({ group }) => group.members > 1),
    who,
  );
  await inherit(
    act,
    groupsWhere(({ group, role }) => group.members > 1 && role === 'OWNER'),
  );
}

async function inherit(act: Act, groups: readonly StoredGroup[]): Promise<void> {
  if (groups.length === 0) return;
  const found = await heirs(act.db, inAny(act, 'g.id', groups));
  await makeOwners(act.db, found);
  const byGroup = new Map(groups.map((group) => [group.id, group]));
  for (const { group_id, public_id } of found) {
    const group = byGroup.get(group_id);
    if (group !== undefined) tellRole(act, group, { id: idText(public_id), role: 'OWNER' });
  }
}

/** A member has another role from now on. */
export async function give(act: Act, group: StoredGroup, who: Someone & { role: MemberRole }): Promise<void> {
  const { account, id, role } = who;
  await act.db
    .updateTable('group_members')
    .set({ role })
    .where('group_id', '=', group.id)
    .where('account', '=', account)
    .execute();
  tellRole(act, group, { id, role });
}

function tellRole(act: Act, group: StoredGroup, { id, role }: { id: string; role: MemberRole }): void {
  const payload: MemberChanged = { groupId: idText(group.public_id), userId: id, role };
  act.transaction.append({ topic: topicOf('group', group.id), type: groupEvents.roleChanged, payload });
}

/**
 * Ends groups: everybody leaves with the row that says so. A group's own row stays, for its messages in the log name its
 * number: emptied, and SECRET, so that it exists for nobody. A group of 100,000 holds the end of the log for 0.7 s on
 * PostgreSQL, and the event loop for 0.3 s on SQLite: each member has a row here, one of readers and one of receipts.
 */
export async function erase(act: Act, groups: readonly StoredGroup[]): Promise<void> {
  if (groups.length === 0) return;
  const { db, transaction, now } = act;
  await db
    .deleteFrom('group_members')
    .where(inAny(act, 'group_id', groups))
    .execute();
  await db
    .deleteFrom('group_removals')
    .where(inAny(act, 'group_id', groups))
    .execute();
  await db
    .deleteFrom('group_words')
    .where(inAny(act, 'group_id', groups))
    .execute();
  await db
    .updateTable('groups')
    .set({ title: '', description: null, cover: null, type: 'SECRET', members: 0, updated_at: now })
    .where(inAny(act, 'id', groups))
    .execute();
  for (const group of groups) {
    const topic = topicOf('group', group.id);
    const payload: GroupDeleted = { groupId: idText(group.public_id) };
    transaction.append({ topic, type: groupEvents.deleted, payload, moves: [{ topic, kind: 'end' }] });
  }
  await act.departures.ended(transaction, numbersOf(groups));
}

async function count(act: Act, groups: readonly StoredGroup[], change: 1 | -1): Promise<void> {
  await act.db
    .updateTable('groups')
    .set((eb) => ({ members: eb('members', '+', change) }))
    .where(inAny(act, 'id', groups))
    .execute();
}

const numbersOf = (groups: readonly StoredGroup[]): number[] => groups.map(({ id }) => id);

const inAny = ({ engine }: Act, column: string, groups: readonly StoredGroup[]) =>
  among(engine, column, numbersOf(groups));

/** Refuses BLOCKED when `by` has blocked `who`. */
export async function refuseBlocked({ db }: Act, { by, who }: { by: number; who: number }): Promise<void> {
  const block = await db
    .selectFrom('blocks')
    .select('account')
    .where('account', '=', by)
    .where('blocked', '=', who)
    .executeTakeFirst();
  if (block !== undefined) throw new Refusal(groupErrors.BLOCKED);
}

/** Whether somebody else has removed this account, and nobody has added it since. */
export async function wasRemoved({ db }: Act, group: StoredGroup, account: number): Promise<boolean> {
  const removal = await db
    .selectFrom('group_removals')
    .select('account')
    .where('group_id', '=', group.id)
    .where('account', '=', account)
    .executeTakeFirst();
  return removal !== undefined;
}

export async function forgetRemoval({ db }: Act, group: StoredGroup, account: number): Promise<void> {
  await db.deleteFrom('group_removals').where('group_id', '=', group.id).where('account', '=', account).execute();
}
