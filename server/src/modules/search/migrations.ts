import { type Kysely, sql } from 'kysely';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';

export const searchMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-57-message-words': {
    async up(db: Kysely<unknown>) {
      for (const statement of engine === 'sqlite' ? sqliteTables : postgresTables) await statement.execute(db);
    },
  },
});

/**
 * Under `rowid`, which is the message's number, its entries as one text: no content, no positions. The tokenizer only
 * cuts at spaces; what a word is was decided before.
 */
const sqliteTables = [
  sql`create virtual table message_words using fts5 (entries, content = '', contentless_delete = 1, detail = none,
        tokenize = "ascii tokenchars '.:'")`,
  // Bytes of a leaf: a search that steps from one leaf to another far away reads less of what lies between.
  sql`insert into message_words (message_words, rank) values ('pgsz', 1000)`,
];

const postgresTables = [
  sql`create table message_words (seq bigint primary key, entries tsvector not null)`,
  // New rows wait in a list that every search reads; a short one is read at once.
  sql`create index message_words_by_entry on message_words using gin (entries) with (gin_pending_list_limit = 256)`,
];
