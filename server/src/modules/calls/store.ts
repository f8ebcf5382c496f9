import type { Generated, Kysely, Selectable } from 'kysely';
import { isAmong, numberList } from '../../infra/sql/numbers.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import type { Call, CallStatus, CallType, PersonState } from './schema.ts';

export type CallTables = {
  calls: {
    id: Generated<number>;
    public_id: IdBytes;
    initiator: number;
    group_id: number | null;
    room: string;
    type: CallType;
    status: CallStatus;
    created_at: number;
    updated_at: number;
    /** When it ends by itself: unanswered, or after a day. */
    expires_at: number;
    ended_at: number | null;
  };
  call_people: {
    call_id: number;
    account: number;
    state: PersonState;
    direct: 0 | 1;
    joined_at: number | null;
    left_at: number | null;
  };
  /** Calls of each account's history. */
  call_counts: { account: number; total: number };
  /** Of identity and groups: who exists, who blocks whom, who belongs where. */
  accounts: { id: number; public_id: IdBytes; deleted_at: number | null };
  blocks: { account: number; blocked: number };
  groups: { id: number; public_id: IdBytes; type: string };
  group_members: { group_id: number; account: number };
};

export type CallRow = Selectable<CallTables['calls']>;
export type PersonRow = Selectable<CallTables['call_people']>;
export type Tables = Kysely<CallTables>;

export const tablesOf = (sql: Kysely<object>): Tables => sql.withTables<CallTables>();

export const isOver = ({ status }: Pick<CallRow, 'status'>): boolean => status === 'ENDED' || status === 'REJECTED';

/** Takes the call for this transaction: whoever else acts on it waits, and then finds it as this one left it. */
export async function takeCall(tables: Tables, id: IdBytes | number, now: number): Promise<CallRow | undefined> {
  return tables
    .updateTable('calls')
    .set({ updated_at: now })
    .where(typeof id === 'number' ? 'id' : 'public_id', '=', id)
    .returningAll()
    .executeTakeFirst();
}

export async function peopleOf(tables: Tables, call: number): Promise<PersonRow[]> {
  return tables.selectFrom('call_people').selectAll().where('call_id', '=', call).execute();
}

/** Puts people into a call and the call into their histories. Sorted, so that two transactions cannot wait for each other. */
export async function insertPeople(tables: Tables, people: readonly PersonRow[]): Promise<void> {
  const sorted = [...people].sort((left, right) => left.account - right.account);
  await tables.insertInto('call_people').values(sorted).execute();
  await tables
    .insertInto('call_counts')
    .values(sorted.map(({ account }) => ({ account, total: 1 })))
    .onConflict((conflict) =>
      conflict.column('account').doUpdateSet((eb) => ({ total: eb('call_counts.total', '+', 1) })),
    )
    .execute();
}

export async function updatePerson(
  tables: Tables,
  { call_id, account }: PersonRow,
  change: Partial<Pick<PersonRow, 'state' | 'joined_at' | 'left_at'>>,
): Promise<void> {
  await tables
    .updateTable('call_people')
    .set(change)
    .where('call_id', '=', call_id)
    .where('account', '=', account)
    .execute();
}

/** Whoever was in a call until its end has left it then. */
export async function endPeople(tables: Tables, call: number, at: number): Promise<void> {
  await tables
    .updateTable('call_people')
    .set({ state: 'LEFT', left_at: at })
    .where('call_id', '=', call)
    .where('state', '=', 'JOINED')
    .execute();
}

type Whose = { account: number | undefined; groups: readonly number[] | undefined };

/** Groups in one statement. */
const groupsAtOnce = 1_000;

/** Numbers of calls that are not over: those of groups, those that somebody is in or called to, or both. */
export async function callsUnderWay(
  tables: Tables,
  { account, groups }: { account?: number; groups?: readonly number[] },
): Promise<number[]> {
  const found: number[] = [];
  const slices = groups === undefined ? 1 : Math.ceil(groups.length / groupsAtOnce);
  for (let slice = 0; slice < slices; slice += 1) {
    const start = slice * groupsAtOnce;
    const query = underWay(tables, { account, groups: groups?.slice(start, start + groupsAtOnce) });
    found.push(...(await query.execute()).map(({ id }) => id));
  }
  // Sorted here and not there: they are few.
  return found.sort((left, right) => left - right);
}

const underWay = (tables: Tables, { account, groups }: Whose) =>
  tables
    .selectFrom('calls')
    .select('calls.id')
    .where('ended_at', 'is', null)
    .$if(groups !== undefined, (query) => query.where('group_id', 'in', groups ?? []))
    .$if(account !== undefined, (query) =>
      query
        .innerJoin('call_people as p', 'p.call_id', 'calls.id')
        .where('p.account', '=', account ?? 0)
        .where('p.state', 'in', ['INVITED', 'JOINED']),
    );

/** Whether an account is there and was not deleted. */
export async function exists(tables: Tables, account: number): Promise<boolean> {
  const found = await tables
    .selectFrom('accounts')
    .select('id')
    .where('id', '=', account)
    .where('deleted_at', 'is', null)
    .executeTakeFirst();
  return found !== undefined;
}

/** Which of these accounts have blocked this one, and which of them it has blocked. */
export async function blocksAround(
  tables: Tables,
  account: number,
  others: readonly number[],
): Promise<{ by: Set<number>; of: Set<number> }> {
  if (others.length === 0) return { by: new Set(), of: new Set() };
  const by = await tables
    .selectFrom('blocks')
    .select('account')
    .where('blocked', '=', account)
    .where('account', 'in', others)
    .execute();
  const of = await tables
    .selectFrom('blocks')
    .select('blocked')
    .where('account', '=', account)
    .where('blocked', 'in', others)
    .execute();
  return { by: new Set(by.map((row) => row.account)), of: new Set(of.map((row) => row.blocked)) };
}

export async function isMember(tables: Tables, group: number, account: number): Promise<boolean> {
  const found = await tables
    .selectFrom('group_members')
    .select('account')
    .where('group_id', '=', group)
    .where('account', '=', account)
    .executeTakeFirst();
  return found !== undefined;
}

type StoredCall = CallRow & { initiator_id: IdBytes; group_public_id: IdBytes | null };
type Participant = Pick<PersonRow, 'state' | 'joined_at' | 'left_at'> & { public_id: IdBytes; username: string };

/** Statements for reads by key. */
export function prepareReads(database: Sql) {
  const columns = `c.id, c.public_id, c.initiator, c.group_id, c.room, c.type, c.status, c.created_at, c.updated_at,
    c.expires_at, c.ended_at, i.public_id AS initiator_id, g.public_id AS group_public_id`;
  const from = 'FROM calls c JOIN accounts i ON i.id = c.initiator LEFT JOIN groups g ON g.id = c.group_id';
  const among = database.statement<StoredCall>(
    `SELECT ${columns} ${from} WHERE ${isAmong(database.engine, 'c.id', '?1')}`,
  );
  const own = 'SELECT call_id AS call FROM call_people WHERE account = ?1';
  return {
    among: (calls: readonly number[]) => among.all(numberList(database.engine, calls)),
    byId: database.statement<StoredCall>(`SELECT ${columns} ${from} WHERE c.public_id = ?1`),
    person: database.statement<{ direct: number }>(
      'SELECT direct FROM call_people WHERE call_id = ?1 AND account = ?2',
    ),
    isMember: database.statement<object>('SELECT 1 AS yes FROM group_members WHERE group_id = ?1 AND account = ?2'),
    participants: database.statement<Participant>(
      `SELECT a.public_id, a.username, p.state, p.joined_at, p.left_at FROM call_people p JOIN accounts a ON a.id = p.account
       WHERE p.call_id = ?1`,
    ),
    before: database.statement<{ call: number }>(`${own} AND call_id < ?2 ORDER BY call_id DESC LIMIT ?3`),
    after: database.statement<{ call: number }>(`${own} AND call_id > ?2 ORDER BY call_id LIMIT ?3`),
    total: database.statement<{ total: number }>('SELECT total FROM call_counts WHERE account = ?1'),
  };
}

export const callFrom = (stored: StoredCall): Call => ({
  id: idText(stored.public_id),
  initiatorId: idText(stored.initiator_id),
  groupId: stored.group_public_id === null ? null : idText(stored.group_public_id),
  room: stored.room,
  type: stored.type,
  status: stored.status,
  createdAt: stored.created_at,
  endedAt: stored.ended_at,
});
