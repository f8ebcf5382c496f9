import { sql } from 'kysely';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { ConversationNames } from './names.ts';
import type { Message } from './schema.ts';

/** A conversation in somebody's list. */
export type Conversation = Readonly<{
  /** Of the other account, or of the group. */
  id: string;
  type: 'DIRECT' | 'GROUP';
  lastMessage: Message;
  /** Messages of others that are not seen, counted among the newest of the conversation. */
  unread: number;
}>;

export type ConversationList = Readonly<{ conversations: (Conversation & ConversationNames)[]; total: number }>;

/** One line of the list: the number of the last message, and what is unread. */
export type Line = Readonly<{ last: number; unread: number; total: number }>;

/** Messages of one conversation that are looked at for what is unread. */
const lookedAt = 200;

/** On SQLite the name of the index `conversation_messages`, which is written behind the commit. */
export const conversationIndex = 'conversations';

/**
 * An account's conversations, the last written to first. What was written last is one look at an index for each, so it
 * costs by how many conversations somebody has, runs off the event loop, and costs whoever writes nothing. What is not in
 * the index yet, the messages of the last second or a few thousand, is looked through.
 */
export async function linesOf(
  database: Pick<Sql, 'engine' | 'scan' | 'read'>,
  { account }: Principal,
  { limit, page, before, after }: Pick<Page, 'limit' | 'page'> & { before?: number; after?: number },
): Promise<Line[]> {
  const bound = after === undefined ? sql`l.last < ${before ?? Number.MAX_SAFE_INTEGER}` : sql`l.last > ${after}`;
  const order = after === undefined ? sql`desc` : sql`asc`;
  const offset = before === undefined && after === undefined ? (page - 1) * limit : 0;
  const indexed =
    database.engine === 'sqlite'
      ? sql`coalesce((select seq from index_state where name = ${conversationIndex}), 0)`
      : sql`${Number.MAX_SAFE_INTEGER}`;
  const query = sql<Line>`
    with mine as (
      select id, id * 8 + 4 as topic from conversations where low = ${account}
      union all
      select id, id * 8 + 4 from conversations where high = ${account} and low > 0 and low < ${account}
      union all
      select c.id, r.topic from readers r join conversations c on c.low = 0 and c.high = (r.topic - 1) / 8
      where r.account = ${account} and r.topic % 8 = 1 and r.to_seq is null
    ), waiting as materialized (
      select m.conversation, m.seq from messages m
      where m.seq > ${indexed} and m.deleted_at is null and m.conversation in (select id from mine)
    ), latest as (
      select id, topic, coalesce(w.last,
        (select max(seq) from conversation_messages x where x.conversation = mine.id)) as last
      from mine left join (select conversation, max(seq) as last from waiting group by conversation) w
        on w.conversation = mine.id
    ), shown as (
      select l.id, l.topic, l.last,
        coalesce((select seen from receipts r where r.topic = l.topic and r.account = ${account}), 0) as seen,
        (select count(*) from latest where last is not null) as total
      from latest l where ${bound} order by l.last ${order} limit ${limit} offset ${offset}
    )
    select s.last, s.total, (select count(*) from (
        select seq from (select x.seq from conversation_messages x where x.conversation = s.id and x.seq > s.seen
          order by x.seq desc limit ${lookedAt}) as old
        union all select w.seq from waiting w where w.conversation = s.id and w.seq > s.seen
        order by seq desc limit ${lookedAt}) as newest
      join messages m on m.seq = newest.seq where m.sender <> ${account}) as unread
    from shown s order by s.last desc`;
  return database.scan(query.compile(database.read));
}
