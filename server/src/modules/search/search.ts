import type { Delivery } from '../../infra/delivery/delivery.ts';
import { Follower } from '../../infra/log/follower.ts';
import type { Log, Row } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import { wordsOf } from '../../kernel/words.ts';
import {
  type Message,
  type MessageDeleted,
  type Messaging,
  messageEvent,
  messagingEvents,
} from '../messaging/index.ts';
import { searchErrors } from './errors.ts';
import { LastRows } from './last-rows.ts';
import type { Entry, FoundMessages } from './schema.ts';
import { PostgresWordStore } from './store.postgres.ts';
import { SqliteWordStore } from './store.sqlite.ts';
import { topicEntry, type WordStore } from './store.ts';
import { beginning, entriesOf } from './words.ts';

/** As far as messages are counted: who finds more of them must say more. */
const mostMatches = 1_000;
/** How long a search waits for what it must know, in milliseconds. */
const waitFor = 2_000;
/** Authors whose last message is remembered (who wrote before them waits for nothing), and topics with their last change. */
const remembered = 10_000;

export type SearchOptions = {
  sql: Sql;
  log: Log;
  messaging: Pick<Messaging, 'shown'>;
  /** What could not be put into the index; it is tried again. */
  onFailure: (error: unknown) => void;
};

/** Full-text search in messages. The index follows the log, normally less than a second behind. */
export class Search {
  readonly #messaging: SearchOptions['messaging'];
  readonly #log: Log;
  readonly #store: WordStore;
  readonly #follower: Follower;
  /** The last message of each author. */
  readonly #lastOwn = new LastRows(remembered);
  /** The last row by which words of a message went away, in each topic and in all. */
  readonly #changes = new LastRows(remembered);
  #lastChange = 0;

  constructor({ sql, log, messaging, onFailure }: SearchOptions) {
    this.#messaging = messaging;
    this.#log = log;
    const store = sql.engine === 'sqlite' ? new SqliteWordStore(sql) : new PostgresWordStore(sql);
    this.#store = store;
    this.#follower = new Follower({
      name: 'search',
      sql,
      log,
      types: [messageEvent, messagingEvents.edited, messagingEvents.deleted],
      take: (transaction, rows) => store.put(transaction, entriesIn(rows)),
      onFailure,
    });
  }

  /** The last row of the log that is in the index. */
  get cursor(): number {
    return this.#follower.cursor;
  }

  /** Hears of messages as the delivery loop passes them. */
  follow(delivery: Delivery): void {
    delivery.react(messageEvent, ({ body, seq }) => {
      if (body !== null) this.#lastOwn.note((body as Message).sender, seq);
      this.#follower.wake();
    });
    for (const type of [messagingEvents.edited, messagingEvents.deleted]) {
      delivery.react(type, (row) => this.#noteChange(row));
    }
    // Which of the rows before the start changed something is not known.
    this.#lastChange = delivery.delivered;
    this.#changes.forgetTo(delivery.delivered);
    this.#follower.wake();
  }

  /**
   * Messages one may read with all these words, newest first: in direct conversations of one's own, and in groups in
   * which one is now. Of the last word its beginning is enough. It waits for one's own last message, and for what
   * was edited or deleted there: nobody finds by a word what does not have it any more. Refuses NO_WORD, UNAVAILABLE.
   */
  async messages(principal: Principal, text: string, { page, limit }: Page): Promise<FoundMessages> {
    const words = wordsOf(text);
    if (words.length === 0) throw new Refusal(searchErrors.NO_WORD);
    await this.#follower.reach(await this.#neededBy(principal), waitFor);
    const question = { account: principal.account, words };
    const found = await this.#store.find(question, { upTo: this.#follower.cursor, limit: mostMatches + 1 });
    const from = (page - 1) * limit;
    const seqs = found.slice(0, mostMatches);
    const wanted = seqs.slice(from, from + limit);
    const shown = await this.#messaging.shown(principal, wanted);
    // The wait may have ended before the index knew of an edit.
    const messages = shown.filter(({ content }) => hasWords(content, words));
    return {
      messages,
      total: seqs.length - (wanted.length - messages.length),
      capped: found.length > mostMatches,
    };
  }

  close(): Promise<void> {
    return this.#follower.close();
  }

  /** Up to which row the index must know the log for this account: what others change elsewhere it does not wait for. */
  async #neededBy({ account }: Principal): Promise<number> {
    const own = this.#lastOwn.of(account) ?? 0;
    if (this.#follower.cursor >= this.#lastChange) return own;
    let needed = Math.max(own, this.#changes.forgotten);
    for (const { topic } of await this.#log.intervals(account, Number.MAX_SAFE_INTEGER)) {
      needed = Math.max(needed, this.#changes.of(topic) ?? 0);
    }
    return needed;
  }

  #noteChange({ seq, topic, peer }: Row): void {
    this.#lastChange = seq;
    for (const read of [topic, peer ?? topic]) this.#changes.note(read, seq);
    this.#follower.wake();
  }
}

/** Whether a text has all these words, or of the last one its beginning. */
function hasWords(content: string, words: readonly string[]): boolean {
  const entries = new Set(entriesOf(content));
  const last = words.at(-1) ?? '';
  return words.slice(0, -1).every((word) => entries.has(word)) && (entries.has(last) || entries.has(beginning(last)));
}

/** What these rows make of the index: of a message that several are about, as the last one says. */
function entriesIn(rows: readonly Row[]): Entry[] {
  const entries = new Map<number, Entry['entries']>();
  for (const { type, seq, body, topic, peer, about = seq } of rows) {
    if (type === messagingEvents.deleted) entries.set((body as MessageDeleted).seq, []);
    else entries.set(about, body === null ? [] : [...entriesOf((body as Message).content), ...topicsOf(topic, peer)]);
  }
  return [...entries].map(([seq, found]) => ({ seq, entries: found }));
}

const topicsOf = (topic: number, peer: number | null): string[] => [...new Set([topic, peer ?? topic])].map(topicEntry);
