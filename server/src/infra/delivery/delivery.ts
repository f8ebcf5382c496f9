import type { Log, Move, Row } from '../log/log.ts';
import { formatOffset } from '../log/offset.ts';
import { accountOf, isUserTopic } from '../log/topic.ts';
import type { Feed } from './feed.ts';
import type { Recent } from './recent.ts';
import type { Signal } from './signal.ts';
import { type Forms, type Gate, WireEvent, type Words } from './wire-event.ts';

export type DeliveryOptions = {
  log: Log;
  recent: Recent;
  gate: Gate;
  /** Rows a door or a reaction could not take; the loop goes on. */
  onFailure: (row: Row, error: unknown) => void;
  /** Bytes that may wait for one client before it leaves the live set and catches up at its own pace. */
  sendBuffer: number;
};

/** How often the loop looks by itself, in milliseconds: an announcement may be lost. */
const lookEvery = 1_000;
const walkPage = 500;

/** A row's forms at each door that has been asked for them. */
export type FormsByDoor = Map<Words, Forms | null>;

/**
 * The delivery loop of this node: walks the log in `seq` order from the last row it has delivered to the head and hands
 * each row to the feeds of its topics. Announcements only wake it; the rows of its own commits come along in memory.
 */
export class Delivery {
  readonly #log: Log;
  readonly #recent: Recent;
  readonly #gate: Gate;
  readonly #onFailure: DeliveryOptions['onFailure'];
  readonly #sendBuffer: number;
  readonly #live = new Map<number, Set<Feed>>();
  readonly #byAccount = new Map<number, Set<Feed>>();
  /** Those that follow their accounts' moves and are not live. */
  readonly #catchingUp = new Set<Feed>();
  /** Live feeds by the topics that end at a row which the loop has yet to pass: their intervals were loaded after it. */
  readonly #ending = new Map<number, Set<Feed>>();
  readonly #reactions = new Map<string, ((row: Row) => void)[]>();
  /** Commits that came before an earlier one, by their first number. */
  readonly #early = new Map<number, readonly Row[]>();
  readonly #touched = new Set<Feed>();
  readonly #timer: NodeJS.Timeout;
  #walking: Promise<void> | undefined;
  #delivered: number;
  /** The row at which the loop stands because the log does not have it. */
  #missing = 0;
  #failures = 0;
  /** Called with a feed that must catch up because its client reads too slowly. */
  onBehind: (feed: Feed) => void = () => {};

  constructor({ log, recent, gate, onFailure, sendBuffer }: DeliveryOptions) {
    this.#log = log;
    this.#recent = recent;
    this.#gate = gate;
    this.#onFailure = onFailure;
    this.#sendBuffer = sendBuffer;
    this.#delivered = recent.head;
    this.#timer = setInterval(() => void this.look(), lookEvery);
    this.#timer.unref();
  }

  /** How often a door or a reaction could not take a row since the start. */
  get failures(): number {
    return this.#failures;
  }

  /** The last row that every live feed has been offered. */
  get delivered(): number {
    return this.#delivered;
  }

  /** The handler runs when the loop passes a row of this type, on every node, before the row's readers hear of it. */
  react(type: string, handler: (row: Row) => void): void {
    this.#reactions.set(type, [...(this.#reactions.get(type) ?? []), handler]);
  }

  /** Rows of one commit, in order. May come twice, late, or before an earlier commit's. */
  take(rows: readonly Row[]): void {
    const first = rows[0]?.seq;
    if (first === undefined) return;
    if (first > this.#delivered + 1) {
      if (this.#early.size < 1_000) this.#early.set(first, rows);
      setImmediate(() => void this.look());
      return;
    }
    this.#deliver(rows);
    if (this.#early.size > 0) this.#takeEarly();
  }

  /**
   * Hands a signal to the live connections that read one of its topics. Who reads too slowly does not get it. A client
   * that was told it is connected may still be catching up: what is for its account itself waits until it is live.
   */
  signal(signal: Signal): void {
    this.#gate.hold();
    const reached = new Set<Feed>();
    const except = new Set(signal.except);
    const forms: FormsByDoor = new Map();
    for (const topic of signal.topics) {
      for (const feed of this.#live.get(topic) ?? []) {
        if (except.has(feed.reader.account) || reached.has(feed)) continue;
        reached.add(feed);
        if (feed.outlet.buffered() <= this.#sendBuffer) this.#sendSignal(signal, feed, forms);
      }
      if (!isUserTopic(topic) || except.has(accountOf(topic))) continue;
      for (const feed of this.#byAccount.get(accountOf(topic)) ?? []) {
        if (feed.live || reached.has(feed)) continue;
        reached.add(feed);
        feed.hold(signal);
      }
    }
  }

  /** Reads the log from the last delivered row to the head. */
  look(): Promise<void> {
    this.#walking ??= this.#walk().finally(() => {
      this.#walking = undefined;
    });
    return this.#walking;
  }

  /** From here on the feed hears of its account's moves; it is not live yet. */
  follow(feed: Feed): void {
    addTo(this.#byAccount, feed.reader.account, feed);
    this.#catchingUp.add(feed);
  }

  /** Must be called in the turn in which the feed's cursor reached `delivered`. */
  enter(feed: Feed): void {
    feed.live = true;
    this.#catchingUp.delete(feed);
    for (const topic of feed.topicsAt(this.#delivered)) addTo(this.#live, topic, feed);
    for (const topic of feed.endingAfter(this.#delivered)) addTo(this.#ending, topic, feed);
    for (const signal of feed.release()) this.#sendSignal(signal, feed, new Map());
  }

  /** Takes the feed out of the live set; it goes on hearing of moves. */
  pause(feed: Feed): void {
    feed.live = false;
    this.#catchingUp.add(feed);
    for (const { topic } of feed.intervals) {
      removeFrom(this.#live, topic, feed);
      removeFrom(this.#ending, topic, feed);
    }
  }

  leave(feed: Feed): void {
    feed.ended = true;
    this.pause(feed);
    this.#catchingUp.delete(feed);
    removeFrom(this.#byAccount, feed.reader.account, feed);
  }

  /** The connections of an account on this node. */
  feedsOf(account: number): ReadonlySet<Feed> {
    return this.#byAccount.get(account) ?? new Set();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #walk(): Promise<void> {
    try {
      while ((await this.#log.head()) > this.#delivered) {
        const before = this.#delivered;
        this.#deliver(await this.#log.rowsAfter(before, walkPage));
        this.#takeEarly();
        // Asked again at once, a log that answers within the turn would hold the event loop for ever.
        if (this.#delivered === before) {
          this.#reportMissing(before + 1);
          return;
        }
      }
    } catch (error) {
      this.#reportWalk(error);
    }
  }

  /** Once for each row: whatever is announced behind it finds the same hole. */
  #reportMissing(seq: number): void {
    if (seq === this.#missing) return;
    this.#missing = seq;
    this.#reportWalk(new Error(`Row ${seq} is missing from the log; nothing above it is delivered`));
  }

  #reportWalk(error: unknown): void {
    const seq = this.#delivered;
    this.#onFailure({ seq, topic: 0, peer: null, type: 'walk', body: null, moves: null, size: 0, at: 0 }, error);
  }

  #takeEarly(): void {
    for (let next = this.#early.get(this.#delivered + 1); next !== undefined; ) {
      this.#deliver(next);
      next = this.#early.get(this.#delivered + 1);
    }
    for (const first of this.#early.keys()) if (first <= this.#delivered) this.#early.delete(first);
  }

  #deliver(rows: readonly Row[]): void {
    this.#gate.hold();
    for (const row of rows) if (row.seq === this.#delivered + 1) this.#pass(row);
    for (const feed of this.#touched) {
      if (feed.live && feed.outlet.buffered() > this.#sendBuffer) this.#setBehind(feed);
    }
    this.#touched.clear();
  }

  #setBehind(feed: Feed): void {
    this.pause(feed);
    this.onBehind(feed);
  }

  #pass(row: Row): void {
    this.#react(row);
    if (row.moves !== null) this.#move(row, 'enter');
    const forms: FormsByDoor = new Map();
    this.#offer(row, row.topic, forms);
    if (row.peer !== null) this.#offer(row, row.peer, forms);
    if (row.moves !== null) this.#move(row, 'leave');
    this.#recent.push(row);
    this.#delivered = row.seq;
  }

  #offer(row: Row, topic: number, forms: FormsByDoor): void {
    const feeds = this.#live.get(topic);
    if (feeds === undefined) return;
    for (const feed of feeds) {
      if (feed.cursor >= row.seq) continue;
      feed.cursor = row.seq;
      this.#touched.add(feed);
      try {
        sendRow(this.#log.epoch, row, feed, forms);
      } catch (error) {
        this.#fail(row, error);
      }
    }
  }

  /** Live sockets enter and leave topics exactly when the loop passes the row, so that live and replay cut alike. */
  #move(row: Row, kind: 'enter' | 'leave'): void {
    for (const move of row.moves ?? []) {
      if (move.kind === 'end') {
        if (kind === 'leave') this.#end(move, row.seq);
        else for (const feed of this.#ending.get(move.topic) ?? []) addTo(this.#live, move.topic, feed);
        continue;
      }
      if (move.kind !== kind) continue;
      for (const feed of this.#byAccount.get(move.account) ?? []) {
        feed.apply(move, row.seq);
        if (!feed.live) continue;
        if (kind === 'enter') addTo(this.#live, move.topic, feed);
        else removeFrom(this.#live, move.topic, feed);
      }
    }
  }

  /** Who left the topic before still has it among what is left to read. */
  #end(move: Move, seq: number): void {
    for (const feeds of [this.#live.get(move.topic) ?? [], this.#catchingUp]) {
      for (const feed of feeds) feed.apply(move, seq);
    }
    this.#live.delete(move.topic);
    this.#ending.delete(move.topic);
  }

  #fail(row: Row, error: unknown): void {
    this.#failures += 1;
    this.#onFailure(row, error);
  }

  #sendSignal(signal: Signal, feed: Feed, forms: FormsByDoor): void {
    let choose = forms.get(feed.words);
    if (choose === undefined) {
      choose = feed.words.signal(signal);
      forms.set(feed.words, choose);
    }
    const event = choose?.(feed.reader) ?? null;
    if (event === null) return;
    // A stock client takes a text at the end of any event for its offset: after one there must be ours.
    const isText = event.json.startsWith('"');
    feed.outlet.send(
      isText ? new WireEvent(event.event, event.json, formatOffset(this.#log.epoch, feed.cursor)) : event,
    );
  }

  #react(row: Row): void {
    for (const handler of this.#reactions.get(row.type) ?? []) {
      try {
        handler(row);
      } catch (error) {
        this.#fail(row, error);
      }
    }
  }
}

/**
 * Hands one row to one feed in its door's words, and returns their length; a row without words there only moves the
 * cursor.
 */
export function sendRow(epoch: string, row: Row, feed: Feed, forms: FormsByDoor): number {
  let choose = forms.get(feed.words);
  if (choose === undefined) {
    choose = feed.words.row(row, formatOffset(epoch, row.seq));
    forms.set(feed.words, choose);
  }
  const event = choose?.(feed.reader) ?? null;
  if (event === null) return 0;
  feed.outlet.send(event);
  return event.json.length;
}

function addTo<Key>(sets: Map<Key, Set<Feed>>, key: Key, feed: Feed): void {
  const known = sets.get(key);
  if (known === undefined) sets.set(key, new Set([feed]));
  else known.add(feed);
}

function removeFrom<Key>(sets: Map<Key, Set<Feed>>, key: Key, feed: Feed): void {
  const known = sets.get(key);
  known?.delete(feed);
  if (known?.size === 0) sets.delete(key);
}
