import type { Interval, Move } from '../log/log.ts';
import { topicOf } from '../log/topic.ts';
import type { Signal } from './signal.ts';
import type { Outlet, Reader, Words } from './wire-event.ts';

export type FeedOptions = {
  reader: Reader;
  outlet: Outlet;
  words: Words;
  cursor: number;
  /** Before the connection is cut: from then on nothing more reaches its client. */
  onCut: () => void;
};

/** Signals that wait for a connection until it is live; what comes above that number is lost to it. */
const signalsHeld = 100;

/**
 * What one connection has seen of the log: one cursor over all its topics. While it is catching up it is outside the
 * loop's topic sets and reads pages by itself; then it is live until it ends or falls behind.
 */
export class Feed {
  readonly reader: Reader;
  readonly outlet: Outlet;
  readonly words: Words;
  readonly #onCut: () => void;
  /** The highest `seq` that was written to this connection, or passed over for it. */
  cursor: number;
  live = false;
  ended = false;
  /** How many topics of these intervals have ended: rows of before that were read with the intervals of before are not sent. */
  cuts = 0;
  #taken: number;
  #intervals: readonly Interval[] | null = null;
  /** Moves that the loop passed before the intervals were loaded. */
  #early: { move: Move; seq: number }[] = [];
  /** `null` once it has been live: a slow reader does without signals. */
  #held: Signal[] | null = [];

  constructor({ reader, outlet, words, cursor, onCut }: FeedOptions) {
    this.reader = reader;
    this.outlet = outlet;
    this.words = words;
    this.cursor = cursor;
    this.#taken = cursor;
    this.#onCut = onCut;
  }

  /**
   * The highest `seq` up to which nothing is known to wait in this process: what does when the connection ends reaches
   * nobody.
   */
  taken(): number {
    if (this.outlet.buffered() === 0) this.#taken = this.cursor;
    return this.#taken;
  }

  /** Keeps a signal to the account itself until the connection is live for the first time. */
  hold(signal: Signal): void {
    if (this.#held !== null && this.#held.length < signalsHeld) this.#held.push(signal);
  }

  /** What was held, in order; from here on nothing is. */
  release(): readonly Signal[] {
    const held = this.#held ?? [];
    this.#held = null;
    return held;
  }

  /** The client has answered behind everything that was sent. */
  answered(): void {
    this.#taken = this.cursor;
  }

  /** Ends the connection in a way after which its client comes back. */
  cut(reason: string): void {
    this.#onCut();
    this.outlet.cut(reason);
  }

  /** `null` until they have been loaded; the load may already contain moves that the loop has yet to pass. */
  get intervals(): readonly Interval[] {
    return this.#intervals ?? [{ topic: topicOf('user', this.reader.account), from: 0, to: null }];
  }

  /** Before a load: moves that the loop passes meanwhile are kept and applied to what was loaded. */
  unload(): void {
    this.#intervals = null;
  }

  load(intervals: readonly Interval[]): void {
    this.#intervals = intervals;
    for (const { move, seq } of this.#early) this.apply(move, seq);
    this.#early = [];
  }

  /** The loop has passed a row that lets this account into a topic or out of it. Twice is as once. */
  apply(move: Move, seq: number): void {
    if (this.#intervals === null) {
      this.#early.push({ move, seq });
      return;
    }
    const { topic, kind } = move;
    if (kind === 'end') this.#end(topic, seq);
    else if (kind === 'leave') {
      this.#intervals = this.#intervals.map((known) =>
        known.topic === topic && known.to === null && known.from <= seq ? { ...known, to: seq } : known,
      );
    } else if (!this.#intervals.some((known) => known.topic === topic && known.from === seq)) {
      this.#intervals = [...this.#intervals, { topic, from: seq, to: null }];
    }
  }

  /** Of the topic only the row that ends it is left, and that only to who reads it then. */
  #end(topic: number, seq: number): void {
    if (!this.intervals.some((known) => known.topic === topic && known.from < seq)) return;
    this.cuts += 1;
    this.#intervals = this.intervals.flatMap((known) => {
      if (known.topic !== topic || known.from >= seq) return [known];
      return known.to === null ? [{ topic, from: seq, to: seq }] : [];
    });
  }

  /** The topics of which only a later row is left, the one that ends them. */
  endingAfter(seq: number): number[] {
    return this.intervals.filter(({ from, to }) => from > seq && from === to).map(({ topic }) => topic);
  }

  /** The topics that are open after this row. */
  topicsAt(seq: number): number[] {
    const open = this.intervals.filter(({ from, to }) => from <= seq && (to === null || to > seq));
    return [...new Set(open.map(({ topic }) => topic))];
  }
}
