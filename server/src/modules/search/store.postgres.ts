import { sql } from 'kysely';
import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Entry, Question } from './schema.ts';
import { groupsOf, topicEntry, type WordStore } from './store.ts';
import { beginning } from './words.ts';

/** Messages are looked for in the newest 65 thousand numbers or so, then in eight times as many, and so on. */
const spans = [2 ** 16, 2 ** 19, 2 ** 22, 2 ** 25];

/**
 * A GIN index gives all that it finds and in no order. So each message also has entries for where in the log it lies,
 * and a search for a common word stops among the newest, however many there are.
 */
export class PostgresWordStore implements WordStore {
  readonly #sql: Sql;

  constructor(database: Sql) {
    this.#sql = database;
  }

  async put(transaction: Transaction, entries: readonly Entry[]): Promise<void> {
    const rows = entries.map(({ seq, entries: found }) => ({ seq, entries: [...found, ...placesOf(seq)] }));
    await sql`insert into message_words (seq, entries)
      select r.seq, array_to_tsvector(array(select jsonb_array_elements_text(r.entries)))
      from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) as r(seq bigint, entries jsonb)
      on conflict (seq) do update set entries = excluded.entries`.execute(transaction.sql);
  }

  async find(question: Question, { upTo, limit }: { upTo: number; limit: number }): Promise<number[]> {
    for (const span of spans.filter((size) => upTo >= 2 * size)) {
      const bucket = Math.floor(upTo / span);
      // The next one too: it may have begun meanwhile.
      const places = [bucket - 1, bucket, bucket + 1].map((place) => quoted(placeEntry(span, place)));
      const found = await this.#findAmong(question, ` & (${places.join(' | ')})`, limit);
      if (found.length === limit) return found;
    }
    return this.#findAmong(question, '', limit);
  }

  async #findAmong({ account, words }: Question, places: string, limit: number): Promise<number[]> {
    const own = `${matchOf(words)}${places} & (${quoted(topicEntry(topicOf('user', account)))}`;
    // Materialized: otherwise a planner that knows no words walks along the numbers and looks at every message.
    const query = sql<{ seq: number }>`
      with found as materialized (
        select seq from message_words where entries @@ (
          select (${own}::text || coalesce(string_agg(' | '':' || topic || '''', ''), '') || ')')::tsquery ${groupsOf(account)})
      )
      select seq from found order by seq desc limit ${limit}`;
    return (await this.#sql.scan(query.compile(this.#sql.read))).map(({ seq }) => seq);
  }
}

const placeEntry = (span: number, place: number): string => `@${span}.${place}`;
const placesOf = (seq: number): string[] => spans.map((span) => placeEntry(span, Math.floor(seq / span)));

const quoted = (entry: string): string => `'${entry}'`;

function matchOf(words: readonly string[]): string {
  const [last = '', ...others] = words.toReversed();
  return [`(${quoted(last)} | ${quoted(beginning(last))})`, ...others.map(quoted)].join(' & ');
}
