import { type Kysely, sql } from 'kysely';

/**
 * What `messages_append` is given: one array a field, because PostgreSQL reads arrays for half of what records of JSON cost
 * it. The last three and `counted` are what the caller remembers of where each sender may write, and under which number.
 */
const draftArrays = [
  ['id', 'text'],
  ['sender', 'bigint'],
  ['receiver', 'text'],
  ['group_id', 'text'],
  ['parent', 'text'],
  ['content', 'text'],
  ['type', 'text'],
  ['status', 'text'],
  ['metadata', 'text'],
  ['key', 'text'],
  ['at', 'bigint'],
  ['conversation', 'bigint'],
  ['receiver_no', 'bigint'],
  ['group_no', 'bigint'],
] as const;

export type DraftField = (typeof draftArrays)[number][0];

export const draftFields: readonly DraftField[] = draftArrays.map(([field]) => field);

/** What `messages_open` is given of them. */
export const openFields: readonly DraftField[] = ['sender', 'receiver', 'group_id', 'parent', 'key'];

const typeOf = new Map<DraftField, string>(draftArrays);
const parameters = (fields: readonly DraftField[]): string =>
  fields.map((field) => `${field}s ${typeOf.get(field)}[]`).join(', ');
const unnested = (fields: readonly DraftField[], numbered = false): string => {
  const arrays = fields.map((field) => `${field}s`).join(', ');
  return `unnest(${arrays})${numbered ? ' with ordinality' : ''} as d(${fields.join(', ')}${numbered ? ', i' : ''})`;
};

/**
 * Counts in the head's row the transactions that may change who writes where: who is blocked, who is a member, whose
 * account is there. The database sees to it at their commit, so that no such act can forget it, and the head's row stays
 * the last that a transaction locks, unless its act has taken its turn.
 */
export async function countPlaces(db: Kysely<unknown>): Promise<void> {
  const changes = [
    ['blocks', 'insert or delete', ''],
    ['accounts', 'update', 'when (old.deleted_at is distinct from new.deleted_at)'],
  ];
  const statements = [
    'alter table log_state add column places bigint not null default 0',
    // Once a transaction, however many rows it touches.
    `create function places_changed() returns trigger language plpgsql as $$ begin
       if current_setting('rendezvous.places', true) is distinct from pg_current_xact_id()::text then
         update log_state set places = places + 1 where one = 1;
         perform set_config('rendezvous.places', pg_current_xact_id()::text, true);
       end if;
       return null; end $$`,
    // Rows of memberships are written by the log itself, with the head's row locked already.
    `create trigger places_changed after insert or update or delete on readers
       for each statement execute function places_changed()`,
    ...changes.map(
      ([table, events, when]) =>
        `create constraint trigger places_changed after ${events} on ${table} deferrable initially deferred
         for each row ${when} execute function places_changed()`,
    ),
  ];
  for (const statement of statements) await sql.raw(statement).execute(db);
}

/**
 * Opens the conversations that these drafts would be the first of, where they may be sent: a refused one opens nothing.
 * It runs before the append and not inside it, because almost no message is the first of its conversation.
 */
export async function createOpen(db: Kysely<unknown>): Promise<void> {
  const statement = `
    create function messages_open(${parameters(openFields)}) returns void language sql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    as $$
      insert into conversations (low, high)
      select distinct case when d.group_id is null then least(d.sender, r.id) else 0 end as low,
        case when d.group_id is null then greatest(d.sender, r.id) else g.id end as high
      from ${unnested(openFields)}
      left join messages k on k.client_id = d.key and k.sender = d.sender and k.client_id is not null
      left join accounts r on r.public_id = decode(d.receiver, 'hex') and r.deleted_at is null
      left join groups g on g.public_id = decode(d.group_id, 'hex')
      where k.seq is null and d.parent is null and (r.id is not null or exists (select from readers m
        where m.account = d.sender and m.topic = g.id * 8 + 1 and m.to_seq is null))
      and not exists (select from blocks b where b.account = d.sender and b.blocked = r.id)
      and not exists (select from blocks b where b.account = r.id and b.blocked = d.sender)
      order by low, high
      on conflict do nothing $$`;
  await sql.raw(statement).execute(db);
}

/** What a set that was written leaves in the indexes, whichever way it came: from `accepted`, with a number each. */
const indexing = (accepted: string): string[] => [
  `insert into topic_rows (topic, seq)
     select case when group_no is null then receiver_no * 8 else group_no * 8 + 1 end, seq from ${accepted}
     union all
     select sender * 8, seq from ${accepted} where group_no is null and receiver_no <> sender`,
  `insert into conversation_messages (conversation, seq) select conversation, seq from ${accepted}`,
  `update conversations set total = total + n.count
     from (select conversation, count(*) as count from ${accepted} group by conversation) n
     where conversations.id = n.conversation`,
];

/** A key that was used; without one a draft is known by its id, because a set whose connection broke is written once more. */
const knownAs = `case when d.key is null then (select k.seq from messages k where k.id = decode(d.id, 'hex') and k.sender = d.sender)
  else (select k.seq from messages k where k.client_id = d.key and k.sender = d.sender) end`;

/**
 * The whole set in one round trip and one transaction. It takes the lock of the log's head first, so that nobody can
 * leave a group or use a key between the check and the write; the statements after it see all that was committed before.
 *
 * The first row of the answer has `i` 0, the first number and how often places have changed (`known`). When that is the
 * number under which the caller knows the places of all drafts, and no key was used, they are written as they come and
 * there is nothing more to answer. Otherwise every draft is judged, and a row each follows.
 *
 * To change it, make it in a new migration and take it out of the one that makes it now.
 */
export async function createAppend(db: Kysely<unknown>): Promise<void> {
  const statement = `
    create function messages_append(${parameters(draftFields)}, counted bigint)
    returns table (i bigint, verdict text, seq bigint, conversation bigint, receiver bigint, group_no bigint, known bigint)
    language plpgsql
    set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
    set plan_cache_mode = force_generic_plan set jit = off
    as $$
    #variable_conflict use_column
    declare last bigint; places_now bigint; is_used boolean;
    begin
      select head, places into last, places_now from log_state where one = 1 for update;
      if places_now = counted then
        select exists (select from ${unnested(['id', 'sender', 'key'])} where ${knownAs} is not null) into is_used;
        if not is_used then
          ${remembered.join(';\n')};
          return query select 0::bigint, null::text, last + 1, null::bigint, null::bigint, null::bigint, places_now;
          return;
        end if;
      end if;
      return query select 0::bigint, null::text, last + 1, null::bigint, null::bigint, null::bigint, places_now;
      return query ${judged};
    end $$`;
  await sql.raw(statement).execute(db);
}

const messageColumns =
  'seq, id, conversation, sender, receiver, group_id, content, type, status, parent, metadata, client_id, created_at';

/** Several plain statements, which read their arrays again: cheaper than one that carries whole drafts from part to part. */
const remembered = [
  `insert into messages (${messageColumns})
     select last + i, decode(id, 'hex'), conversation, sender, receiver_no, group_no, content, type, status, null, metadata, key, at
     from ${unnested(draftFields, true)}`,
  ...indexing(
    `(select last + i as seq, sender, conversation, receiver_no, group_no
        from ${unnested(['sender', 'conversation', 'receiver_no', 'group_no'], true)}) as accepted`,
  ),
  'update log_state set head = last + cardinality(ids) where one = 1',
];

/**
 * Each look is a subquery for one draft, which can only be an index probe, and the numbers come from a window: as joins
 * the planner made nested loops of them, whose cost grew with the square of the set (measured with 250 drafts: 57 µs of
 * the database's CPU a message against 27). Compiling to machine code would cost more than the statement.
 */
const judged = (() => {
  const given = draftFields.filter((field) => !['conversation', 'receiver_no', 'group_no'].includes(field));
  const [topics, conversations, totals] = indexing('accepted');
  return `
      with found as materialized (
        select d.*, ${knownAs} as known,
          (select r.id from accounts r where r.public_id = decode(d.receiver, 'hex') and r.deleted_at is null) as receiver_no,
          (select g.id from groups g where g.public_id = decode(d.group_id, 'hex')) as group_no
        from ${unnested(given, true)}
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
          where o.id = decode(p.parent, 'hex') and o.conversation = p.conversation and o.deleted_at is null) as parent_seq
        from placed p
      ), judged as (
        select r.*,
          case when known is not null then 'known'
               when not exists (select from accounts s where s.id = r.sender and s.deleted_at is null) then 'no_sender'
               when r.receiver is not null and receiver_no is null then 'no_receiver'
               when r.group_id is not null and group_no is null then 'no_group'
               when not may_write then
                 case (select g.type from groups g where g.id = r.group_no) when 'SECRET' then 'no_group' else 'not_member' end
               when exists (select from blocks b where b.account = r.sender and b.blocked = receiver_no) then 'blocking'
               when exists (select from blocks b where b.account = receiver_no and b.blocked = r.sender) then 'blocked'
               when parent is not null and parent_seq is null then 'no_parent'
               when conversation is null then 'no_conversation'
               else 'sent' end as verdict
        from replying r
      ), numbered as materialized (
        select *, case verdict when 'sent'
          then last + count(*) filter (where verdict = 'sent') over (order by i) end as seq
        from judged
      ), accepted as (
        select * from numbered where seq is not null
      ), written as (
        insert into messages (${messageColumns})
        select seq, decode(id, 'hex'), conversation, sender, receiver_no, group_no, content, type, status, parent_seq, metadata, key, at
        from accepted
      ), to_readers as (${topics}
      ), indexed as (${conversations}
      ), totals as (${totals}
      ), moved as (
        update log_state set head = head + (select count(*) from accepted) where one = 1
      )
      select n.i, n.verdict, n.seq, n.conversation, n.receiver_no, n.group_no, n.known from numbered n order by n.i`;
})();
