import { sql } from 'kysely';
import type { Signal } from '../../infra/delivery/signal.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import type { Principal } from '../../kernel/principal.ts';
import { messagingSignals, type StatusChanged } from './events.ts';
import { type Marks, statusAt } from './marks.ts';
import type { Message, MessageStatus } from './schema.ts';

export type StatusSource = {
  sql: Sql;
  /** What all but the sender have done with a message. */
  common: (message: Message, topic: number) => Promise<MessageStatus>;
  tell: (signal: Signal) => void;
};

/** `readers`: whose receipts have come, their public ids by their numbers. */
type Waiting = Readonly<{ message: Message; topic: number; readers: Map<number, string> }>;
type MemberMarks = Marks & { account: number };

/** A message's sender hears of it this often at the most, in milliseconds. */
const tellEvery = 1_000;
/** In a larger group its sender hears how many, and not who. */
const namedMembers = 50;

/**
 * Tells senders what has become of their messages: the first change at once, then what has gathered, once a second for
 * each message. Who has left the group hears nothing. It is a signal: who is away sees the status when they read the
 * message.
 */
export class StatusSignals {
  readonly #source: StatusSource;
  readonly #members: Statement<MemberMarks>;
  readonly #member: Statement<object>;
  readonly #waiting = new Map<number, Waiting>();

  constructor(source: StatusSource) {
    this.#source = source;
    this.#members = source.sql.statement(
      `SELECT account, delivered, seen FROM receipts WHERE topic = ?1 LIMIT ${namedMembers + 2}`,
    );
    this.#member = source.sql.statement('SELECT account FROM receipts WHERE topic = ?1 AND account = ?2');
  }

  async add(message: Message, topic: number, { account, id }: Principal): Promise<void> {
    const waiting = this.#waiting.get(message.seq);
    if (waiting !== undefined) {
      waiting.readers.set(account, id);
      return;
    }
    this.#rest(message, topic);
    await this.#tell({ message, topic, readers: new Map([[account, id]]) });
  }

  /** Whatever comes within the second waits for its end. */
  #rest(message: Message, topic: number): void {
    const waiting: Waiting = { message, topic, readers: new Map() };
    this.#waiting.set(message.seq, waiting);
    setTimeout(() => {
      this.#waiting.delete(message.seq);
      if (waiting.readers.size === 0) return;
      this.#rest(message, topic);
      // The status can be read again; a database that is away must not end the process.
      this.#tell(waiting).catch(() => {});
    }, tellEvery).unref();
  }

  async #tell({ message, topic, readers }: Waiting): Promise<void> {
    const { id: messageId, groupId, sender } = message;
    if (groupId !== null && (await this.#member.get(topic, sender)) === undefined) return;
    const status = await this.#source.common(message, topic);
    const body: StatusChanged = { messageId, groupId, status, ...(await this.#who(message, topic, readers)) };
    this.#source.tell({ topics: [topicOf('user', sender)], type: messagingSignals.status, body });
  }

  /** Read when it is told: two receipts of one reader may come in another order than they were stored in. */
  async #who(message: Message, topic: number, readers: Waiting['readers']): Promise<Partial<StatusChanged>> {
    const marks = await this.#members.all(topic);
    if (marks.length > namedMembers) return this.#counts(message, topic);
    const members = marks.flatMap(({ account, ...own }) => {
      const userId = readers.get(account);
      return userId === undefined ? [] : [{ userId, status: statusAt(own, message.seq) }];
    });
    return { members };
  }

  /** Off the event loop: what is counted is a range of an index, but as long as the group is large. */
  async #counts({ seq, sender }: Message, topic: number): Promise<Partial<StatusChanged>> {
    const from = sql`select count(*) from receipts where topic = ${topic} and account <> ${sender}`;
    const query = sql<{ delivered: number; seen: number }>`
      select (${from} and delivered >= ${seq}) as delivered, (${from} and seen >= ${seq}) as seen`;
    const [counts] = await this.#source.sql.scan(query.compile(this.#source.sql.read));
    return { delivered: Number(counts?.delivered ?? 0), seen: Number(counts?.seen ?? 0) };
  }
}
