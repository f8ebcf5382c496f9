import { type Kysely, type SqlBool, sql } from 'kysely';
import type { Log, NewRow, Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Clock } from '../../kernel/clock.ts';
import { type ErrorValue, Refusal } from '../../kernel/errors.ts';
import { type IdBytes, idBytes } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { messagingErrors } from './errors.ts';
import { type MessageDeleted, type MessageReacted, messagingEvents } from './events.ts';
import { messageById } from './history.ts';
import { higher } from './marks.ts';
import type { Message, MessageStatus, Reaction } from './schema.ts';
import { inputHash, type MessageStore } from './store.ts';

type Tables = {
  messages: {
    seq: number;
    content: string;
    status: MessageStatus;
    metadata: string | null;
    reactions: string | null;
    client_id: string | null;
    input_hash: IdBytes | null;
    updated_at: number;
    deleted_at: number | null;
  };
  reactions: { message: number; account: number; emoji: string };
  conversations: { id: number; total: number };
  conversation_messages: { conversation: number; seq: number };
};

/** A message as its transaction found it. */
type Found = { message: Message; group: number | null };

type ChangesOptions = {
  log: Log;
  store: MessageStore;
  clock: Clock;
  /** What all but its sender have done with a message. */
  statusOf: (id: string) => Promise<MessageStatus>;
};

/** Different emoji at one message: all of them are in each of its views. */
const reactionKinds = 20;

/** What becomes of a message after it was sent. Each act looks at the rows as they are when its turn has come. */
export class Changes {
  readonly #log: Log;
  readonly #store: MessageStore;
  readonly #clock: Clock;
  readonly #statusOf: ChangesOptions['statusOf'];

  constructor({ log, store, clock, statusOf }: ChangesOptions) {
    this.#statusOf = statusOf;
    this.#log = log;
    this.#store = store;
    this.#clock = clock;
  }

  /** Refuses: MESSAGE_NOT_FOUND, NOT_THE_SENDER, NOT_A_MEMBER, BLOCKED, BLOCKING. */
  async edit(principal: Principal, id: string, content: string): Promise<Message> {
    // Kept with the message: what is told of it must not say less than was said before.
    const reached = await this.#statusOf(id);
    return this.#log.write(async (transaction) => {
      const { message, group } = await this.#own(transaction, principal, id);
      await mayWrite(transaction.sql, principal, { message, group });
      const status = higher(message.status, reached);
      const edited: Message = { ...message, content: content.toWellFormed(), status, updatedAt: this.#now(message) };
      const { updatedAt: updated_at } = edited;
      await this.#update(transaction.sql, message, { content: edited.content, status, updated_at });
      transaction.append({
        ...toReaders(message, group),
        type: messagingEvents.edited,
        payload: edited,
        about: message.seq,
      });
      return edited;
    });
  }

  /** What was said is gone, from the log too; its number stays. Refuses: MESSAGE_NOT_FOUND, NOT_THE_SENDER. */
  async remove(principal: Principal, id: string): Promise<void> {
    await this.#store.deleting(() => this.#log.write((transaction) => this.#remove(transaction, principal, id)));
  }

  async #remove(transaction: Transaction, principal: Principal, id: string): Promise<Message> {
    const { message, group } = await this.#own(transaction, principal, id);
    const { seq } = message;
    const now = this.#clock.now();
    await this.#update(transaction.sql, message, {
      content: '',
      metadata: null,
      reactions: null,
      updated_at: now,
      deleted_at: now,
    });
    const tables = transaction.sql.withTables<Tables>();
    await tables.deleteFrom('reactions').where('message', '=', seq).execute();
    await takeFromIndex(transaction.sql, message);
    const payload: MessageDeleted = { seq, messageId: message.id };
    transaction.append({ ...toReaders(message, group), type: messagingEvents.deleted, payload });
    return message;
  }

  /**
   * Adds or takes back one's reaction; what is so already stays so, and nobody hears of it. Refuses: MESSAGE_NOT_FOUND,
   * NOT_A_MEMBER, BLOCKED, BLOCKING, NO_EMOJI, TOO_MANY_REACTIONS.
   */
  async react(
    principal: Principal,
    id: string,
    { emoji, action }: Pick<MessageReacted, 'emoji' | 'action'>,
  ): Promise<void> {
    const known = emojiOf(emoji);
    await this.#log.write(async (transaction) => {
      const { message, group } = await found(transaction, principal, id);
      await mayWrite(transaction.sql, principal, { message, group });
      const changed = await setReaction(
        transaction.sql,
        { message: message.seq, account: principal.account, emoji: known },
        action,
      );
      if (!changed) return;
      const reactions = counted(message.reactions, known, action === 'added' ? 1 : -1);
      const tables = transaction.sql.withTables<Tables>();
      const text = reactions.length === 0 ? null : JSON.stringify(reactions);
      await tables.updateTable('messages').set({ reactions: text }).where('seq', '=', message.seq).execute();
      const payload: MessageReacted = {
        seq: message.seq,
        messageId: message.id,
        userId: principal.id,
        emoji: known,
        action,
        reactions,
      };
      const row = { ...toReaders(message, group), type: messagingEvents.reacted, payload };
      transaction.append({ ...row, about: message.seq, own: true });
    });
  }

  async #own(transaction: Transaction, principal: Principal, id: string): Promise<Found> {
    const own = await found(transaction, principal, id);
    if (own.message.sender !== principal.account) throw new Refusal(messagingErrors.NOT_THE_SENDER);
    return own;
  }

  /** Later than its creation, also within a millisecond and when the clock has stepped: that is how an edit is known. */
  #now(message: Message): number {
    return Math.max(this.#clock.now(), message.createdAt + 1);
  }

  /** The first change keeps what a retry of the message is known by. */
  async #update(db: Kysely<object>, message: Message, values: Partial<Tables['messages']>): Promise<void> {
    const tables = db.withTables<Tables>();
    await tables.updateTable('messages').set(values).where('seq', '=', message.seq).execute();
    if (message.clientId === null) return;
    await tables
      .updateTable('messages')
      .set({ input_hash: inputHash(message) })
      .where('seq', '=', message.seq)
      .where('input_hash', 'is', null)
      .execute();
  }
}

/** The message, for whoever may read it; the transaction has its turn from here on. */
async function found(transaction: Transaction, { account }: Principal, id: string): Promise<Found> {
  await transaction.takeTurn();
  const bytes = idBytes(id);
  const known = bytes && (await messageById(transaction.sql, bytes));
  if (known === undefined) throw new Refusal(messagingErrors.MESSAGE_NOT_FOUND);
  const { message, group } = known;
  const visible =
    group === null
      ? message.sender === account || message.receiver === account
      : (await isMember(transaction.sql, account, group)) || (await isPublic(transaction.sql, group));
  if (!visible) throw new Refusal(messagingErrors.MESSAGE_NOT_FOUND);
  return known;
}

/** What still waits for the index is neither in it nor counted. */
async function takeFromIndex(db: Kysely<object>, { conversation, seq }: Message): Promise<void> {
  const tables = db.withTables<Tables>();
  const taken = tables.deleteFrom('conversation_messages').where((eb) => eb.and({ conversation, seq }));
  if ((await taken.returning('seq').execute()).length === 0) return;
  const less = tables.updateTable('conversations').set((eb) => ({ total: eb('total', '-', 1) }));
  await less.where('id', '=', conversation).execute();
}

/** Whoever may no longer send to a conversation changes nothing that the others in it read. */
async function mayWrite(db: Kysely<object>, { account }: Principal, { message, group }: Found): Promise<void> {
  if (group !== null) {
    if (!(await isMember(db, account, group))) throw new Refusal(messagingErrors.NOT_A_MEMBER);
    return;
  }
  const other = message.sender === account ? message.receiver : message.sender;
  const refused = other === null ? undefined : await blockBetween(db, account, other);
  if (refused !== undefined) throw new Refusal(refused);
}

async function blockBetween(db: Kysely<object>, own: number, other: number): Promise<ErrorValue | undefined> {
  const query = sql<{ account: number }>`
    select account from blocks where (account = ${own} and blocked = ${other}) or (account = ${other} and blocked = ${own})`;
  const { rows } = await query.execute(db);
  if (rows.length === 0) return undefined;
  return rows.some(({ account }) => account === own) ? messagingErrors.BLOCKING : messagingErrors.BLOCKED;
}

const isMember = (db: Kysely<object>, account: number, group: number): Promise<boolean> =>
  isTrue(
    db,
    sql`exists (select 1 from readers where account = ${account} and topic = ${topicOf('group', group)} and to_seq is null)`,
  );

const isPublic = (db: Kysely<object>, group: number): Promise<boolean> =>
  isTrue(db, sql`exists (select 1 from groups where id = ${group} and type = 'PUBLIC')`);

async function isTrue(db: Kysely<object>, expression: ReturnType<typeof sql>): Promise<boolean> {
  const { rows } = await sql<{ yes: SqlBool }>`select ${expression} as yes`.execute(db);
  return Boolean(rows[0]?.yes);
}

/** The topics of the message's own row. */
const toReaders = ({ receiver, sender }: Message, group: number | null): Pick<NewRow, 'topic' | 'peer'> =>
  group === null
    ? { topic: topicOf('user', receiver ?? sender), peer: topicOf('user', sender) }
    : { topic: topicOf('group', group) };

/** One emoji with the sign that asks for its picture, where it needs one: so that it is one reaction however it is typed. */
function emojiOf(text: string): string {
  const emoji = [text, `${text}\u{fe0f}`].find((form) => /^\p{RGI_Emoji}$/v.test(form));
  if (emoji === undefined) throw new Refusal(messagingErrors.NO_EMOJI);
  return emoji;
}

/** Whether anything changed. */
async function setReaction(
  db: Kysely<object>,
  row: Tables['reactions'],
  action: MessageReacted['action'],
): Promise<boolean> {
  const tables = db.withTables<Tables>();
  if (action === 'added') {
    const insert = tables.insertInto('reactions').values(row);
    const added = await insert
      .onConflict((conflict) => conflict.doNothing())
      .returning('emoji')
      .execute();
    return added.length > 0;
  }
  const { message, account, emoji } = row;
  const removed = await tables
    .deleteFrom('reactions')
    .where((eb) => eb.and({ message, account, emoji }))
    .returning('emoji')
    .execute();
  return removed.length > 0;
}

function counted(reactions: readonly Reaction[], emoji: string, by: 1 | -1): Reaction[] {
  if (reactions.some((known) => known.emoji === emoji)) {
    return reactions
      .map((known) => (known.emoji === emoji ? { emoji, count: known.count + by } : known))
      .filter(({ count }) => count > 0);
  }
  if (reactions.length >= reactionKinds) throw new Refusal(messagingErrors.TOO_MANY_REACTIONS);
  return [...reactions, { emoji, count: 1 }];
}
