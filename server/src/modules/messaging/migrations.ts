import { type Kysely, sql } from 'kysely';
import { identityColumn } from '../../infra/log/migrations.ts';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';
import { countPlaces, createAppend, createOpen } from './append.postgres.ts';

export const messagingMigrations = (engine: Engine): Migrations => {
  const id = engine === 'sqlite' ? sql`blob` : sql`bytea`;
  const byKeyOnly = engine === 'sqlite' ? sql`without rowid` : sql``;
  return {
    '2026-11-20-40-messaging': {
      async up(db: Kysely<unknown>) {
        const statements = [
          // A direct conversation is a pair of accounts (low < high, or equal to oneself); a group's has low 0 and the group as high.
          sql`create table conversations (id ${identityColumn(engine)}, low bigint not null, high bigint not null,
                total bigint not null default 0)`,
          sql`create unique index conversations_by_pair on conversations (low, high)`,
          sql`create table messages (seq ${engine === 'sqlite' ? sql`integer` : sql`bigint`} primary key, id ${id} not null,
                conversation bigint not null, sender bigint not null, receiver bigint, group_id bigint,
                content text not null, type text not null, status text not null, parent bigint, metadata text,
                client_id text, created_at bigint not null, updated_at bigint)`,
          sql`create unique index messages_by_id on messages (id)`,
          // The key comes first: keys that grow with time (UUIDv7) keep a batch on one page of this index.
          sql`create unique index messages_by_key on messages (client_id, sender) where client_id is not null`,
          sql`create table conversation_messages (conversation bigint not null, seq bigint not null,
                primary key (conversation, seq)) ${byKeyOnly}`,
        ];
        for (const statement of statements) await statement.execute(db);
      },
    },
    '2026-11-20-41-messages-append': {
      // Functions of PostgreSQL are made once, as they are now, by the migration that changed them last.
      async up() {},
    },
    '2026-11-20-52-message-changes': {
      async up(db: Kysely<unknown>) {
        await addChanges(db, engine);
      },
    },
    '2026-11-20-53-receipts': {
      async up(db: Kysely<unknown>) {
        await addReceipts(db, engine);
      },
    },
    '2026-11-20-81-receipts-in-order': {
      async up(db: Kysely<unknown>) {
        if (engine === 'postgres') await closeInOrder(db);
      },
    },
    '2026-11-20-82-receipts-hidden': {
      async up(db: Kysely<unknown>) {
        // What the other side of a direct conversation is shown, where that is less than what is so.
        for (const column of ['shown_delivered', 'shown_seen']) {
          await sql.raw(`alter table receipts add column ${column} bigint`).execute(db);
        }
      },
    },
    '2026-11-20-96-reactions-about': {
      async up(db: Kysely<unknown>) {
        // Rows of before, too, are not replayed when their message is gone.
        const message = engine === 'sqlite' ? "json_extract(payload, '$.seq')" : "(payload::json->>'seq')::bigint";
        await sql
          .raw(`update log set about = ${message} where type = 'message.reacted' and payload is not null`)
          .execute(db);
      },
    },
    '2026-11-20-97-places-counted': {
      async up(db: Kysely<unknown>) {
        if (engine !== 'postgres') return;
        for (const name of ['messages_open', 'messages_append']) {
          await sql.raw(`drop function if exists ${name}(jsonb)`).execute(db);
        }
        await countPlaces(db);
        await createOpen(db);
        await createAppend(db);
      },
    },
  };
};

/** Columns that only changed messages fill, and who has reacted. */
async function addChanges(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const bytes = engine === 'sqlite' ? sql`blob` : sql`bytea`;
  const statements = [
    sql`alter table messages add column deleted_at bigint`,
    // What is shown of `reactions`, as JSON: kept with them, so that no reader counts.
    sql`alter table messages add column reactions text`,
    sql`alter table messages add column input_hash ${bytes}`,
    sql`create table reactions (message bigint not null, account bigint not null, emoji text not null,
          primary key (message, account, emoji)) ${engine === 'sqlite' ? sql`without rowid` : sql``}`,
  ];
  for (const statement of statements) await statement.execute(db);
}

/**
 * The marks of a group's member are there exactly while the member's interval is open, with its number: whoever joins
 * holds back nothing that was said before, and whoever leaves nothing at all. The database sees to it, because every way
 * into a group and out of it ends at the log's own table.
 */
async function addReceipts(db: Kysely<unknown>, engine: Engine): Promise<void> {
  const opened =
    'insert into receipts (topic, account, delivered, seen) values (new.topic, new.account, new.from_seq, new.from_seq)';
  const closed = 'delete from receipts where topic = new.topic and account = new.account';
  const statements = [
    `create table receipts (topic bigint not null, account bigint not null, delivered bigint not null, seen bigint not null,
       primary key (topic, account)) ${engine === 'sqlite' ? 'without rowid' : ''}`,
    'create index receipts_by_delivered on receipts (topic, delivered)',
    'create index receipts_by_seen on receipts (topic, seen)',
    `insert into receipts (topic, account, delivered, seen)
       select topic, account, max(from_seq), max(from_seq) from readers where topic % 8 = 1 and to_seq is null group by topic, account`,
    ...(engine === 'sqlite' ? triggersOnSqlite(opened, closed) : triggersOnPostgres(opened, closed)),
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

const triggersOnSqlite = (opened: string, closed: string): string[] => [
  `create trigger receipts_open after insert on readers when new.topic % 8 = 1 and new.to_seq is null begin ${opened}; end`,
  `create trigger receipts_close after update of to_seq on readers when new.topic % 8 = 1 and new.to_seq is not null
     begin ${closed}; end`,
];

const triggersOnPostgres = (opened: string, closed: string): string[] => [
  `create function receipts_open() returns trigger language plpgsql as $$ begin ${opened}; return null; end $$`,
  `create function receipts_close() returns trigger language plpgsql as $$ begin ${closed}; return null; end $$`,
  `create trigger receipts_open after insert on readers for each row when (new.topic % 8 = 1 and new.to_seq is null)
     execute function receipts_open()`,
  `create trigger receipts_close after update of to_seq on readers for each row when (new.topic % 8 = 1 and new.to_seq is not null)
     execute function receipts_close()`,
];

/**
 * On PostgreSQL the rows of all who leave at once go in the order in which receipts lock them: row by row, a group that
 * ended and a set of receipts each waited for what the other held.
 */
async function closeInOrder(db: Kysely<unknown>): Promise<void> {
  const statements = [
    'drop trigger receipts_close on readers',
    `create or replace function receipts_close() returns trigger language plpgsql as $$ begin
       perform from receipts r join changed c on r.topic = c.topic and r.account = c.account
         where c.topic % 8 = 1 and c.to_seq is not null order by r.topic, r.account for update of r;
       delete from receipts r using changed c
         where c.topic % 8 = 1 and c.to_seq is not null and r.topic = c.topic and r.account = c.account;
       return null; end $$`,
    `create trigger receipts_close after update on readers referencing new table as changed for each statement
       execute function receipts_close()`,
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}
