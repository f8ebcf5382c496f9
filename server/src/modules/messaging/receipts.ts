import type { Signal } from '../../infra/delivery/signal.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { messagingErrors } from './errors.ts';
import { type ConversationSeen, messagingSignals } from './events.ts';
import { higher, type Marks, statusAt } from './marks.ts';
import type { Message, MessageStatus } from './schema.ts';
import { StatusSignals } from './status-signals.ts';
import type { MessageStore } from './store.ts';

type Row = Marks & { account: number };
type PairRow = Row & { shown_delivered: number | null; shown_seen: number | null };

/** A member's marks begin where they joined: what was said before waits for nobody. */
const nothing: Marks = { delivered: 0, seen: 0 };

/** Who has got and seen what: two marks for each account and conversation, which only rise. */
export class Receipts {
  readonly #store: MessageStore;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #signals: StatusSignals;
  readonly #isBlocked: ReceiptOptions['isBlocked'];
  /** Hands on what the sender of a message is to hear; set by whoever has a bus. */
  tell: (signal: Signal) => void = () => {};

  constructor({ sql, store, isBlocked }: ReceiptOptions) {
    this.#store = store;
    this.#isBlocked = isBlocked;
    this.#statements = prepare(sql);
    const common = (message: Message, topic: number) => this.#common(message, topic);
    this.#signals = new StatusSignals({ sql, common, tell: (signal) => this.tell(signal) });
  }

  /**
   * Somebody has got, or seen, a message that they may read, and with it all before it. Answers what it is for them now.
   * Refuses: OWN_MESSAGE, NOT_A_MEMBER.
   */
  async mark(principal: Principal, message: Message, status: 'DELIVERED' | 'SEEN'): Promise<MessageStatus> {
    const { account } = principal;
    if (message.sender === account) throw new Refusal(messagingErrors.OWN_MESSAGE);
    const topic = await this.#topicOf(message);
    const before = await this.#marksOf(topic, account);
    const now = statusAt(before, message.seq);
    if (higher(now, status) === now) return now;
    const hidden = await this.#isHidden(account, message.sender);
    await this.#raise(principal, topic, { seq: message.seq, status, hidden: hidden && message.groupId === null });
    if (status === 'SEEN') this.#tellReader(principal, message);
    if (!hidden) await this.#tellSender(message, topic, principal);
    return status;
  }

  /** Whether the other is to hear nothing of what this reader does: one of them has blocked the other. */
  async #isHidden(reader: number, other: number): Promise<boolean> {
    return (await this.#isBlocked(reader, other)) || (await this.#isBlocked(other, reader));
  }

  async #raise({ account }: Principal, topic: number, to: Raise): Promise<void> {
    const { seq, status, hidden } = to;
    const receipt = { topic, account, delivered: seq, seen: status === 'SEEN' ? seq : 0, hidden };
    if (!(await this.#store.raise(receipt))) throw new Refusal(messagingErrors.NOT_A_MEMBER);
  }

  /** Up to which message an account has seen a conversation; `topic`: under which its marks lie. */
  async seenBy(account: number, topic: number): Promise<number> {
    return (await this.#marksOf(topic, account)).seen;
  }

  /**
   * Everything of one conversation is seen; `newest`: its last messages that were not, newest first. Their senders hear
   * of the newest of theirs only. Refuses: NOT_A_MEMBER.
   */
  async markAll(principal: Principal, topic: number, newest: readonly Message[]): Promise<void> {
    const [last] = newest;
    if (last === undefined) return;
    const partner = last.receiver === principal.account ? last.sender : last.receiver;
    const hidden = partner !== null && (await this.#isHidden(principal.account, partner));
    await this.#raise(principal, topic, { seq: last.seq, status: 'SEEN', hidden });
    this.#tellReader(principal, last);
    const told = new Set([principal.account]);
    for (const message of newest) {
      if (told.has(message.sender)) continue;
      told.add(message.sender);
      if (!(await this.#isHidden(principal.account, message.sender))) await this.#tellSender(message, topic, principal);
    }
  }

  /** What is stored is not refused because its sender could not be told. */
  async #tellSender(message: Message, topic: number, reader: Principal): Promise<void> {
    await this.#signals.add(message, topic, reader).catch(() => {});
  }

  /** On their other devices it is unread no more. */
  #tellReader({ account }: Principal, { id, groupId, sender, senderId, receiverId }: Message): void {
    const other = sender === account ? (receiverId ?? senderId) : senderId;
    const body: ConversationSeen = { conversationId: groupId ?? other, messageId: id };
    this.tell({ topics: [topicOf('user', account)], type: messagingSignals.seen, body });
  }

  /**
   * The messages with the status that this reader is shown: of their own, what all others have done; of others', what
   * they have done themselves. A conversation costs one read, a group three, however many messages and members.
   */
  async shownTo(account: number, messages: readonly Message[]): Promise<Message[]> {
    const shown = new Map<number, (message: Message) => Promise<MessageStatus>>();
    const result: Message[] = [];
    for (const message of messages) {
      const known = shown.get(message.conversation) ?? (await this.#statusIn(account, message));
      shown.set(message.conversation, known);
      result.push({ ...message, status: await known(message) });
    }
    return result;
  }

  /** How to tell the status of messages of one conversation. */
  async #statusIn(account: number, one: Message): Promise<(message: Message) => Promise<MessageStatus>> {
    const topic = await this.#topicOf(one);
    if (one.groupId === null) {
      const rows = await this.#statements.pair.all(topic);
      return async ({ seq, status, receiver }) => {
        const row = rows.find((known) => known.account === receiver);
        if (row === undefined) return status;
        return higher(status, statusAt(receiver === account ? row : shownOf(row), seq));
      };
    }
    const own = await this.#statements.own.get(topic, account);
    const lowest = await this.#lowest(topic);
    return async ({ seq, status, sender }) => {
      if (sender === account) return higher(status, statusAt(lowestBut(lowest, sender), seq));
      return statusAt(own ?? nothing, seq);
    };
  }

  /** What all but its sender have done with a message. */
  async statusOf(message: Message): Promise<MessageStatus> {
    return this.#common(message, await this.#topicOf(message));
  }

  async #common(message: Message, topic: number): Promise<MessageStatus> {
    if (message.groupId !== null) return statusAt(lowestBut(await this.#lowest(topic), message.sender), message.seq);
    const rows = await this.#statements.pair.all(topic);
    const row = rows.find(({ account }) => account === message.receiver);
    return row === undefined ? 'SENT' : statusAt(shownOf(row), message.seq);
  }

  /** Of each mark the two lowest in a group: one of them may be the sender's own. */
  async #lowest(topic: number): Promise<Lowest> {
    const [delivered, seen] = await Promise.all([
      this.#statements.lowestDelivered.all(topic),
      this.#statements.lowestSeen.all(topic),
    ]);
    return { delivered, seen };
  }

  async #marksOf(topic: number, account: number): Promise<Marks> {
    return (await this.#statements.own.get(topic, account)) ?? nothing;
  }

  /** Under what the marks lie: a group's own topic, or one that nobody reads. */
  async #topicOf(message: Message): Promise<number> {
    if (message.groupId === null) return topicOf('conversation', message.conversation);
    const found = await this.#statements.groupOf.get(message.conversation);
    return topicOf('group', found?.high ?? 0);
  }
}

/** What the other side of a direct conversation is shown of somebody's marks. */
const shownOf = ({ delivered, seen, shown_delivered, shown_seen }: PairRow): Marks => ({
  delivered: shown_delivered ?? delivered,
  seen: shown_seen ?? seen,
});

export type ReceiptOptions = {
  sql: Sql;
  store: MessageStore;
  isBlocked: (by: number, who: number) => Promise<boolean>;
};

type Raise = { seq: number; status: MessageStatus; hidden: boolean };
type Lowest = Readonly<{ delivered: readonly Row[]; seen: readonly Row[] }>;

/** What all have, but for one; nobody else there: nothing. */
function lowestBut({ delivered, seen }: Lowest, sender: number): Marks {
  const lowest = (rows: readonly Row[]): Row | undefined => rows.find(({ account }) => account !== sender);
  return { delivered: lowest(delivered)?.delivered ?? 0, seen: lowest(seen)?.seen ?? 0 };
}

function prepare(database: Sql) {
  const select = 'SELECT account, delivered, seen FROM receipts WHERE topic = ?1';
  return {
    own: database.statement<Row>(`${select} AND account = ?2`),
    pair: database.statement<PairRow>(
      'SELECT account, delivered, seen, shown_delivered, shown_seen FROM receipts WHERE topic = ?1 LIMIT 2',
    ),
    lowestDelivered: database.statement<Row>(`${select} ORDER BY delivered LIMIT 2`),
    lowestSeen: database.statement<Row>(`${select} ORDER BY seen LIMIT 2`),
    groupOf: database.statement<{ high: number }>('SELECT high FROM conversations WHERE id = ?1'),
  };
}
