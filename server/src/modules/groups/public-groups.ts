import { type Kysely, type RawBuilder, sql } from 'kysely';
import type { Engine, Sql } from '../../infra/sql/sql.ts';
import type { Page } from '../../kernel/page.ts';
import { wordsOf } from '../../kernel/words.ts';
import type { GroupType, PublicGroupList } from './schema.ts';
import { type GroupTables, groupFrom, type Tables, tablesOf } from './store.ts';

/** As far as groups are counted: who finds more of them must say more. */
const mostFound = 1_000;
/** How many of the groups with one word are looked at for the other words. */
const lookedAt = 10_000;
/** Words of one search. */
const mostWords = 8;

/** Under which words a group is found from now on: those of its title while it is PUBLIC, else none. */
export async function putWords(db: Tables, group: Titled): Promise<void> {
  await db.deleteFrom('group_words').where('group_id', '=', group.id).execute();
  const rows = rowsOf(group);
  if (rows.length > 0) await db.insertInto('group_words').values(rows).execute();
}

type Titled = { id: number; title: string; type: GroupType };

const rowsOf = ({ id, title, type }: Titled) =>
  type === 'PUBLIC' ? wordsOf(title).map((word) => ({ word, group_id: id })) : [];

/**
 * PUBLIC groups with all these words in the title, the last as the beginning of one; all of them without a text. The
 * newest first, of the first thousand that are found. Costs at most `lookedAt` steps in an index and as many looks at
 * each other word, off the event loop. Refuses UNAVAILABLE.
 */
export async function findPublic(
  database: Sql,
  text: string | undefined,
  { page, limit }: Page,
): Promise<PublicGroupList> {
  const words = text === undefined ? [] : wordsOf(text).slice(0, mostWords);
  if (text !== undefined && words.length === 0) return { groups: [], total: 0, capped: false };
  const query = text === undefined ? newest : withWords(words);
  const rows = await database.scan(query.compile(database.read));
  const found = rows.flatMap(({ id }) => id ?? []);
  const numbers = found.slice(0, mostFound);
  const shown = numbers.slice((page - 1) * limit, page * limit);
  const capped = found.length > mostFound || Number(rows[0]?.looked ?? 0) === lookedAt;
  return { groups: await publicAmong(database, shown), total: numbers.length, capped };
}

/** One row without a number says how many were looked at where none is found. */
type Found = { id: number | null; looked: number };

// The words of its index, so that both engines see that it serves, whatever the parameters.
const isPublic = sql<boolean>`type = 'PUBLIC'`;

const newest = sql<Found>`
  select id, 0 as looked from groups where ${isPublic} order by id desc limit ${mostFound + 1}`;

/** Looks through those with the longest whole word, for most likely they are the fewest. */
function withWords(words: readonly string[]): RawBuilder<Found> {
  const last = words.at(-1) ?? '';
  const whole = words.slice(0, -1).sort((left, right) => right.length - left.length);
  const [first, ...others] = whole;
  const driving = first === undefined ? sql`word >= ${last} and word < ${`${last}\u{10ffff}`}` : sql`word = ${first}`;
  const also = others.map((word) => sql`w.word = ${word}`);
  // Looked for among the words of the one group: no range of the index of words, which may be long.
  if (first !== undefined) also.push(sql`substr(w.word, 1, ${[...last].length}) = ${last}`);
  // A value and not `exists`, of which PostgreSQL would make a join with all groups that have the word.
  const has = also.map(
    (condition) => sql`(select 1 from group_words w where w.group_id = d.group_id and ${condition} limit 1) = 1`,
  );
  return sql<Found>`
    with d as (select group_id from group_words where ${driving} order by word, group_id desc limit ${lookedAt})
    select f.id, l.looked from (select count(*) as looked from d) l left join (
      select distinct group_id as id from d where ${sql.join([sql`1 = 1`, ...has], sql` and `)}
      order by id desc limit ${mostFound + 1}
    ) f on 1 = 1 order by f.id desc`;
}

/** One that is PUBLIC no more since it was found is missing. */
async function publicAmong(database: Sql, numbers: readonly number[]): Promise<PublicGroupList['groups']> {
  if (numbers.length === 0) return [];
  const rows = await tablesOf(database.read)
    .selectFrom('groups')
    .selectAll()
    .where('id', 'in', numbers)
    .where('type', '=', 'PUBLIC')
    .orderBy('id', 'desc')
    .execute();
  return rows.map((row) => ({ ...groupFrom(row), memberCount: row.members }));
}

/** The table, and in it the groups that are PUBLIC already. */
export async function createWords(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const isSqlite = engine === 'sqlite';
  // In the order of bytes on both engines: a beginning is a range.
  const text = isSqlite ? sql`text` : sql`text collate "C"`;
  const statements = [
    sql`create table group_words (group_id bigint not null, word ${text} not null, primary key (group_id, word))
      ${isSqlite ? sql`without rowid` : sql``}`,
    sql`create index group_words_by_word on group_words (word, group_id desc)`,
    sql`create index groups_public on groups (id) where ${isPublic}`,
  ];
  for (const statement of statements) await statement.execute(db);
  const tables = db.withTables<GroupTables>();
  const next = (after: number) =>
    tables.selectFrom('groups').select(['id', 'title', 'type']).where(isPublic).where('id', '>', after);
  for (let after = 0; ; ) {
    // As many as one statement may have parameters for, should each letter of their titles be a word.
    const part = await next(after).orderBy('id').limit(100).execute();
    const rows = part.flatMap(rowsOf);
    if (rows.length > 0) await tables.insertInto('group_words').values(rows).execute();
    const last = part.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}
