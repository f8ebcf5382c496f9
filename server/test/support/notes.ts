import { sql as expression, type Kysely } from 'kysely';
import { PostgresLog } from '../../src/infra/log/log.postgres.ts';
import { SqliteLog } from '../../src/infra/log/log.sqlite.ts';
import type { Log, Row, Segment } from '../../src/infra/log/log.ts';
import { topicOf } from '../../src/infra/log/topic.ts';
import { PostgresSql } from '../../src/infra/sql/sql.postgres.ts';
import { SqliteSql } from '../../src/infra/sql/sql.sqlite.ts';
import type { Engine, Migrations, Sql } from '../../src/infra/sql/sql.ts';

/** The smallest module whose rows are rows of the log: what messaging does, without its rules. */
export const noteMigrations = (engine: Engine): Migrations => ({
  '2026-02-01-notes': {
    async up(db: Kysely<unknown>) {
      const key = engine === 'sqlite' ? expression`integer` : expression`bigint`;
      await expression`create table notes (seq ${key} primary key, account bigint not null,
        text text not null check (text <> 'poison'))`.execute(db);
      // A constraint that only COMMIT looks at.
      await expression`create table parents (id ${key} primary key)`.execute(db);
      await expression`create table children (parent bigint not null references parents (id) deferrable initially deferred)`.execute(
        db,
      );
    },
  },
});

export type NoteDraft = { account: number; text: string };
/** The number of what was written, or that it was refused: for an empty text. */
export type NoteVerdict = number | 'refused';

type StoredNote = { seq: number; account: number; text: string };

const rowOf = ({ seq, account, text }: StoredNote): Row => ({
  seq,
  topic: topicOf('user', account),
  peer: null,
  type: 'note',
  body: { text },
  moves: null,
  size: 0,
  at: 0,
});

/** A set-based act over one's own table, and the segment that reads it. */
export function openNotes(sql: Sql, log: Log): (draft: NoteDraft) => Promise<NoteVerdict> {
  log.addSegment(segmentOf(sql));
  if (log instanceof SqliteLog && sql instanceof SqliteSql) return onSqlite(sql, log);
  if (log instanceof PostgresLog && sql instanceof PostgresSql) return onPostgres(sql, log);
  throw new Error('A log of one engine over a database of another');
}

function segmentOf(sql: Sql): Segment {
  const between = sql.statement<StoredNote>('SELECT seq, account, text FROM notes WHERE seq > ?1 AND seq <= ?2');
  return {
    type: 'note',
    rowsBetween: async (after, upTo) => (await between.all(after, upTo)).map(rowOf),
    rowsAt: async (seqs) => {
      const found = await Promise.all(seqs.map((seq) => between.all(seq - 1, seq)));
      return found.flat().map(rowOf);
    },
  };
}

function onSqlite({ writer }: SqliteSql, log: SqliteLog) {
  const insert = writer.prepare('INSERT INTO notes (seq, account, text) VALUES (?, ?, ?)');
  return log.batch((drafts: readonly NoteDraft[]) =>
    drafts.map(({ account, text }): NoteVerdict => {
      if (text === '') return 'refused';
      const row = rowOf({ seq: log.nextSeq, account, text });
      insert.run(row.seq, account, text);
      log.appendStored(row);
      return row.seq;
    }),
  );
}

function onPostgres(sql: PostgresSql, log: PostgresLog) {
  return log.batch(async (drafts: readonly NoteDraft[]) => {
    const accepted = drafts.filter(({ text }) => text !== '');
    if (accepted.length === 0) return { verdicts: drafts.map((): NoteVerdict => 'refused'), commits: [] };
    const { rows: written } = await sql.pool.query<StoredNote>(
      `WITH first AS MATERIALIZED (SELECT log_number($1) AS seq),
         given AS (SELECT first.seq + n - 1 AS seq, (d->>'account')::bigint AS account, d->>'text' AS text
           FROM first, jsonb_array_elements($2) WITH ORDINALITY AS drafts(d, n)),
         indexed AS (INSERT INTO topic_rows (topic, seq) SELECT account * 8, seq FROM given)
       INSERT INTO notes (seq, account, text) SELECT seq, account, text FROM given RETURNING seq, account, text`,
      [accepted.length, JSON.stringify(accepted)],
    );
    const rows = written.sort((a, b) => a.seq - b.seq).map(rowOf);
    const numbers = rows.map(({ seq }) => seq);
    const verdicts = drafts.map(({ text }): NoteVerdict => (text === '' ? 'refused' : (numbers.shift() ?? 'refused')));
    return { verdicts, commits: [rows] };
  });
}
