import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../../kernel/errors.ts';
import type { Log, Row } from '../log/log.ts';
import { type Delivery, type FormsByDoor, sendRow } from './delivery.ts';
import type { Feed } from './feed.ts';
import type { Recent } from './recent.ts';
import type { Gate } from './wire-event.ts';

/** Rows of one page; the next waits until the socket's buffer has drained. */
const pageRows = 500;
/** A page ends before 500 rows when it has this many characters: a slow client must not wait for a megabyte. */
const pageLength = 131_072;
/** With more than this many bytes waiting for the client already, the first page waits too. */
const muchWaiting = 65_536;
/** Replays at a time on a node; the others wait in order. */
const atOnce = 64;
/** Rows that are loaded into memory in one turn of the event loop. */
const loadedRows = 1_000;
/** Skipped rows are counted up to here. */
const countedRows = 50_000;
/** Milliseconds for which a replay asks again when the database is too busy to answer, and about how often. */
const busyFor = 10_000;
const busyEvery = 100;
/** Rows whose encoded forms are kept for the next client that replays them. */
const formsKept = 2_000;

export type ReplayOptions = {
  log: Log;
  recent: Recent;
  delivery: Delivery;
  gate: Gate;
  onFailure: (error: unknown) => void;
};

/** What was left out because the backlog was longer than the caller wanted. */
export type Skipped = { rows: number };

/** `passed`: rows the cursor went over; `shown`: those of them that were something on the wire. */
type Sent = { passed: number; shown: number };
type Page = { shown: number; joined: boolean };

/** Brings feeds from their cursor to the loop, page by page at the pace of the client, and hands them over. */
export class Replay {
  readonly #log: Log;
  readonly #recent: Recent;
  readonly #delivery: Delivery;
  readonly #gate: Gate;
  readonly #onFailure: (error: unknown) => void;
  readonly #waiting: (() => void)[] = [];
  readonly #forms = new Map<Row, FormsByDoor>();
  #running = 0;
  #warming: Promise<void> = Promise.resolve();

  constructor({ log, recent, delivery, gate, onFailure }: ReplayOptions) {
    this.#log = log;
    this.#recent = recent;
    this.#delivery = delivery;
    this.#gate = gate;
    this.#onFailure = onFailure;
    delivery.onBehind = (feed) => void this.catchUp(feed);
  }

  /**
   * Fulfilled when the feed is live, or its connection gone. `limit` bounds the rows that are sent: when more wait,
   * the feed goes live at once and the answer says how many rows it did not get.
   */
  async catchUp(feed: Feed, limit = Number.POSITIVE_INFINITY): Promise<Skipped | null> {
    try {
      feed.unload();
      feed.load(await this.#inTurn(() => this.#log.intervals(feed.reader.account, feed.cursor)));
      let left = limit;
      let waits = feed.outlet.buffered() > muchWaiting;
      while (!feed.ended) {
        if (waits) {
          if (!(await feed.outlet.drained())) {
            feed.cut('nothing read for 30 seconds');
            return null;
          }
          feed.answered();
        }
        if (left <= 0) {
          const skipped = await this.#inTurn(() => this.#skip(feed));
          if (skipped !== null) return skipped;
          // What has arrived while they were counted must not be passed over.
          left = 1;
        }
        // A client that reads slowly waits above, outside its turn: it must not hold up the others.
        const { shown, joined } = await this.#inTurn(() => this.#page(feed, Math.min(pageRows, left)));
        // Not `feed.live`: it may have fallen behind again meanwhile, and then another call brings it up to date.
        if (joined) return null;
        left -= shown;
        waits = shown > 0;
      }
    } catch (error) {
      this.#onFailure(error);
      feed.cut('replay failed');
    }
    return null;
  }

  async #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    if (this.#running < atOnce) this.#running += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await untilAnswered(act);
    } finally {
      // The place goes on to the next that waits: whoever comes in between would be one too many.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }

  /** Sends one page and says how many rows it had; the last one, in memory, makes the feed live. */
  async #page(feed: Feed, size: number): Promise<Page> {
    await this.#warm(feed.cursor);
    if (feed.ended) return { shown: 0, joined: false };
    if (!this.#recent.covers(feed.cursor)) return { shown: await this.#pageFromTable(feed, size), joined: false };
    // From here to `enter` there is no await: nothing can slip in between.
    const rows = this.#recent.page(feed.intervals, feed.cursor, size);
    const { passed, shown } = this.#send(feed, rows);
    const joined = passed === rows.length && passed < size;
    if (joined) this.#join(feed);
    return { shown, joined };
  }

  async #pageFromTable(feed: Feed, size: number): Promise<number> {
    const upTo = this.#delivery.delivered;
    const { intervals, cuts } = feed;
    const rows = await this.#log.page(intervals, { after: feed.cursor, upTo, limit: size });
    if (feed.ended || feed.cuts !== cuts) return 0;
    const { passed, shown } = this.#send(feed, rows);
    if (passed === rows.length && passed < size) feed.cursor = Math.max(feed.cursor, upTo);
    return shown;
  }

  /** Sends rows until the page is long enough. */
  #send(feed: Feed, rows: readonly Row[]): Sent {
    this.#gate.hold();
    let length = 0;
    const sent = { passed: 0, shown: 0 };
    for (const row of rows) {
      if (length >= pageLength) return sent;
      sent.passed += 1;
      feed.cursor = row.seq;
      if (isOfLaterTimes(row, feed)) continue;
      try {
        const written = sendRow(this.#log.epoch, row, feed, this.#formsOf(row));
        length += written;
        if (written > 0) sent.shown += 1;
      } catch (error) {
        this.#onFailure(error);
      }
    }
    return sent;
  }

  /** Clients that come back together read the same rows: each is encoded once for them, too. */
  #formsOf(row: Row): FormsByDoor {
    const known = this.#forms.get(row);
    if (known !== undefined) return known;
    if (this.#forms.size >= formsKept) this.#forms.clear();
    const forms: FormsByDoor = new Map();
    this.#forms.set(row, forms);
    return forms;
  }

  #join(feed: Feed): void {
    if (feed.ended) return;
    feed.cursor = Math.max(feed.cursor, this.#delivery.delivered);
    this.#delivery.enter(feed);
  }

  /** Leaves out what is left, if anything is. */
  async #skip(feed: Feed): Promise<Skipped | null> {
    const rows = await this.#log.count(feed.intervals, { after: feed.cursor, limit: countedRows });
    if (rows === 0 || feed.ended) return null;
    this.#join(feed);
    return { rows };
  }

  /** Loads the rows between the cursor and what is in memory, as far as they find room, once for all who need them. */
  async #warm(cursor: number): Promise<void> {
    if (!this.#isWorthLoading(cursor)) return;
    const turn = this.#warming.then(async () => {
      while (this.#isWorthLoading(cursor)) {
        const { floor } = this.#recent;
        const after = Math.max(cursor, floor - loadedRows);
        // Rows may have left at the low end meanwhile: then what was read does not end at the floor, and is not taken.
        const { changes } = this.#recent;
        if (!this.#recent.extendDown(await this.#log.rowsAfter(after, floor - after), changes)) return;
        // SQLite answers within the turn: without this nobody else would get one until everything is loaded.
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    this.#warming = turn.catch(() => {});
    await turn;
  }

  #isWorthLoading(cursor: number): boolean {
    return !this.#recent.covers(cursor) && this.#recent.couldCover(cursor);
  }
}

/** What somebody has left may have been changed since: they read what was written in their time, and nothing of later. */
const isOfLaterTimes = ({ seq, topic, peer, about, own, revised }: Row, feed: Feed): boolean =>
  (revised === true || (about !== undefined && own !== true)) &&
  !feed.intervals.some(({ topic: read, from, to }) => (read === topic || read === peer) && from <= seq && to === null);

/** Cutting clients because many came back at once would only make them come back again: they wait. */
async function untilAnswered<Result>(act: () => Promise<Result>): Promise<Result> {
  const until = performance.now() + busyFor;
  for (;;) {
    try {
      return await act();
    } catch (error) {
      const isBusy = error instanceof Refusal && error.error.retryable;
      if (!isBusy || performance.now() > until) throw error;
      await sleep(busyEvery * (1 + Math.random()));
    }
  }
}
