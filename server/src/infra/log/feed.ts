import type { Interval, Move } from './log.ts';
import { topicOf } from './topic.ts';
import type { Outlet, Present, Reader } from './wire-event.ts';

export type FeedOptions = { reader: Reader; outlet: Outlet; present: Present; cursor: number };

/**
 * What one connection has seen of the log: one cursor over all its topics. While it is catching up it is outside the
 * loop's topic sets and reads pages by itself; then it is live until it ends or falls behind.
 */
export class Feed {
  readonly reader: Reader;
  readonly outlet: Outlet;
  readonly present: Present;
  /** The highest `seq` that was written to this connection, or passed over for it. */
  cursor: number;
  live = false;
  ended = false;
  #intervals: readonly Interval[] | null = null;
  /** Moves that the loop passed before the intervals were loaded. */
  #early: { move: Move; seq: number }[] = [];

  constructor({ reader, outlet, present, cursor }: FeedOptions) {
    this.reader = reader;
    this.outlet = outlet;
    this.present = present;
    this.cursor = cursor;
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
    if (kind === 'leave') {
      this.#intervals = this.#intervals.map((known) =>
        known.topic === topic && known.to === null && known.from <= seq ? { ...known, to: seq } : known,
      );
    } else if (!this.#intervals.some((known) => known.topic === topic && known.from === seq)) {
      this.#intervals = [...this.#intervals, { topic, from: seq, to: null }];
    }
  }

  /** The topics that are open after this row. */
  topicsAt(seq: number): number[] {
    const open = this.intervals.filter(({ from, to }) => from <= seq && (to === null || to > seq));
    return [...new Set(open.map(({ topic }) => topic))];
  }
}
