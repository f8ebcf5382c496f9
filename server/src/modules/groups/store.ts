import type { Generated, Kysely, Selectable } from 'kysely';
import type { IdBytes } from '../../kernel/ids.ts';
import { idText } from '../../kernel/ids.ts';
import type { Group, GroupType, MemberRole } from './schema.ts';

export type GroupTables = {
  groups: {
    id: Generated<number>;
    public_id: IdBytes;
    title: string;
    description: string | null;
    cover: string | null;
    type: GroupType;
    created_at: number;
    updated_at: number;
    /** How many members it has; none: it was deleted, and only its number is still needed. */
    members: number;
  };
  group_members: { group_id: number; account: number; role: MemberRole; joined_at: number };
  group_removals: { group_id: number; account: number };
  /** Of the titles of PUBLIC groups. */
  group_words: { group_id: number; word: string };
  /** Of identity: read for public ids and names, and for whom somebody has blocked. */
  accounts: { id: number; public_id: IdBytes; username: string; avatar: string | null; deleted_at: number | null };
  blocks: { account: number; blocked: number };
};

export type StoredGroup = Selectable<GroupTables['groups']>;
export type Tables = Kysely<GroupTables>;

export const tablesOf = (sql: Kysely<object>): Tables => sql.withTables<GroupTables>();

export const groupFrom = (stored: Omit<StoredGroup, 'members'>): Group => ({
  id: idText(stored.public_id),
  title: stored.title,
  description: stored.description,
  cover: stored.cover,
  type: stored.type,
  createdAt: stored.created_at,
  updatedAt: stored.updated_at,
});

export async function findGroup(db: Tables, id: IdBytes): Promise<StoredGroup | undefined> {
  return db.selectFrom('groups').selectAll().where('public_id', '=', id).executeTakeFirst();
}

/** The internal number of an account that exists. */
export async function findAccount(db: Tables, id: IdBytes): Promise<number | undefined> {
  const query = db.selectFrom('accounts').select('id').where('public_id', '=', id).where('deleted_at', 'is', null);
  return (await query.executeTakeFirst())?.id;
}

export async function roleOf(db: Tables, group: number, account: number): Promise<MemberRole | undefined> {
  const member = await db
    .selectFrom('group_members')
    .select('role')
    .where('group_id', '=', group)
    .where('account', '=', account)
    .executeTakeFirst();
  return member?.role;
}

/** A member by public id, with the internal number and the role. */
export async function memberBy(
  db: Tables,
  group: number,
  id: IdBytes,
): Promise<{ account: number; role: MemberRole } | undefined> {
  return db
    .selectFrom('accounts as a')
    .innerJoin('group_members as m', 'm.account', 'a.id')
    .select(['m.account', 'm.role'])
    .where('a.public_id', '=', id)
    .where('m.group_id', '=', group)
    .executeTakeFirst();
}

/** The longest a member with this role, with the public id. */
export async function oldest(
  db: Tables,
  group: number,
  role: MemberRole,
): Promise<{ account: number; public_id: IdBytes } | undefined> {
  return db
    .selectFrom('group_members as m')
    .innerJoin('accounts as a', 'a.id', 'm.account')
    .select(['m.account', 'a.public_id'])
    .where('m.group_id', '=', group)
    .where('m.role', '=', role)
    .orderBy('m.joined_at')
    .orderBy('m.account')
    .limit(1)
    .executeTakeFirst();
}
