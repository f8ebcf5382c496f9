import { type Kysely, sql } from 'kysely';
import type { Engine, Migrations } from '../sql/sql.ts';
import { newEpoch } from './epoch.ts';

/** Tables whose rows are found by their whole primary key and nothing else. */
const byKeyOnly = (engine: Engine) => (engine === 'sqlite' ? sql`without rowid` : sql``);

/** Bytes: public ids, hashes. */
export const blob = (engine: Engine) => (engine === 'sqlite' ? sql`blob` : sql`bytea`);

/** A number that the database hands out and never repeats. */
export const identityColumn = (engine: Engine) =>
  engine === 'sqlite' ? sql`integer primary key autoincrement` : sql`bigint generated always as identity primary key`;

export const logMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-10-log': {
    async up(db: Kysely<unknown>) {
      const statements = [
        // `head` is the number of the last row, also after retention has emptied the table; `floor` the last one taken away.
        sql`create table log_state (one bigint primary key, epoch text not null, head bigint not null, floor bigint not null)`,
        sql`insert into log_state values (1, ${newEpoch()}, 0, 0)`,
        sql`create table log (
              seq ${engine === 'sqlite' ? sql`integer` : sql`bigint`} primary key,
              topic bigint not null, peer bigint, type text not null, payload text, moves text, at bigint not null)`,
        // Rows that a module keeps itself (messages) are not here, but their numbers are taken from the same head.
        sql`create table topic_rows (topic bigint not null, seq bigint not null, primary key (topic, seq)) ${byKeyOnly(engine)}`,
        sql`create table readers (account bigint not null, topic bigint not null, from_seq bigint not null, to_seq bigint,
              primary key (account, topic, from_seq)) ${byKeyOnly(engine)}`,
        // What is indexed behind the commit, and up to which row.
        sql`create table index_state (name text primary key, seq bigint not null)`,
        sql`create table write_keys (n ${identityColumn(engine)}, key text not null, account bigint not null,
              operation text not null, hash ${blob(engine)} not null, ref bigint not null, at bigint not null)`,
        // The key comes first: keys that grow with time (UUIDv7) keep the batch on one page of this index.
        sql`create unique index write_keys_by_key on write_keys (key, account, operation)`,
        sql`create table session_cursors (session bigint primary key, account bigint not null, seq bigint not null)`,
        sql`create index session_cursors_by_account on session_cursors (account, seq)`,
        sql`create table checkpoints (at bigint primary key, seq bigint not null)`,
      ];
      for (const statement of statements) await statement.execute(db);
      if (engine === 'postgres') await createNumbering(db);
    },
  },
  '2026-11-20-51-log-about': {
    async up(db: Kysely<unknown>) {
      await sql`alter table log add column about bigint`.execute(db);
    },
  },
  '2026-11-20-56-followers': {
    async up(db: Kysely<unknown>) {
      await sql`create table followers (name text primary key, seq bigint not null)`.execute(db);
    },
  },
  '2026-11-20-83-log-ends': {
    async up(db: Kysely<unknown>) {
      // Finds all who read a topic, or did, when it ends.
      await sql`create index readers_by_topic on readers (topic)`.execute(db);
      if (engine === 'postgres') await createLogAppend(db);
    },
  },
});

/**
 * `log_number(n)` takes the head's row lock, which is held until the commit, and returns the first of n numbers. A
 * second transaction waits there, so a row becomes visible only after every lower one; a rollback gives its numbers back.
 */
async function createNumbering(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function log_number(n bigint) returns bigint language sql as
    $$ update log_state set head = head + n where one = 1 returning head - n + 1 $$`.execute(db);
}

/**
 * `log_append(rows)` numbers and writes the rows of one transaction in one round trip. Who reads is found by index only:
 * the planner does not know how few rows JSON holds, and the table is as long as there are members of all groups.
 */
async function createLogAppend(db: Kysely<unknown>): Promise<void> {
  const moves = (fields: string) =>
    sql.raw(`jsonb_to_recordset(rows) as r(i bigint, moves text), jsonb_to_recordset(r.moves::jsonb) as m(${fields})`);
  await sql`
    create or replace function log_append(rows jsonb) returns bigint language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    as $$
    declare first bigint;
    begin
      first := log_number(jsonb_array_length(rows));
      insert into log (seq, topic, peer, type, payload, moves, at, about)
        select first + r.i, r.topic, r.peer, r.type, r.payload, r.moves, r.at, r.about
        from jsonb_to_recordset(rows) as r(i bigint, topic bigint, peer bigint, type text, payload text, moves text, at bigint, about bigint);
      insert into topic_rows (topic, seq)
        select r.topic, first + r.i from jsonb_to_recordset(rows) as r(i bigint, topic bigint)
        union select r.peer, first + r.i from jsonb_to_recordset(rows) as r(i bigint, peer bigint) where r.peer is not null;
      if not exists (select from jsonb_to_recordset(rows) as r(moves text) where r.moves is not null) then return first; end if;
      update readers set to_seq = first + r.i from ${moves('account bigint, topic bigint, kind text')}
        where m.kind = 'leave' and readers.account = m.account and readers.topic = m.topic and readers.to_seq is null;
      insert into readers (account, topic, from_seq)
        select m.account, m.topic, first + r.i from ${moves('account bigint, topic bigint, kind text')}
        where m.kind = 'enter';
      delete from readers using ${moves('topic bigint, kind text')}
        where m.kind = 'end' and readers.topic = m.topic and readers.to_seq is not null;
      update readers set from_seq = first + r.i, to_seq = first + r.i from ${moves('topic bigint, kind text')}
        where m.kind = 'end' and readers.topic = m.topic and readers.to_seq is null;
      return first;
    end $$`.execute(db);
}
