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
        if (engine === 'postgres') {
          await createOpen(db);
          await createAppend(db);
        }
      },
    },
  };
};

/**
 * Opens the conversations that these drafts would be the first of, where they may be sent: a refused one opens nothing.
 * It runs before the append and not inside it, because almost no message is the first of its conversation.
 */
async function createOpen(db: Kysely<unknown>): Promise<void> {
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
      order by low, high
      on conflict do nothing $$`.execute(db);
}

/**
 * The whole batch in one round trip and one transaction. It takes the lock of the log's head first, so that nobody can
 * leave a group or use a key between the check and the write; the statement after it sees all that was committed before,
 * checks every draft, numbers the accepted ones and writes them. Only index lookups are allowed: without statistics the
 * planner would read whole tables for a batch.
 */
async function createAppend(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function messages_append(drafts jsonb)
    returns table (i bigint, verdict text, seq bigint, conversation bigint, receiver bigint, group_no bigint, known bigint)
    language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set plan_cache_mode = force_generic_plan
    as $$
    #variable_conflict use_column
    declare first bigint;
    begin
      select head + 1 into first from log_state where one = 1 for update;
      return query
      with drafted as materialized (
        select * from jsonb_to_recordset(drafts) as d(i bigint, id text, sender bigint, receiver text, group_id text,
          parent text, content text, type text, status text, metadata text, key text, at bigint)
      ), checked as materialized (
        select d.*, r.id as receiver_no, g.id as group_no, p.seq as parent_seq, c.id as conversation, k.seq as known,
          case when k.seq is not null then 'known'
               when d.receiver is not null and r.id is null then 'no_receiver'
               when d.group_id is not null and g.id is null then 'no_group'
               when d.group_id is not null and not exists (select from readers m
                 where m.account = d.sender and m.topic = g.id * 8 + 1 and m.to_seq is null) then case g.type when 'SECRET' then 'no_group' else 'not_member' end
               when d.parent is not null and p.seq is null then 'no_parent'
               when c.id is null then 'no_conversation'
               else 'sent' end as verdict
        from drafted d
        left join messages k on k.client_id = d.key and k.sender = d.sender and k.client_id is not null
        left join accounts r on r.public_id = decode(d.receiver, 'hex') and r.deleted_at is null
        left join groups g on g.public_id = decode(d.group_id, 'hex')
        left join conversations c on c.low = case when d.group_id is null then least(d.sender, r.id) else 0 end
          and c.high = case when d.group_id is null then greatest(d.sender, r.id) else g.id end
        left join messages p on p.id = decode(d.parent, 'hex') and p.conversation = c.id
      ), accepted as materialized (
        select *, first - 1 + row_number() over (order by i) as seq from checked where verdict = 'sent'
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
      select c.i, c.verdict, a.seq, c.conversation, c.receiver_no, c.group_no, c.known
      from checked c left join accepted a on a.i = c.i order by c.i;
    end $$`.execute(db);
}
