import type { DeferredIndex } from '../../infra/log/deferred-index.ts';
import type { SqliteLog } from '../../infra/log/log.sqlite.ts';
import { groupOf } from '../../infra/log/topic.ts';
import type { SqliteSql } from '../../infra/sql/sql.sqlite.ts';
import { commonErrors, type ErrorValue } from '../../kernel/errors.ts';
import { conversationIndex } from './conversations.ts';
import { messagingErrors } from './errors.ts';
import { messageEvent } from './events.ts';
import { LastPlaces, type Place } from './places.ts';
import { receiptsOnSqlite } from './receipts.sqlite.ts';
import type { Message } from './schema.ts';
import { type Draft, type MessageStore, messageOf, messageRow, type Verdict } from './store.ts';

type Written = { place: MaybeOpened; conversation: number; parent: number | null };
/** A place whose conversation the first message opens. */
type MaybeOpened = Omit<Place, 'conversation'> & { conversation: number | null };

/** Messages on SQLite: prepared statements, one row at a time, inside the batch's transaction. */
export class SqliteMessageStore implements MessageStore {
  readonly #log: SqliteLog;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #index: DeferredIndex;
  /** Under way. */
  #deletions = 0;
  /** Whatever could change one is an act, and before an act all are forgotten. */
  readonly #lastPlaces = new LastPlaces();
  readonly append: (draft: Draft) => Promise<Verdict>;
  readonly raise: MessageStore['raise'];

  constructor(sql: SqliteSql, log: SqliteLog) {
    this.#log = log;
    this.#statements = prepare(sql);
    this.append = log.batch((drafts: readonly Draft[]) => drafts.map((draft) => this.#apply(draft)));
    this.raise = log.batch(receiptsOnSqlite(sql.writer));
    const { indexMessages, indexMessagesLeft, addToTotal } = this.#statements;
    this.#index = log.deferIndex(conversationIndex, (conversation, seqs) => {
      const insert = this.#deletions === 0 ? indexMessages : indexMessagesLeft;
      const { changes } = insert.run(conversation, `[${seqs.join(',')}]`);
      addToTotal.run(changes, conversation);
    });
    const rows = sql.writer.prepare(
      'SELECT seq, conversation FROM messages WHERE seq > ? AND deleted_at IS NULL ORDER BY seq',
    );
    for (const row of rows.iterate(this.#index.watermark)) this.#index.add(Number(row.conversation), Number(row.seq));
    log.afterCommit(messageEvent, ({ body, seq, topic }) => this.#note(body as Message, seq, topic));
    log.aroundActs(() => this.#lastPlaces.forget());
  }

  waiting(conversation: number): readonly number[] {
    return this.#index.seqs(conversation);
  }

  /** The same commit may write the index, the message included; looking at each costs a third more, so only then. */
  async deleting(act: () => Promise<Message>): Promise<void> {
    this.#deletions += 1;
    try {
      const { conversation, seq } = await act();
      this.#index.remove(conversation, seq);
    } finally {
      this.#deletions -= 1;
    }
  }

  /** Only what is committed: what a batch has opened may still be rolled back. */
  #note(message: Message, seq: number, topic: number): void {
    const { conversation, sender, receiver, groupId } = message;
    this.#index.add(conversation, seq);
    const id = groupId ?? message.receiverId;
    if (id === null) return;
    this.#lastPlaces.note(sender, id, { conversation, receiver, group: groupId === null ? null : groupOf(topic) });
  }

  #apply(draft: Draft): Verdict {
    const place = this.#placeOf(draft);
    if ('code' in place) return this.#refuse(draft, place);
    // A conversation is opened by a message that is written, never by one that is refused.
    if (place.conversation === null && draft.parentId !== null)
      return this.#refuse(draft, messagingErrors.PARENT_NOT_FOUND);
    if (place.conversation === null && this.#isKeyUsed(draft)) return this.#refuse(draft, commonErrors.KEY_REUSED);
    const conversation = place.conversation ?? this.#openConversation(draft, place);
    const parent = this.#parentOf(draft, conversation);
    if (parent === undefined) return this.#refuse(draft, messagingErrors.PARENT_NOT_FOUND);
    return this.#write(draft, { place, conversation, parent });
  }

  #write(draft: Draft, { place, conversation, parent }: Written): Verdict {
    const { receiver, group } = place;
    const message = messageOf(draft, { seq: this.#log.nextSeq, conversation, receiver });
    const written = this.#statements.insert.run(
      message.seq,
      draft.id,
      conversation,
      draft.sender,
      receiver,
      group,
      draft.content,
      draft.type,
      message.status,
      parent,
      draft.metadataText,
      draft.clientId,
      draft.at,
    );
    if (written.changes === 0) return this.#refuse(draft, commonErrors.KEY_REUSED);
    this.#log.appendStored(messageRow(message, group));
    return { outcome: 'sent', message };
  }

  #isKeyUsed({ clientId, sender }: Draft): boolean {
    return clientId !== null && this.#statements.findKey.get(clientId, sender) !== undefined;
  }

  /** A retry gets what the first try made, whatever has become of the receiver or the membership since. */
  #refuse(draft: Draft, error: ErrorValue): Verdict {
    const known = draft.clientId === null ? undefined : this.#statements.findKey.get(draft.clientId, draft.sender);
    return known === undefined ? { outcome: 'refused', error } : { outcome: 'known', seq: Number(known.seq) };
  }

  #placeOf(draft: Draft): MaybeOpened | ErrorValue {
    return (
      this.#lastPlaces.of(draft) ??
      (draft.target.kind === 'direct' ? this.#directPlace(draft) : this.#groupPlace(draft))
    );
  }

  #directPlace(draft: Draft): MaybeOpened | ErrorValue {
    const found = this.#statements.findReceiver.get(draft.target.id, draft.sender);
    if (found === undefined) return messagingErrors.RECEIVER_NOT_FOUND;
    if (found.sender_there === 0) return commonErrors.UNAUTHENTICATED;
    if (found.blocking === 1) return messagingErrors.BLOCKING;
    if (found.blocked === 1) return messagingErrors.BLOCKED;
    return { conversation: numberOrNull(found.conversation), receiver: Number(found.id), group: null };
  }

  #groupPlace(draft: Draft): MaybeOpened | ErrorValue {
    const found = this.#statements.findGroup.get(draft.target.id, draft.sender);
    if (found === undefined) return messagingErrors.GROUP_NOT_FOUND;
    if (found.member === null) {
      return found.type === 'SECRET' ? messagingErrors.GROUP_NOT_FOUND : messagingErrors.NOT_A_MEMBER;
    }
    return { conversation: numberOrNull(found.conversation), receiver: null, group: Number(found.id) };
  }

  #openConversation(draft: Draft, { receiver, group }: MaybeOpened): number {
    const other = receiver ?? draft.sender;
    const low = group === null ? Math.min(draft.sender, other) : 0;
    const high = group === null ? Math.max(draft.sender, other) : group;
    return Number(this.#statements.insertConversation.run(low, high).lastInsertRowid);
  }

  /** `null`: replies to nothing; `undefined`: to something that is not in this conversation. */
  #parentOf(draft: Draft, conversation: number): number | null | undefined {
    if (draft.parentId === null) return null;
    const found = this.#statements.findParent.get(draft.parentId, conversation);
    return found === undefined ? undefined : Number(found.seq);
  }
}

const numberOrNull = (value: unknown): number | null => (typeof value === 'number' ? value : null);

/** Ids come as text: SQLite reads the digits (`unhex`) for less than a buffer costs to make. */
function prepare({ writer }: SqliteSql) {
  return {
    findKey: writer.prepare('SELECT seq FROM messages WHERE client_id = ? AND sender = ?'),
    findReceiver: writer.prepare(
      `SELECT r.id, c.id AS conversation,
         EXISTS (SELECT 1 FROM accounts s WHERE s.id = ?2 AND s.deleted_at IS NULL) AS sender_there,
         EXISTS (SELECT 1 FROM blocks b WHERE b.account = ?2 AND b.blocked = r.id) AS blocking,
         EXISTS (SELECT 1 FROM blocks b WHERE b.account = r.id AND b.blocked = ?2) AS blocked
       FROM accounts r
       LEFT JOIN conversations c ON c.low = min(r.id, ?2) AND c.high = max(r.id, ?2)
       WHERE r.public_id = unhex(?1, '-') AND r.deleted_at IS NULL`,
    ),
    findGroup: writer.prepare(
      `SELECT g.id, g.type, c.id AS conversation,
         (SELECT 1 FROM readers r WHERE r.account = ?2 AND r.topic = g.id * 8 + 1 AND r.to_seq IS NULL) AS member
       FROM groups g LEFT JOIN conversations c ON c.low = 0 AND c.high = g.id
       WHERE g.public_id = unhex(?1, '-')`,
    ),
    insertConversation: writer.prepare('INSERT INTO conversations (low, high) VALUES (?, ?)'),
    findParent: writer.prepare(
      "SELECT seq FROM messages WHERE id = unhex(?, '-') AND conversation = ? AND deleted_at IS NULL",
    ),
    insert: writer.prepare(
      `INSERT INTO messages (seq, id, conversation, sender, receiver, group_id, content, type, status, parent,
         metadata, client_id, created_at) VALUES (?, unhex(?, '-'), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    ),
    indexMessages: writer.prepare(
      'INSERT INTO conversation_messages (conversation, seq) SELECT ?1, value FROM json_each(?2)',
    ),
    indexMessagesLeft: writer.prepare(
      `INSERT INTO conversation_messages (conversation, seq)
       SELECT ?1, m.seq FROM json_each(?2) CROSS JOIN messages m ON m.seq = value WHERE m.deleted_at IS NULL`,
    ),
    addToTotal: writer.prepare('UPDATE conversations SET total = total + ? WHERE id = ?'),
  };
}
