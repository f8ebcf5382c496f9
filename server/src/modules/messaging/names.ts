import type { Kysely } from 'kysely';
import { type IdBytes, idBytes, idText } from '../../kernel/ids.ts';
import type { GroupType } from '../groups/index.ts';

/** What the other side of a conversation is called: an account, or a group. */
export type ConversationNames = Readonly<{
  user: Readonly<{ id: string; username: string; avatar: string | null }> | null;
  group: Readonly<{ id: string; title: string; type: GroupType }> | null;
}>;

type Tables = {
  accounts: { public_id: IdBytes; username: string; avatar: string | null };
  groups: { public_id: IdBytes; title: string; type: GroupType; members: number };
};

/**
 * Of a page of conversations of somebody who takes part in all of them: a read of accounts and one of groups by their keys,
 * however many lines. A deleted account is called what its profile says, and a group that ended meanwhile nothing.
 */
export async function withNames<Side extends Readonly<{ id: string; type: 'DIRECT' | 'GROUP' }>>(
  read: Kysely<object>,
  conversations: readonly Side[],
): Promise<(Side & ConversationNames)[]> {
  const keysOf = (wanted: string) =>
    conversations.flatMap(({ id, type }) => (type === wanted ? (idBytes(id) ?? []) : []));
  const tables = read.withTables<Tables>();
  const [users, groups] = await Promise.all([
    inAny(keysOf('DIRECT'), (keys) =>
      tables
        .selectFrom('accounts')
        .select(['public_id', 'username', 'avatar'])
        .where('public_id', 'in', keys)
        .execute(),
    ),
    inAny(keysOf('GROUP'), (keys) =>
      tables
        .selectFrom('groups')
        .select(['public_id', 'title', 'type'])
        .where('public_id', 'in', keys)
        .where('members', '>', 0)
        .execute(),
    ),
  ]);
  return conversations.map((one) => ({ ...one, user: users.get(one.id) ?? null, group: groups.get(one.id) ?? null }));
}

async function inAny<Row extends { public_id: IdBytes }>(
  keys: readonly IdBytes[],
  find: (keys: readonly IdBytes[]) => Promise<Row[]>,
): Promise<Map<string, Omit<Row, 'public_id'> & { id: string }>> {
  const rows = keys.length === 0 ? [] : await find(keys);
  return new Map(
    rows.map(({ public_id, ...row }) => {
      const id = idText(public_id);
      return [id, { id, ...row }];
    }),
  );
}
