import { sql } from 'kysely';
import type { Sql } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes, idText } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import { groupErrors } from './errors.ts';
import type { GroupList, MemberList } from './schema.ts';
import { groupFrom, memberBy, type StoredGroup, type Tables, tablesOf } from './store.ts';

/** The groups of an account, the newest first. Off the event loop, the count too: how many they are is not bounded. */
export async function groupsOf(
  database: Sql,
  account: number,
  { page, limit, before, after }: Page,
): Promise<GroupList> {
  const db = tablesOf(database.read);
  const own = db.selectFrom('group_members as m').where('m.account', '=', account);
  const part = own.innerJoin('groups as g', 'g.id', 'm.group_id').selectAll('g').limit(limit);
  let query = part.orderBy('m.group_id', 'desc');
  if (after !== undefined)
    query = part.where('m.group_id', '>', await ownGroup(db, account, after)).orderBy('m.group_id');
  else if (before !== undefined) query = query.where('m.group_id', '<', await ownGroup(db, account, before));
  else query = query.offset((page - 1) * limit);
  const [rows, counted] = await Promise.all([
    database.scan(query.compile()),
    database.scan(own.select(sql<number>`count(*)`.as('total')).compile()),
  ]);
  const groups = rows.map(groupFrom);
  return { groups: after === undefined ? groups : groups.reverse(), total: counted[0]?.total ?? 0 };
}

/** Only one's own can be a place in the list: of others one does not learn here whether they exist. */
async function ownGroup(db: Tables, account: number, id: string): Promise<number> {
  const bytes = idBytes(id);
  const found =
    bytes &&
    (await db
      .selectFrom('groups as g')
      .innerJoin('group_members as m', 'm.group_id', 'g.id')
      .select('g.id')
      .where('g.public_id', '=', bytes)
      .where('m.account', '=', account)
      .executeTakeFirst());
  if (found === undefined) throw new Refusal(groupErrors.GROUP_NOT_FOUND);
  return found.id;
}

/** The members of a group in the order of their internal numbers. */
export async function membersOf(
  database: Sql,
  group: StoredGroup,
  { page, limit, before, after }: Page,
): Promise<MemberList> {
  const db = tablesOf(database.read);
  const part = db
    .selectFrom('group_members as m')
    .innerJoin('accounts as a', 'a.id', 'm.account')
    .select(['a.public_id', 'a.username', 'a.avatar', 'm.role'])
    .where('m.group_id', '=', group.id)
    .limit(limit);
  let query = part.orderBy('m.account');
  if (before !== undefined) {
    query = part.where('m.account', '<', await memberNumber(db, group, before)).orderBy('m.account', 'desc');
  } else if (after !== undefined) query = query.where('m.account', '>', await memberNumber(db, group, after));
  else query = query.offset((page - 1) * limit);
  const rows = await database.scan(query.compile());
  const members = rows.map(({ public_id, username, avatar, role }) => ({
    userId: idText(public_id),
    username,
    avatar,
    role,
  }));
  return { members: before === undefined ? members : members.reverse(), total: group.members };
}

async function memberNumber(db: Tables, group: StoredGroup, id: string): Promise<number> {
  const bytes = idBytes(id);
  const found = bytes && (await memberBy(db, group.id, bytes));
  if (found === undefined) throw new Refusal(groupErrors.MEMBER_NOT_FOUND);
  return found.account;
}
