import { type Expression, type Generated, type Kysely, type Selectable, type SqlBool, sql } from 'kysely';
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

/** Groups of an account with its role in each, in the order of their numbers. */
export async function membershipsOf(db: Tables, account: number): Promise<{ group: StoredGroup; role: MemberRole }[]> {
  const found = await db
    .selectFrom('group_members as m')
    .innerJoin('groups as g', 'g.id', 'm.group_id')
    .selectAll('g')
    .select('m.role')
    .where('m.account', '=', account)
    .orderBy('m.group_id')
    .execute();
  return found.map(({ role, ...group }) => ({ group, role }));
}

export type Heir = { group_id: number; account: number; public_id: IdBytes };

/** Of each of these groups `g` the longest an admin, or else the longest a member; none where nobody is left. */
export async function heirs(db: Tables, ofGroups: Expression<SqlBool>): Promise<Heir[]> {
  const oldest = (role: MemberRole) =>
    sql`(select m.account from group_members m where m.group_id = g.id and m.role = ${role}
         order by m.joined_at, m.account limit 1)`;
  const query = sql<Heir>`
    select h.group_id, h.account, a.public_id
    from (select g.id as group_id, coalesce(${oldest('ADMIN')}, ${oldest('MEMBER')}) as account
          from groups g where ${ofGroups}) as h
    join accounts a on a.id = h.account`;
  return (await query.execute(db)).rows;
}

/** Members in one statement. */
const slice = 500;

export async function makeOwners(db: Tables, members: readonly Heir[]): Promise<void> {
  for (let start = 0; start < members.length; start += slice) {
    const pairs = members
      .slice(start, start + slice)
      .map(({ group_id, account }) => sql`(cast(${group_id} as bigint), cast(${account} as bigint))`);
    await sql`update group_members set role = 'OWNER' where (group_id, account) in (values ${sql.join(pairs)})`.execute(
      db,
    );
  }
}
