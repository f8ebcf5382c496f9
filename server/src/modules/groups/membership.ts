import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { Refusal } from '../../kernel/errors.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import { groupErrors } from './errors.ts';
import { type GroupDeleted, groupEvents, type MemberChanged, type MemberNamed } from './events.ts';
import type { MemberRole } from './schema.ts';
import { findGroup, oldest, roleOf, type StoredGroup, type Tables, tablesOf } from './store.ts';

/** What others do in the same transaction, which has taken its turn. */
export type Departures = Readonly<{
  /** A member is one no more. */
  left: (transaction: Transaction, group: number, who: Someone) => Promise<void>;
  /** A group has ended, and all have left it. */
  ended: (transaction: Transaction, group: number) => Promise<void>;
}>;

/** The transaction of an act on groups, which has taken its turn, and its time. */
export type Act = Readonly<{ transaction: Transaction; db: Tables; now: number; departures: Departures }>;

/** A group and what the one who acts is in it. */
export type Standing = Readonly<{ group: StoredGroup; role: MemberRole | undefined }>;

/** An account as rows name it. */
export type Someone = Readonly<{ account: number; id: string }>;

export const actIn = (transaction: Transaction, { now, departures }: Pick<Act, 'now' | 'departures'>): Act => ({
  transaction,
  db: tablesOf(transaction.sql),
  now,
  departures,
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
  await count(act, group, 1);
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

/** Lets a member out; the row is the last of the group that they read. */
export async function exit(act: Act, group: StoredGroup, { account, id }: Someone): Promise<void> {
  await act.db.deleteFrom('group_members').where('group_id', '=', group.id).where('account', '=', account).execute();
  await count(act, group, -1);
  const payload: MemberNamed = { groupId: idText(group.public_id), userId: id };
  const topic = topicOf('group', group.id);
  act.transaction.append({
    topic,
    peer: topicOf('user', account),
    type: groupEvents.memberRemoved,
    payload,
    moves: [{ account, topic, kind: 'leave' }],
  });
  await act.departures.left(act.transaction, group.id, { account, id });
}

/** A member leaves. After an owner the oldest admin follows, else the oldest member; with the last one the group ends. */
export async function depart(act: Act, { group, role }: Standing, who: Someone): Promise<void> {
  if (group.members === 1) {
    await erase(act, group);
    return;
  }
  await exit(act, group, who);
  if (role !== 'OWNER') return;
  const heir = (await oldest(act.db, group.id, 'ADMIN')) ?? (await oldest(act.db, group.id, 'MEMBER'));
  if (heir !== undefined) {
    await give(act, group, { account: heir.account, id: idText(heir.public_id), role: 'OWNER' });
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
  const payload: MemberChanged = { groupId: idText(group.public_id), userId: id, role };
  act.transaction.append({ topic: topicOf('group', group.id), type: groupEvents.roleChanged, payload });
}

/**
 * Ends a group: everybody leaves with the row that says so. Its own row stays, for its messages in the log name its
 * number: emptied, and SECRET, so that it exists for nobody. One statement a member on SQLite, inside the transaction.
 */
export async function erase(act: Act, group: StoredGroup): Promise<void> {
  const { db, transaction, now } = act;
  await db.deleteFrom('group_members').where('group_id', '=', group.id).execute();
  await db.deleteFrom('group_removals').where('group_id', '=', group.id).execute();
  await db.deleteFrom('group_words').where('group_id', '=', group.id).execute();
  await db
    .updateTable('groups')
    .set({ title: '', description: null, cover: null, type: 'SECRET', members: 0, updated_at: now })
    .where('id', '=', group.id)
    .execute();
  const topic = topicOf('group', group.id);
  const payload: GroupDeleted = { groupId: idText(group.public_id) };
  const moves = [{ topic, kind: 'end' }] as const;
  transaction.append({ topic, type: groupEvents.deleted, payload, moves });
  await act.departures.ended(transaction, group.id);
}

async function count({ db }: Act, group: StoredGroup, change: 1 | -1): Promise<void> {
  await db
    .updateTable('groups')
    .set((eb) => ({ members: eb('members', '+', change) }))
    .where('id', '=', group.id)
    .execute();
}

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
