import { Refusal } from '../../kernel/errors.ts';
import { type IdBytes, idBytes, idText } from '../../kernel/ids.ts';
import { callErrors } from './errors.ts';
import { type CallDraft, mostCalled } from './schema.ts';
import { blocksAround, isMember, type Tables } from './store.ts';

/** Whom a call rings, and whether each was named or is called as a member of the group. */
export type Invitation = Readonly<{ group: number | null; people: ReadonlyMap<number, { direct: boolean }> }>;

/**
 * Decides inside the transaction of a call who is called. Who is named must exist, and between them and the caller there
 * is no block; members of the group with a block in either direction are not rung, and not told why.
 */
export async function inviteTo(tables: Tables, caller: number, draft: CallDraft): Promise<Invitation> {
  const group = draft.groupId == null ? null : await groupOf(tables, draft.groupId, caller);
  const named = await accountsOf(tables, draft.participantIds ?? []);
  named.delete(caller);
  const members = group === null ? [] : await membersOf(tables, group, caller);
  const all = new Set([...named, ...members]);
  if (all.size === 0) throw new Refusal(callErrors.NOBODY_CALLED);
  if (all.size > mostCalled) throw new Refusal(callErrors.TOO_MANY_CALLED);
  const blocks = await blocksAround(tables, caller, [...all]);
  const people = new Map<number, { direct: boolean }>();
  for (const account of all) {
    const direct = named.has(account);
    if (direct && blocks.by.has(account)) throw new Refusal(callErrors.BLOCKED);
    if (direct && blocks.of.has(account)) throw new Refusal(callErrors.HAS_BLOCKED);
    if (!blocks.by.has(account) && !blocks.of.has(account)) people.set(account, { direct });
  }
  return { group, people };
}

/** A SECRET group does not exist for anybody outside. */
async function groupOf(tables: Tables, id: string, caller: number): Promise<number> {
  const bytes = idBytes(id);
  const found =
    bytes &&
    (await tables.selectFrom('groups').select(['id', 'type']).where('public_id', '=', bytes).executeTakeFirst());
  if (found === undefined) throw new Refusal(callErrors.GROUP_NOT_FOUND);
  if (await isMember(tables, found.id, caller)) return found.id;
  throw new Refusal(found.type === 'SECRET' ? callErrors.GROUP_NOT_FOUND : callErrors.NOT_A_MEMBER);
}

/** One more than may be called is enough to know. */
async function membersOf(tables: Tables, group: number, caller: number): Promise<number[]> {
  const members = await tables
    .selectFrom('group_members')
    .select('account')
    .where('group_id', '=', group)
    .where('account', '!=', caller)
    .limit(mostCalled + 1)
    .execute();
  return members.map(({ account }) => account);
}

async function accountsOf(tables: Tables, ids: readonly string[]): Promise<Set<number>> {
  const wanted = new Map<string, IdBytes>();
  for (const id of ids) {
    const bytes = idBytes(id);
    if (bytes === undefined) throw new Refusal(callErrors.USER_NOT_FOUND);
    wanted.set(idText(bytes), bytes);
  }
  if (wanted.size === 0) return new Set();
  const found = await tables
    .selectFrom('accounts')
    .select('id')
    .where('public_id', 'in', [...wanted.values()])
    .where('deleted_at', 'is', null)
    .execute();
  if (found.length < wanted.size) throw new Refusal(callErrors.USER_NOT_FOUND);
  return new Set(found.map(({ id }) => id));
}
