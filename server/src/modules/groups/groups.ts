import type { Kysely } from 'kysely';
import { type KeyUse, once } from '../../infra/log/keys.ts';
import type { Log } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes, idText, newId } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { groupErrors } from './errors.ts';
import { groupCreated, memberAdded } from './events.ts';
import type { Group, GroupDraft, GroupType, GroupWithMembers, MemberRole, NewMember } from './schema.ts';
import { findGroup, type GroupTables, groupFrom, roleOf, type StoredGroup } from './store.ts';

/** Members that a group's own answer lists; more are read in pages. */
const membersShown = 1_000;

/** Groups and who belongs to them. What a member may read is the log's interval that each of these acts opens. */
export class Groups {
  readonly #sql: Sql;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #byId: Statement<{ id: number; type: GroupType }>;

  constructor({ sql, log, clock }: { sql: Sql; log: Log; clock: Clock }) {
    this.#sql = sql;
    this.#log = log;
    this.#clock = clock;
    this.#byId = sql.statement('SELECT id, type FROM groups WHERE public_id = ?1');
  }

  /** The creator is its OWNER. The same `key` with the same draft gives the first group again. */
  async create(principal: Principal, draft: GroupDraft, key: string | null): Promise<Group> {
    const now = this.#clock.now();
    const id = newId();
    const { ref } = await this.#log.write((transaction) => {
      const use = this.#keyUse(principal, { key, operation: 'group:create', input: draft });
      return once(transaction, use, async () => {
        const tables = transaction.sql.withTables<GroupTables>();
        const row = {
          public_id: id,
          title: draft.title,
          description: draft.description ?? null,
          cover: draft.cover ?? null,
          type: draft.type ?? 'PRIVATE',
          created_at: now,
          updated_at: now,
        } as const;
        const made = await tables.insertInto('groups').values(row).returning('id').executeTakeFirstOrThrow();
        const owner = { group_id: made.id, account: principal.account, role: 'OWNER', joined_at: now } as const;
        await tables.insertInto('group_members').values(owner).execute();
        const payload = { groupId: idText(id), userId: principal.id };
        transaction.append(joining(groupCreated, made.id, { account: principal.account, payload }));
        return made.id;
      });
    });
    return groupFrom(await this.#byNumber(ref));
  }

  /** Refuses: GROUP_NOT_FOUND, NOT_ALLOWED, ADMIN_BY_OWNER, USER_NOT_FOUND, ALREADY_MEMBER. */
  async addMember(
    principal: Principal,
    groupId: string,
    { userId, role = 'MEMBER', key }: NewMember & { key: string | null },
  ): Promise<void> {
    const bytes = idBytes(groupId);
    const user = idBytes(userId);
    if (bytes === undefined) throw new Refusal(groupErrors.GROUP_NOT_FOUND);
    await this.#log.write((transaction) => {
      const use = this.#keyUse(principal, { key, operation: 'group:add', input: { groupId, userId, role } });
      return once(transaction, use, async () => {
        const group = await mayAdd(transaction.sql, bytes, { account: principal.account, role });
        const account = user && (await this.#insertMember(transaction.sql, { group, user, role }));
        if (account === undefined) throw new Refusal(groupErrors.USER_NOT_FOUND);
        const payload = { groupId: idText(bytes), userId: user && idText(user), role };
        transaction.append(joining(memberAdded, group, { account, payload }));
        return account;
      });
    });
  }

  async #insertMember(
    sql: Kysely<object>,
    { group, user, role }: { group: number; user: Uint8Array; role: MemberRole },
  ): Promise<number | undefined> {
    const tables = sql.withTables<GroupTables>();
    const found = await tables
      .selectFrom('accounts')
      .select('id')
      .where('public_id', '=', user)
      .where('deleted_at', 'is', null)
      .executeTakeFirst();
    if (found === undefined) return undefined;
    const inserted = await tables
      .insertInto('group_members')
      .values({ group_id: group, account: found.id, role, joined_at: this.#clock.now() })
      .onConflict((conflict) => conflict.doNothing())
      .returning('account')
      .execute();
    if (inserted.length === 0) throw new Refusal(groupErrors.ALREADY_MEMBER);
    return found.id;
  }

  /** A SECRET group does not exist for anybody outside; of a PRIVATE one a stranger sees the title, not the members. */
  async read(principal: Principal, groupId: string): Promise<GroupWithMembers> {
    const bytes = idBytes(groupId);
    const found = bytes && (await findGroup(this.#sql.read, bytes));
    if (found === undefined) throw new Refusal(groupErrors.GROUP_NOT_FOUND);
    const role = await roleOf(this.#sql.read, found.id, principal.account);
    if (role === undefined && found.type === 'SECRET') throw new Refusal(groupErrors.GROUP_NOT_FOUND);
    const open = role !== undefined || found.type === 'PUBLIC';
    return { ...groupFrom(found), members: open ? await this.#members(found.id) : [] };
  }

  /** For other modules: the group's internal number. */
  async find(groupId: string): Promise<{ group: number; isPublic: boolean; isSecret: boolean } | undefined> {
    const bytes = idBytes(groupId);
    const found = bytes && (await this.#byId.get(bytes));
    return found && { group: found.id, isPublic: found.type === 'PUBLIC', isSecret: found.type === 'SECRET' };
  }

  #keyUse(
    { account }: Principal,
    { key, operation, input }: { key: string | null; operation: string; input: unknown },
  ): KeyUse | null {
    return key === null ? null : { key, account, operation, input, at: this.#clock.now() };
  }

  async #byNumber(group: number): Promise<StoredGroup> {
    const tables = this.#sql.read.withTables<GroupTables>();
    return tables.selectFrom('groups').selectAll().where('id', '=', group).executeTakeFirstOrThrow();
  }

  async #members(group: number): Promise<{ userId: string; role: MemberRole }[]> {
    const rows = await this.#sql.read
      .withTables<GroupTables>()
      .selectFrom('group_members as m')
      .innerJoin('accounts as a', 'a.id', 'm.account')
      .select(['a.public_id', 'm.role'])
      .where('m.group_id', '=', group)
      .orderBy('m.account')
      .limit(membersShown)
      .execute();
    return rows.map(({ public_id, role }) => ({ userId: idText(public_id), role }));
  }
}

/** The group's number, when this account may add somebody with this role. */
async function mayAdd(
  sql: Kysely<object>,
  id: Uint8Array,
  { account, role }: { account: number; role: MemberRole },
): Promise<number> {
  const found = await findGroup(sql, id);
  const own = found && (await roleOf(sql, found.id, account));
  if (found === undefined || (own === undefined && found.type === 'SECRET')) {
    throw new Refusal(groupErrors.GROUP_NOT_FOUND);
  }
  if (own !== 'OWNER' && own !== 'ADMIN') throw new Refusal(groupErrors.NOT_ALLOWED);
  if (role === 'ADMIN' && own !== 'OWNER') throw new Refusal(groupErrors.ADMIN_BY_OWNER);
  return found.id;
}

/** The row that lets an account into a group: it is the first they may read. */
const joining = (type: string, group: number, { account, payload }: { account: number; payload: object }) => ({
  topic: topicOf('group', group),
  peer: topicOf('user', account),
  type,
  payload,
  moves: [{ account, topic: topicOf('group', group), kind: 'enter' } as const],
});
