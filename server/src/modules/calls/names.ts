import { isAmong, numberList } from '../../infra/sql/numbers.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import type { GroupType } from '../groups/index.ts';
import type { CallNames, NamedPerson } from './schema.ts';

/** Of a call without a group, as many of the others are named in a list. */
const othersNamed = 5;

type Head = Person & { group_id: IdBytes | null; title: string | null; type: GroupType | null };
type Person = { call: number; public_id: IdBytes; username: string; avatar: string | null };

/**
 * What the people and groups of a page of calls are called: two statements, however many calls. A SECRET group has a name
 * only for its members, and one that was deleted has none; a deleted account is called what its profile says.
 */
export function prepareNames(
  database: Sql,
): (account: number, calls: readonly number[]) => Promise<Map<number, CallNames>> {
  const head = database.statement<Head>(
    `SELECT c.id AS call, i.public_id, i.username, i.avatar, g.public_id AS group_id, g.title, g.type
     FROM calls c JOIN accounts i ON i.id = c.initiator LEFT JOIN groups g ON g.id = c.group_id AND g.members > 0 AND
       (g.type <> 'SECRET' OR EXISTS (SELECT 1 FROM group_members m WHERE m.group_id = g.id AND m.account = ?2))
     WHERE ${isAmong(database.engine, 'c.id', '?1')}`,
  );
  const others = database.statement<Person>(
    `SELECT p.call_id AS call, a.public_id, a.username, a.avatar
     FROM calls c JOIN call_people p ON p.call_id = c.id JOIN accounts a ON a.id = p.account
     WHERE ${isAmong(database.engine, 'c.id', '?1')} AND c.group_id IS NULL AND p.account IN (
       SELECT q.account FROM call_people q WHERE q.call_id = c.id AND q.account <> ?2 ORDER BY q.account LIMIT ${othersNamed})`,
  );
  return async (account, calls) => {
    const numbers = numberList(database.engine, calls);
    const [heads, people] = await Promise.all([head.all(numbers, account), others.all(numbers, account)]);
    const byCall = Map.groupBy(people, ({ call }) => call);
    return new Map(heads.map((one) => [one.call, namesFrom(one, byCall.get(one.call) ?? [])]));
  };
}

const namesFrom = (head: Head, others: readonly Person[]): CallNames => ({
  initiator: personFrom(head),
  group:
    head.group_id === null || head.title === null || head.type === null
      ? null
      : { id: idText(head.group_id), title: head.title, type: head.type },
  others: others.map(personFrom),
});

const personFrom = ({ public_id, username, avatar }: Person): NamedPerson => ({
  id: idText(public_id),
  username,
  avatar,
});
