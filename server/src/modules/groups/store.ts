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
  };
  group_members: { group_id: number; account: number; role: MemberRole; joined_at: number };
  /** Of identity: read for its public ids only. */
  accounts: { id: number; public_id: IdBytes; deleted_at: number | null };
};

export type StoredGroup = Selectable<GroupTables['groups']>;

export const groupFrom = (stored: StoredGroup): Group => ({
  id: idText(stored.public_id),
  title: stored.title,
  description: stored.description,
  cover: stored.cover,
  type: stored.type,
  createdAt: stored.created_at,
  updatedAt: stored.updated_at,
});

export async function findGroup(db: Kysely<object>, id: IdBytes): Promise<StoredGroup | undefined> {
  return db.withTables<GroupTables>().selectFrom('groups').selectAll().where('public_id', '=', id).executeTakeFirst();
}

export async function roleOf(db: Kysely<object>, group: number, account: number): Promise<MemberRole | undefined> {
  const member = await db
    .withTables<GroupTables>()
    .selectFrom('group_members')
    .select('role')
    .where('group_id', '=', group)
    .where('account', '=', account)
    .executeTakeFirst();
  return member?.role;
}
