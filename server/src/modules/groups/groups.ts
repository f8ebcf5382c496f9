import { type KeyUse, once } from '../../infra/log/keys.ts';
import type { Log, Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { idBytes, idText, newId } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import { groupErrors } from './errors.ts';
import { type GroupUpdated, groupEvents, type MemberNamed } from './events.ts';
import { groupsOf, membersOf } from './lists.ts';
import {
  type Act,
  actIn,
  type Departures,
  depart,
  enter,
  erase,
  exit,
  forgetRemoval,
  give,
  refuseBlocked,
  standing,
  wasRemoved,
} from './membership.ts';
import { findPublic, putWords } from './public-groups.ts';
import type {
  Group,
  GroupChanges,
  GroupDraft,
  GroupList,
  GroupType,
  GroupWithMembers,
  MemberList,
  MemberRole,
  NewMember,
  PublicGroupList,
} from './schema.ts';
import {
  findAccount,
  findGroup,
  groupFrom,
  memberBy,
  membershipsOf,
  roleOf,
  type StoredGroup,
  tablesOf,
} from './store.ts';

/** Members that a group's own answer lists; more are read in pages. */
const membersShown = 1_000;

/** Who outranks whom. */
const ranks: Readonly<Record<MemberRole, number>> = { OWNER: 2, ADMIN: 1, MEMBER: 0 };

type Keyed = { key: string | null; operation: string; input: unknown };

/**
 * Groups and who belongs to them. What a member may read is the log's interval that each of these acts opens or closes.
 * A group that exists has exactly one owner. Every act refuses GROUP_NOT_FOUND for a group that is none, and to a
 * stranger for a SECRET one.
 */
export class Groups {
  readonly #sql: Sql;
  readonly #log: Log;
  readonly #clock: Clock;
  /** What happens to whoever goes, in the same transaction: set by whoever stands above groups. */
  departures: Departures = { left: async () => {}, ended: async () => {} };
  readonly #byId: Statement<{ id: number; type: GroupType }>;
  readonly #asMember: Statement<{ id: number; type: GroupType; members: number; role: MemberRole | null }>;

  constructor({ sql, log, clock }: { sql: Sql; log: Log; clock: Clock }) {
    this.#sql = sql;
    this.#log = log;
    this.#clock = clock;
    this.#byId = sql.statement('SELECT id, type FROM groups WHERE public_id = ?1');
    this.#asMember = sql.statement(
      `SELECT g.id, g.type, g.members, m.role FROM groups g
       LEFT JOIN group_members m ON m.group_id = g.id AND m.account = ?2 WHERE g.public_id = ?1`,
    );
  }

  /**
   * The creator is its OWNER. The same `key` with the same draft gives the first group again, while one belongs to it.
   */
  async create(principal: Principal, draft: GroupDraft, key: string | null): Promise<Group> {
    const id = newId();
    const ref = await this.#once(principal, { key, operation: 'group:create', input: draft }, async (act) => {
      await this.#mustExist(act, principal);
      const row = {
        public_id: id,
        title: draft.title,
        description: draft.description ?? null,
        cover: draft.cover ?? null,
        type: draft.type ?? 'PRIVATE',
        created_at: act.now,
        updated_at: act.now,
        members: 1,
      } as const;
      const made = await act.db.insertInto('groups').values(row).returning('id').executeTakeFirstOrThrow();
      const { account } = principal;
      const owner = { group_id: made.id, account, role: 'OWNER', joined_at: act.now } as const;
      await act.db.insertInto('group_members').values(owner).execute();
      await putWords(act.db, { ...row, id: made.id });
      const payload: MemberNamed = { groupId: idText(id), userId: principal.id };
      const topic = topicOf('group', made.id);
      const moves = [{ account, topic, kind: 'enter' }] as const;
      act.transaction.append({ topic, peer: topicOf('user', account), type: groupEvents.created, payload, moves });
      return made.id;
    });
    const group = await this.#byNumber(ref);
    // It may have become what it is under others since.
    const own = await this.#asMember.get(group.public_id, principal.account);
    if (own === undefined || own.role === null) throw new Refusal(groupErrors.GROUP_NOT_FOUND);
    return groupFrom(group);
  }

  /** By its owner or an admin. Refuses: NOT_ALLOWED. */
  async update(principal: Principal, groupId: string, changes: GroupChanges): Promise<Group> {
    return this.#act(async (act) => {
      const { group, role } = await standing(act, idBytes(groupId), principal.account);
      if (role !== 'OWNER' && role !== 'ADMIN') throw new Refusal(groupErrors.NOT_ALLOWED);
      const known = groupFrom(group);
      const { title = known.title, description = known.description, cover = known.cover, type = known.type } = changes;
      const wanted: GroupUpdated = { ...known, title, description, cover, type, updatedAt: act.now };
      if (JSON.stringify({ ...wanted, updatedAt: known.updatedAt }) === JSON.stringify(known)) return known;
      const row = { title, description, cover, type, updated_at: act.now };
      await act.db.updateTable('groups').set(row).where('id', '=', group.id).execute();
      if (title !== known.title || type !== known.type) await putWords(act.db, { ...row, id: group.id });
      const topic = topicOf('group', group.id);
      act.transaction.append({ topic, type: groupEvents.updated, payload: wanted });
      return wanted;
    });
  }

  /** By its owner. Everybody leaves; nobody reads its messages any more. Refuses: OWNER_ONLY. */
  async remove(principal: Principal, groupId: string): Promise<void> {
    await this.#act(async (act) => {
      const { group, role } = await standing(act, idBytes(groupId), principal.account);
      if (role !== 'OWNER') throw new Refusal(groupErrors.OWNER_ONLY);
      await erase(act, [group]);
    });
  }

  /** Refuses: NOT_ALLOWED, ADMIN_BY_OWNER, USER_NOT_FOUND, BLOCKED, ALREADY_MEMBER. */
  async addMember(
    principal: Principal,
    groupId: string,
    { userId, role = 'MEMBER', key }: NewMember & { key: string | null },
  ): Promise<void> {
    const user = idBytes(userId);
    const input = { groupId, userId, role };
    await this.#once(principal, { key, operation: 'group:add', input }, async (act) => {
      const account = user && (await findAccount(act.db, user));
      const { group, role: own } = await standing(act, idBytes(groupId), principal.account);
      if (own !== 'OWNER' && own !== 'ADMIN') throw new Refusal(groupErrors.NOT_ALLOWED);
      if (role === 'ADMIN' && own !== 'OWNER') throw new Refusal(groupErrors.ADMIN_BY_OWNER);
      if (user === undefined || account === undefined) throw new Refusal(groupErrors.USER_NOT_FOUND);
      await refuseBlocked(act, { by: account, who: principal.account });
      await enter(act, group, { account, id: idText(user), role });
      await forgetRemoval(act, group, account);
      return account;
    });
  }

  /** A PUBLIC group can be joined by everybody whom nobody has removed. Refuses: NOT_OPEN, WAS_REMOVED, ALREADY_MEMBER. */
  async join(principal: Principal, groupId: string, key: string | null): Promise<void> {
    await this.#once(principal, { key, operation: 'group:join', input: groupId }, async (act) => {
      await this.#mustExist(act, principal);
      const { group, role } = await standing(act, idBytes(groupId), principal.account);
      if (role !== undefined) throw new Refusal(groupErrors.ALREADY_MEMBER);
      if (group.type !== 'PUBLIC') throw new Refusal(groupErrors.NOT_OPEN);
      if (await wasRemoved(act, group, principal.account)) throw new Refusal(groupErrors.WAS_REMOVED);
      await enter(act, group, { account: principal.account, id: principal.id, role: 'MEMBER' });
      return group.id;
    });
  }

  /** By the owner, of members also by an admin; they cannot join again by themselves. Refuses: NOT_ALLOWED, MEMBER_NOT_FOUND, NOT_BELOW. */
  async removeMember(principal: Principal, groupId: string, userId: string): Promise<void> {
    const user = idBytes(userId);
    await this.#act(async (act) => {
      const { group, role } = await standing(act, idBytes(groupId), principal.account);
      if (role !== 'OWNER' && role !== 'ADMIN') throw new Refusal(groupErrors.NOT_ALLOWED);
      const member = user && (await memberBy(act.db, group.id, user));
      if (user === undefined || member === undefined) throw new Refusal(groupErrors.MEMBER_NOT_FOUND);
      if (ranks[role] <= ranks[member.role]) throw new Refusal(groupErrors.NOT_BELOW);
      await exit(act, [group], { account: member.account, id: idText(user) });
      await act.db.insertInto('group_removals').values({ group_id: group.id, account: member.account }).execute();
    });
  }

  /**
   * By the owner, who becomes an admin by making somebody else the owner. Refuses: OWNER_ONLY, MEMBER_NOT_FOUND,
   * OWNER_HANDS_OVER for another role for oneself.
   */
  async setRole(principal: Principal, groupId: string, member: { userId: string; role: MemberRole }): Promise<void> {
    const user = idBytes(member.userId);
    await this.#act(async (act) => {
      const { group, role: own } = await standing(act, idBytes(groupId), principal.account);
      if (own !== 'OWNER') throw new Refusal(groupErrors.OWNER_ONLY);
      const known = user && (await memberBy(act.db, group.id, user));
      if (user === undefined || known === undefined) throw new Refusal(groupErrors.MEMBER_NOT_FOUND);
      if (known.role === member.role) return;
      if (known.role === 'OWNER') throw new Refusal(groupErrors.OWNER_HANDS_OVER);
      await give(act, group, { account: known.account, id: idText(user), role: member.role });
      if (member.role !== 'OWNER') return;
      await give(act, group, { account: principal.account, id: principal.id, role: 'ADMIN' });
    });
  }

  /** After an owner somebody follows; with the last member the group ends. Refuses: NOT_A_MEMBER. */
  async leave(principal: Principal, groupId: string, key: string | null): Promise<void> {
    await this.#once(principal, { key, operation: 'group:leave', input: groupId }, async (act) => {
      const found = await standing(act, idBytes(groupId), principal.account);
      if (found.role === undefined) throw new Refusal(groupErrors.NOT_A_MEMBER);
      await depart(act, [found], principal);
      return found.group.id;
    });
  }

  /** Inside the transaction that deletes an account, which has taken its turn: it leaves every group. */
  async leaveAll(transaction: Transaction, who: { account: number; id: string }): Promise<void> {
    const act = this.#actIn(transaction);
    await depart(act, await membershipsOf(act.db, who.account), who);
  }

  /** A SECRET group does not exist for anybody outside; of a PRIVATE one a stranger sees the title. */
  async read(principal: Principal, groupId: string): Promise<GroupWithMembers> {
    const { stored, open } = await this.#visible(principal, groupId);
    const group = groupFrom(stored);
    if (!open) return { ...group, description: null, cover: null, members: [] };
    const page = { page: 1, limit: membersShown };
    return { ...group, members: (await membersOf(this.#sql, stored, page)).members };
  }

  /** The groups one belongs to, the newest group first. */
  list(principal: Principal, page: Page): Promise<GroupList> {
    return groupsOf(this.#sql, principal.account, page);
  }

  /** PUBLIC groups by words of their titles, or all of them; the newest first, as far as a thousand. Refuses UNAVAILABLE. */
  listPublic(text: string | undefined, page: Page): Promise<PublicGroupList> {
    return findPublic(this.#sql, text, page);
  }

  /** In the order of their accounts. Refuses: NOT_A_MEMBER for a PRIVATE group. */
  async members(principal: Principal, groupId: string, page: Page): Promise<MemberList> {
    const { stored, open } = await this.#visible(principal, groupId);
    if (!open) throw new Refusal(groupErrors.NOT_A_MEMBER);
    return membersOf(this.#sql, stored, page);
  }

  /** For other modules: the group's internal number. */
  async find(groupId: string): Promise<{ group: number; isPublic: boolean; isSecret: boolean } | undefined> {
    const bytes = idBytes(groupId);
    const found = bytes && (await this.#byId.get(bytes));
    return found && { group: found.id, isPublic: found.type === 'PUBLIC', isSecret: found.type === 'SECRET' };
  }

  /** For other modules: a group that one belongs to. Refuses: NOT_A_MEMBER. */
  async membership({ account }: Principal, groupId: string): Promise<{ group: number; members: number }> {
    const bytes = idBytes(groupId);
    const found = bytes && (await this.#asMember.get(bytes, account));
    if (found === undefined || (found.role === null && found.type === 'SECRET')) {
      throw new Refusal(groupErrors.GROUP_NOT_FOUND);
    }
    if (found.role === null) throw new Refusal(groupErrors.NOT_A_MEMBER);
    return { group: found.id, members: found.members };
  }

  /** `open`: whether the caller may see more than the title. */
  async #visible(principal: Principal, groupId: string): Promise<{ stored: StoredGroup; open: boolean }> {
    const db = tablesOf(this.#sql.read);
    const bytes = idBytes(groupId);
    const stored = bytes && (await findGroup(db, bytes));
    const role = stored && (await roleOf(db, stored.id, principal.account));
    if (stored === undefined || (role === undefined && stored.type === 'SECRET')) {
      throw new Refusal(groupErrors.GROUP_NOT_FOUND);
    }
    return { stored, open: role !== undefined || stored.type === 'PUBLIC' };
  }

  /** One after another: who may do what, and who follows an owner, is decided from rows that nobody else changes. */
  #act<Result>(perform: (act: Act) => Promise<Result>): Promise<Result> {
    return this.#log.write(async (transaction) => {
      await transaction.takeTurn();
      return perform(this.#actIn(transaction));
    });
  }

  #actIn(transaction: Transaction): Act {
    const { departures } = this;
    return actIn(transaction, { engine: this.#sql.engine, now: this.#clock.now(), departures });
  }

  /** `perform` answers the internal number of what it was about. */
  async #once(principal: Principal, keyed: Keyed, perform: (act: Act) => Promise<number>): Promise<number> {
    return this.#act(async (act) => {
      const { key, operation, input } = keyed;
      const use: KeyUse | null =
        key === null ? null : { key, account: principal.account, operation, input, at: act.now };
      return (await once(act.transaction, use, () => perform(act))).ref;
    });
  }

  /** Somebody whose account was deleted meanwhile becomes a member of nothing. */
  async #mustExist(act: Act, { id }: Principal): Promise<void> {
    const bytes = idBytes(id);
    const account = bytes && (await findAccount(act.db, bytes));
    if (account === undefined) throw new Refusal(commonErrors.UNAUTHENTICATED);
  }

  async #byNumber(group: number): Promise<StoredGroup> {
    return tablesOf(this.#sql.read).selectFrom('groups').selectAll().where('id', '=', group).executeTakeFirstOrThrow();
  }
}
