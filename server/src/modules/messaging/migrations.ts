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
        if (engine === 'postgres') await createAppend(db);
      },
    },
  };
};

/**
 * The whole batch in one round trip and one transaction. It takes the lock of the log's head first, so that nobody can
 * leave a group or use a key between the check and the write; then it checks every draft, numbers the accepted ones and
 * writes them. Every statement of the function sees what was committed before it began.
 */
async function createAppend(db: Kysely<unknown>): Promise<void> {
  await sql`
    create function messages_append(drafts jsonb)
    returns table (i bigint, verdict text, seq bigint, conversation bigint, receiver bigint, group_no bigint, known bigint)
    language plpgsql as $$
    #variable_conflict use_column
    declare first bigint; written bigint;
    begin
      select head + 1 into first from log_state where one = 1 for update;
      create temp table if not exists drafts_now (i bigint, id text, sender bigint, receiver text, group_id text, parent text,
        content text, type text, status text, metadata text, key text, at bigint,
        receiver_no bigint, group_no bigint, parent_seq bigint, conversation bigint, verdict text, known bigint, seq bigint)
        on commit delete rows;
      insert into drafts_now
        select d.*, r.id, g.id, null, c.id,
          case when k.seq is not null and k.content = d.content and k.type = d.type
                 and k.metadata is not distinct from d.metadata and kp.id is not distinct from decode(d.parent, 'hex')
                 and (kr.public_id = decode(d.receiver, 'hex') or kg.public_id = decode(d.group_id, 'hex')) then 'repeated'
               when k.seq is not null then 'key_reused'
               when d.receiver is not null and r.id is null then 'no_receiver'
               when d.group_id is not null and g.id is null then 'no_group'
               when d.group_id is not null and not exists (select from readers m
                 where m.account = d.sender and m.topic = g.id * 8 + 1 and m.to_seq is null) then 'not_member'
               else 'sent' end,
          k.seq, null
        from jsonb_to_recordset(drafts) as d(i bigint, id text, sender bigint, receiver text, group_id text, parent text,
          content text, type text, status text, metadata text, key text, at bigint)
        left join messages k on k.client_id = d.key and k.sender = d.sender
        left join messages kp on kp.seq = k.parent
        left join accounts kr on kr.id = k.receiver
        left join groups kg on kg.id = k.group_id
        left join accounts r on r.public_id = decode(d.receiver, 'hex') and r.deleted_at is null
        left join groups g on g.public_id = decode(d.group_id, 'hex')
        left join conversations c on c.low = case when d.group_id is null then least(d.sender, r.id) else 0 end
          and c.high = case when d.group_id is null then greatest(d.sender, r.id) else g.id end;
      if exists (select from drafts_now where verdict = 'sent' and conversation is null) then
        insert into conversations (low, high)
          select distinct case when group_id is null then least(sender, receiver_no) else 0 end,
            case when group_id is null then greatest(sender, receiver_no) else group_no end
          from drafts_now where verdict = 'sent' and conversation is null
          on conflict do nothing;
        update drafts_now d set conversation = c.id from conversations c
          where d.conversation is null and c.low = case when d.group_id is null then least(d.sender, d.receiver_no) else 0 end
            and c.high = case when d.group_id is null then greatest(d.sender, d.receiver_no) else d.group_no end;
      end if;
      if exists (select from drafts_now where parent is not null) then
        update drafts_now d set parent_seq = p.seq from messages p
          where p.id = decode(d.parent, 'hex') and p.conversation = d.conversation;
        update drafts_now set verdict = 'no_parent' where verdict = 'sent' and parent is not null and parent_seq is null;
      end if;
      update drafts_now d set seq = n.seq
        from (select i, first - 1 + row_number() over (order by i) as seq from drafts_now where verdict = 'sent') n
        where d.i = n.i;
      get diagnostics written = row_count;
      insert into messages (seq, id, conversation, sender, receiver, group_id, content, type, status, parent, metadata, client_id, created_at)
        select seq, decode(id, 'hex'), conversation, sender, receiver_no, group_no, content, type, status, parent_seq, metadata, key, at
        from drafts_now where seq is not null;
      insert into topic_rows (topic, seq)
        select case when group_no is null then receiver_no * 8 else group_no * 8 + 1 end, seq from drafts_now where seq is not null
        union select sender * 8, seq from drafts_now where seq is not null and group_no is null;
      insert into conversation_messages (conversation, seq) select conversation, seq from drafts_now where seq is not null;
      update conversations c set total = c.total + n.count
        from (select conversation, count(*) as count from drafts_now where seq is not null group by conversation) n
        where c.id = n.conversation;
      update log_state set head = head + written where one = 1 and written > 0;
      return query select i, verdict, seq, conversation, receiver_no, group_no, known from drafts_now order by i;
    end $$`.execute(db);
}
