import { type Kysely, sql } from 'kysely';
import { identityColumn } from '../../infra/log/migrations.ts';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';

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
        if (engine === 'postgres') await createOpen(db, 'without blocks');
      },
    },
    '2026-11-20-41-messages-append': {
      async up(db: Kysely<unknown>) {
        if (engine !== 'postgres') return;
        await sql`drop function if exists messages_append(jsonb)`.execute(db);
        await createAppend(db, 'without blocks');
      },
    },
    '2026-11-20-52-message-changes': {
      async up(db: Kysely<unknown>) {
        await addChanges(db, engine);
        if (engine !== 'postgres') return;
        await sql`drop function messages_open(jsonb)`.execute(db);
        await createOpen(db, 'with blocks');
        await sql`drop function messages_append(jsonb)`.execute(db);
        await createAppend(db, 'with blocks');
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
  };
};

/** What the functions of PostgreSQL look at: the later version at blocks, and at messages that were deleted. */
type Version = 'without blocks' | 'with blocks';

/**
 * Opens the conversations that these drafts would be the first of, where they may be sent: a refused one opens nothing.
 * It runs before the append and not inside it, because almost no message is the first of its conversation.
 */
async function createOpen(db: Kysely<unknown>, version: Version): Promise<void> {
  const unblocked =
    version === 'with blocks'
      ? sql`and not exists (select from blocks b where b.account = d.sender and b.blocked = r.id)
      and not exists (select from blocks b where b.account = r.id and b.blocked = d.sender)`
      : sql``;
  await sql`
    create function messages_open(drafts jsonb) returns void language sql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    as $$
      insert into conversations (low, high)
      select distinct case when d.group_id is null then least(d.sender, r.id) else 0 end as low,
        case when d.group_id is null then greatest(d.sender, r.id) else g.id end as high
      from jsonb_to_recordset(drafts) as d(sender bigint, receiver text, group_id text, parent text, key text)
      left join messages k on k.client_id = d.key and k.sender = d.sender and k.client_id is not null
      left join accounts r on r.public_id = decode(d.receiver, 'hex') and r.deleted_at is null
      left join groups g on g.public_id = decode(d.group_id, 'hex')
      where k.seq is null and d.parent is null and (r.id is not null or exists (select from readers m
        where m.account = d.sender and m.topic = g.id * 8 + 1 and m.to_seq is null))
      ${unblocked}
      order by low, high
      on conflict do nothing $$`.execute(db);
}

/**
 * The whole batch in one round trip and one transaction. It takes the lock of the log's head first, so that nobody can
 * leave a group or use a key between the check and the write; the statement after it sees all that was committed before,
 * checks every draft, numbers the accepted ones and writes them.
 *
 * Each look is a subquery for one draft, which can only be an index probe, and the numbers come from a window: as joins
 * the planner made nested loops of them, whose cost grew with the square of the batch (measured with 250 drafts: 57 µs of
 * the database's CPU a message against 27). Compiling to machine code would cost more than the statement.
 */
async function createAppend(db: Kysely<unknown>, version: Version): Promise<void> {
  const blocked =
    version === 'with blocks'
      ? sql`when exists (select from blocks b where b.account = r.sender and b.blocked = receiver_no) then 'blocking'
               when exists (select from blocks b where b.account = receiver_no and b.blocked = r.sender) then 'blocked'`
      : sql``;
  const isThere = version === 'with blocks' ? sql`and o.deleted_at is null` : sql``;
  await sql`
    create function messages_append(drafts jsonb)
    returns table (i bigint, verdict text, seq bigint, conversation bigint, receiver bigint, group_no bigint, known bigint)
    language plpgsql
    set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
    as $$
    #variable_conflict use_column
    declare first bigint;
    begin
      select head + 1 into first from log_state where one = 1 for update;
      return query
      with found as materialized (
        select d.*,
          -- Without a key it is known by its id: a set whose connection broke is written once more.
          case when d.key is null then (select k.seq from messages k where k.id = decode(d.id, 'hex') and k.sender = d.sender)
               else (select k.seq from messages k where k.client_id = d.key and k.sender = d.sender) end as known,
          (select r.id from accounts r where r.public_id = decode(d.receiver, 'hex') and r.deleted_at is null) as receiver_no,
          (select g.id from groups g where g.public_id = decode(d.group_id, 'hex')) as group_no
        from jsonb_to_recordset(drafts) as d(i bigint, id text, sender bigint, receiver text, group_id text,
          parent text, content text, type text, status text, metadata text, key text, at bigint)
      ), placed as materialized (
        select f.*,
          (select c.id from conversations c
            where c.low = case when f.group_id is null then least(f.sender, f.receiver_no) else 0 end
              and c.high = case when f.group_id is null then greatest(f.sender, f.receiver_no) else f.group_no end) as conversation,
          f.group_no is null or exists (select from readers m
            where m.account = f.sender and m.topic = f.group_no * 8 + 1 and m.to_seq is null) as may_write
        from found f
      ), replying as (
        select p.*, (select o.seq from messages o
          where o.id = decode(p.parent, 'hex') and o.conversation = p.conversation ${isThere}) as parent_seq
        from placed p
      ), judged as (
        select r.*,
          case when known is not null then 'known'
               when r.receiver is not null and receiver_no is null then 'no_receiver'
               when r.group_id is not null and group_no is null then 'no_group'
               when not may_write then
                 case (select g.type from groups g where g.id = r.group_no) when 'SECRET' then 'no_group' else 'not_member' end
               ${blocked}
               when parent is not null and parent_seq is null then 'no_parent'
               when conversation is null then 'no_conversation'
               else 'sent' end as verdict
        from replying r
      ), numbered as materialized (
        select *, case verdict when 'sent'
          then first - 1 + count(*) filter (where verdict = 'sent') over (order by i) end as seq
        from judged
      ), accepted as (
        select * from numbered where seq is not null
      ), written as (
        insert into messages (seq, id, conversation, sender, receiver, group_id, content, type, status, parent, metadata, client_id, created_at)
        select seq, decode(id, 'hex'), conversation, sender, receiver_no, group_no, content, type, status, parent_seq, metadata, key, at
        from accepted
      ), to_readers as (
        insert into topic_rows (topic, seq)
        select case when group_no is null then receiver_no * 8 else group_no * 8 + 1 end, seq from accepted
        union all
        select sender * 8, seq from accepted where group_no is null and receiver_no <> sender
      ), indexed as (
        insert into conversation_messages (conversation, seq) select conversation, seq from accepted
      ), counted as (
        update conversations set total = total + n.count
        from (select conversation, count(*) as count from accepted group by conversation) n where conversations.id = n.conversation
      ), moved as (
        update log_state set head = head + (select count(*) from accepted) where one = 1
      )
      select n.i, n.verdict, n.seq, n.conversation, n.receiver_no, n.group_no, n.known from numbered n order by n.i;
    end $$`.execute(db);
}

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
