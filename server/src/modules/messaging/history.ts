import { type Kysely, sql } from 'kysely';
import type { Row, Segment } from '../../infra/log/log.ts';
import { isAmong, numberList } from '../../infra/sql/numbers.ts';
import type { Engine, Sql } from '../../infra/sql/sql.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import { messageEvent } from './events.ts';
import type { Message, MessageStatus, MessageType } from './schema.ts';
import { messageRow } from './store.ts';

/** A message joined with the public ids of everybody in it. */
type StoredMessage = {
  seq: number;
  id: IdBytes;
  conversation: number;
  sender: number;
  sender_id: IdBytes;
  receiver: number | null;
  receiver_id: IdBytes | null;
  group_no: number | null;
  group_id: IdBytes | null;
  parent_id: IdBytes | null;
  content: string;
  type: MessageType;
  status: MessageStatus;
  metadata: string | null;
  client_id: string | null;
  reactions: string | null;
  created_at: number;
  updated_at: number | null;
  deleted_at: number | null;
};

const columns = `m.seq, m.id, m.conversation, m.sender, s.public_id AS sender_id, m.receiver, r.public_id AS receiver_id,
  m.group_id AS group_no, g.public_id AS group_id, p.id AS parent_id, m.content, m.type, m.status, m.metadata, m.client_id,
  m.reactions, m.created_at, m.updated_at, m.deleted_at`;
const joins = `JOIN accounts s ON s.id = m.sender LEFT JOIN accounts r ON r.id = m.receiver
  LEFT JOIN groups g ON g.id = m.group_id LEFT JOIN messages p ON p.seq = m.parent`;

/** A conversation's place in the tables and how many messages its index holds. */
export type ConversationRow = { id: number; total: number };

/** Reads of messages by key; also the log's segment of them. */
export class History implements Segment {
  readonly type = messageEvent;
  readonly #engine: Engine;
  readonly #read: Kysely<object>;
  readonly #scan: Sql['scan'];
  readonly #statements: ReturnType<typeof prepare>;

  constructor(database: Sql) {
    this.#engine = database.engine;
    this.#read = database.read;
    this.#scan = (query) => database.scan(query);
    this.#statements = prepare(database);
  }

  async conversation(low: number, high: number): Promise<ConversationRow | undefined> {
    return this.#statements.conversation.get(low, high);
  }

  async seqOf(id: IdBytes, conversation: number): Promise<number | undefined> {
    return (await this.#statements.seqOf.get(id, conversation))?.seq;
  }

  /** Of whichever of an account's conversations, also when it has been deleted: a place in its list. */
  async ownSeqOf(id: IdBytes, account: number): Promise<number | undefined> {
    return (await this.#statements.ownSeqOf.get(id, account))?.seq;
  }

  async byId(id: IdBytes): Promise<Message | undefined> {
    const stored = await this.#statements.byId.get(id);
    return stored === undefined || stored.deleted_at !== null ? undefined : messageFrom(stored);
  }

  /** The hash of what a message was made from, where it has been changed since. */
  async inputHash(seq: number): Promise<Uint8Array | null> {
    return (await this.#statements.inputHash.get(seq))?.input_hash ?? null;
  }

  /** Newest first, below `before`. */
  async indexedBefore(conversation: number, before: number, limit: number): Promise<number[]> {
    return (await this.#statements.before.all(conversation, before, limit)).map(({ seq }) => seq);
  }

  /** Oldest first, above `after`. */
  async indexedAfter(conversation: number, after: number, limit: number): Promise<number[]> {
    return (await this.#statements.after.all(conversation, after, limit)).map(({ seq }) => seq);
  }

  /** Newest first, below `before`, past `offset` rows: the cost grows with the offset, so it runs off the event loop. */
  async indexedPast(conversation: number, before: number, past: { offset: number; limit: number }): Promise<number[]> {
    const query = sql<{ seq: number }>`
      select seq from conversation_messages where conversation = ${conversation} and seq < ${before}
      order by seq desc limit ${past.limit} offset ${past.offset}`;
    return (await this.#scan(query.compile(this.#read))).map(({ seq }) => seq);
  }

  /** Messages by number; what does not exist or is deleted is left out. */
  async bySeq(seqs: readonly number[]): Promise<Map<number, Message>> {
    return new Map((await this.#storedBySeq(seqs)).filter(isThere).map((stored) => [stored.seq, messageFrom(stored)]));
  }

  /** Messages whose reactions say which are the account's own: one read by key for all of them, none without reactions. */
  async withOwnReactions(account: number, messages: readonly Message[]): Promise<Message[]> {
    const seqs = messages.filter(({ reactions }) => reactions.length > 0).map(({ seq }) => seq);
    if (seqs.length === 0) return [...messages];
    const rows = await this.#statements.ownReactions.all(account, numberList(this.#engine, seqs));
    const own = new Set(rows.map(({ message, emoji }) => `${message} ${emoji}`));
    return messages.map((message) => ({
      ...message,
      reactions: message.reactions.map((known) => ({ ...known, mine: own.has(`${message.seq} ${known.emoji}`) })),
    }));
  }

  async rowsBetween(after: number, upTo: number): Promise<Row[]> {
    return (await this.#statements.between.all(after, upTo)).map(rowFrom);
  }

  async rowsAt(seqs: readonly number[]): Promise<Row[]> {
    return (await this.#storedBySeq(seqs)).map(rowFrom);
  }

  #storedBySeq(seqs: readonly number[]): Promise<StoredMessage[]> {
    return this.#statements.among.all(numberList(this.#engine, seqs));
  }

  /** Whether the account reads the topic now. */
  async isReader(account: number, topic: number): Promise<boolean> {
    return (await this.#statements.isReader.get(account, topic)) !== undefined;
  }
}

function prepare(database: Sql) {
  const index = 'SELECT seq FROM conversation_messages WHERE conversation = ?1';
  return {
    conversation: database.statement<ConversationRow>(
      'SELECT id, total FROM conversations WHERE low = ?1 AND high = ?2',
    ),
    seqOf: database.statement<{ seq: number }>('SELECT seq FROM messages WHERE id = ?1 AND conversation = ?2'),
    between: database.statement<StoredMessage>(
      `SELECT ${columns} FROM messages m ${joins} WHERE m.seq > ?1 AND m.seq <= ?2`,
    ),
    among: database.statement<StoredMessage>(
      `SELECT ${columns} FROM messages m ${joins} WHERE ${isAmong(database.engine, 'm.seq', '?1')}`,
    ),
    byId: database.statement<StoredMessage>(`SELECT ${columns} FROM messages m ${joins} WHERE m.id = ?1`),
    ownSeqOf: database.statement<{ seq: number }>(
      `SELECT m.seq FROM messages m WHERE m.id = ?1 AND (m.sender = ?2 OR m.receiver = ?2 OR EXISTS (
         SELECT 1 FROM readers r WHERE r.account = ?2 AND r.topic = m.group_id * 8 + 1 AND r.to_seq IS NULL))`,
    ),
    inputHash: database.statement<{ input_hash: Uint8Array | null }>('SELECT input_hash FROM messages WHERE seq = ?1'),
    ownReactions: database.statement<{ message: number; emoji: string }>(
      `SELECT message, emoji FROM reactions WHERE account = ?1 AND ${isAmong(database.engine, 'message', '?2')}`,
    ),
    before: database.statement<{ seq: number }>(`${index} AND seq < ?2 ORDER BY seq DESC LIMIT ?3`),
    after: database.statement<{ seq: number }>(`${index} AND seq > ?2 ORDER BY seq LIMIT ?3`),
    isReader: database.statement<object>(
      'SELECT 1 AS yes FROM readers WHERE account = ?1 AND topic = ?2 AND to_seq IS NULL',
    ),
  };
}

const isThere = ({ deleted_at }: StoredMessage): boolean => deleted_at === null;

/** Of a message that was deleted the number is left. */
function rowFrom(stored: StoredMessage): Row {
  const row = messageRow(messageFrom(stored), stored.group_no);
  return isThere(stored) ? row : { ...row, body: null };
}

/** The message as it is inside a transaction. */
export async function messageById(
  db: Kysely<object>,
  id: IdBytes,
): Promise<{ message: Message; group: number | null } | undefined> {
  const query = sql<StoredMessage>`
    select ${sql.raw(columns)} from messages m ${sql.raw(joins)} where m.id = ${id} and m.deleted_at is null`;
  const [stored] = (await query.execute(db)).rows;
  return stored && { message: messageFrom(stored), group: stored.group_no };
}

function messageFrom(stored: StoredMessage): Message {
  const { seq, conversation, sender, receiver, content, type, status, metadata } = stored;
  return {
    seq,
    id: idText(stored.id),
    conversation,
    sender,
    senderId: idText(stored.sender_id),
    receiver,
    receiverId: stored.receiver_id === null ? null : idText(stored.receiver_id),
    groupId: stored.group_id === null ? null : idText(stored.group_id),
    content,
    type,
    status,
    parentId: stored.parent_id === null ? null : idText(stored.parent_id),
    metadata: metadata === null ? null : JSON.parse(metadata),
    reactions: stored.reactions === null ? [] : JSON.parse(stored.reactions),
    clientId: stored.client_id,
    createdAt: stored.created_at,
    updatedAt: stored.updated_at ?? stored.created_at,
  };
}
