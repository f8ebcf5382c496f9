import { sql } from 'kysely';
import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Entry, Question } from './schema.ts';
import { groupsOf, topicEntry, type WordStore } from './store.ts';
import { beginning } from './words.ts';

/** FTS5 walks its lists from the newest message on, all of them at once, and stops when it has found enough. */
export class SqliteWordStore implements WordStore {
  readonly #sql: Sql;

  constructor(database: Sql) {
    this.#sql = database;
  }

  async put(transaction: Transaction, entries: readonly Entry[]): Promise<void> {
    const rows = JSON.stringify(entries.map((entry) => [entry.seq, entry.entries.join(' ')]));
    await sql`insert or replace into message_words (rowid, entries)
      select value ->> 0, value ->> 1 from json_each(${rows})`.execute(transaction.sql);
  }

  async find({ account, words }: Question, { limit }: { limit: number }): Promise<number[]> {
    const own = `${matchOf(words)} AND (${quoted(topicEntry(topicOf('user', account)))}`;
    const query = sql<{ seq: number }>`
      select rowid as seq from message_words where message_words match (
        select ${own} || coalesce(group_concat(' OR ":' || topic || '"', ''), '') || ')' ${groupsOf(account)}
      ) order by rowid desc limit ${limit}`;
    return (await this.#sql.scan(query.compile(this.#sql.read))).map(({ seq }) => seq);
  }
}

const quoted = (entry: string): string => `"${entry}"`;

function matchOf(words: readonly string[]): string {
  const [last = '', ...others] = words.toReversed();
  return [`(${quoted(last)} OR ${quoted(beginning(last))})`, ...others.map(quoted)].join(' AND ');
}
