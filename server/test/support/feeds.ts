import { Delivery } from '../../src/infra/delivery/delivery.ts';
import { Feed } from '../../src/infra/delivery/feed.ts';
import { Recent } from '../../src/infra/delivery/recent.ts';
import { Replay } from '../../src/infra/delivery/replay.ts';
import { type Forms, type Outlet, WireEvent, type Words } from '../../src/infra/delivery/wire-event.ts';
import type { Interval, Log, Move, Row, Segment, Transaction } from '../../src/infra/log/log.ts';
import { topicOf } from '../../src/infra/log/topic.ts';

export const row = (seq: number, topic: number, more: Partial<Row> = {}): Row => ({
  seq,
  topic,
  peer: null,
  type: 't',
  body: seq,
  moves: null,
  size: 0,
  at: 0,
  ...more,
});

/** A log whose rows are put in by hand, and whose reads can be held up. Counts them. */
export class HandLog implements Log {
  readonly epoch = 'e';
  readonly rows: Row[] = [];
  readonly calls = { rowsAfter: 0, page: 0, count: 0 };
  visible = 0;
  committed: (rows: readonly Row[]) => void = () => {};
  /** Runs before each read is answered. */
  before: (what: 'rowsAfter' | 'page' | 'count' | 'intervals') => Promise<void> = async () => {};

  /** Adds rows and makes them visible. */
  commit(...rows: readonly Row[]): readonly Row[] {
    this.rows.push(...rows);
    this.visible = this.rows.at(-1)?.seq ?? 0;
    return rows;
  }

  async head(): Promise<number> {
    return this.visible;
  }
  floor(): number {
    return 0;
  }
  raiseFloor(_seq: number): void {}
  write<Result>(_act: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    return Promise.reject(new Error('not here'));
  }
  addSegment(_segment: Segment): void {}
  async start(): Promise<void> {}

  async rowsAfter(after: number, limit: number): Promise<Row[]> {
    this.calls.rowsAfter += 1;
    await this.before('rowsAfter');
    return this.rows.filter(({ seq }) => seq > after && seq <= Math.min(after + limit, this.visible));
  }

  async page(intervals: readonly Interval[], range: { after: number; upTo: number; limit: number }): Promise<Row[]> {
    this.calls.page += 1;
    await this.before('page');
    const inside = ({ seq }: Row) => seq > range.after && seq <= Math.min(range.upTo, this.visible);
    return this.rows.filter((found) => inside(found) && isReadable(found, intervals)).slice(0, range.limit);
  }

  async numbers(
    intervals: readonly Interval[],
    range: { after: number; upTo: number; limit: number },
  ): Promise<number[]> {
    return (await this.page(intervals, range)).map(({ seq }) => seq);
  }

  async count(intervals: readonly Interval[], { after, limit }: { after: number; limit: number }): Promise<number> {
    this.calls.count += 1;
    const found = this.rows.filter((found) => found.seq > after && isReadable(found, intervals));
    await this.before('count');
    return Math.min(found.length, limit);
  }

  async intervals(account: number): Promise<Interval[]> {
    const intervals: Interval[] = [{ topic: topicOf('user', account), from: 0, to: null }];
    for (const { seq, moves } of this.rows.filter((found) => found.seq <= this.visible)) {
      for (const move of moves ?? []) {
        if (move.kind === 'end') endTopic(intervals, move.topic, seq);
        else if (move.account === account) applyMove(intervals, move, seq);
      }
    }
    await this.before('intervals');
    return intervals;
  }

  async settled(): Promise<void> {}
  async close(): Promise<void> {}
}

function applyMove(intervals: Interval[], { topic, kind }: Move, seq: number): void {
  if (kind === 'enter') intervals.push({ topic, from: seq, to: null });
  const open = intervals.findIndex((known) => known.topic === topic && known.to === null);
  if (kind === 'leave' && open >= 0) intervals[open] = { ...intervals[open]!, to: seq };
}

function endTopic(intervals: Interval[], topic: number, seq: number): void {
  for (const known of intervals.filter((one) => one.topic === topic)) {
    intervals.splice(intervals.indexOf(known), 1, ...(known.to === null ? [{ topic, from: seq, to: seq }] : []));
  }
}

export const isReadable = ({ seq, topic, peer }: Row, intervals: readonly Interval[]): boolean =>
  intervals.some(
    (interval) =>
      (interval.topic === topic || interval.topic === peer) && seq >= interval.from && seq <= (interval.to ?? seq),
  );

/** A connection that only remembers. */
export class HandOutlet implements Outlet {
  readonly sent: WireEvent[] = [];
  readonly cuts: string[] = [];
  waiting = 0;
  /** What `drained` answers; an outlet that drains at once unless set. */
  drain: () => Promise<boolean> = async () => {
    this.waiting = 0;
    return true;
  };

  send(event: WireEvent): void {
    this.sent.push(event);
  }
  buffered(): number {
    return this.waiting;
  }
  drained(): Promise<boolean> {
    return this.drain();
  }
  cut(reason: string): void {
    this.cuts.push(reason);
  }
  get numbers(): number[] {
    return this.sent.map(({ json }) => Number(json));
  }
}

/** The body of each row and signal under its type. */
export const plainly: Words = {
  row: ({ type, body }, offset) => once(type, body, offset),
  signal: ({ type, body }) => once(type, body, null),
};

function once(type: string, body: unknown, offset: string | null): Forms {
  const event = new WireEvent(type, JSON.stringify(body), offset);
  return () => event;
}

export type HandFeed = { feed: Feed; outlet: HandOutlet };

export function feedOf(account: number, { cursor = 0, words = plainly, session = 1 } = {}): HandFeed {
  const outlet = new HandOutlet();
  return { feed: new Feed({ reader: { account, session }, outlet, words, cursor, onCut: () => {} }), outlet };
}

export type HandRoom = {
  log: HandLog;
  recent: Recent;
  delivery: Delivery;
  replay: Replay;
  failures: unknown[];
  /** A feed that is followed and catches up. */
  join(account: number, options?: Parameters<typeof feedOf>[1]): Promise<HandFeed>;
};

/** The loop and the replay over a log that is filled by hand. */
export function openRoom(
  t: { after: (end: () => void) => void },
  { head = 0, capacity = 65_536, bytes = 64 * 1_048_576, sendBuffer = 1_000, log = new HandLog() } = {},
): HandRoom {
  const recent = new Recent(head, { capacity, bytes });
  const failures: unknown[] = [];
  const gate = { hold: () => {} };
  const delivery = new Delivery({
    log,
    recent,
    gate,
    sendBuffer,
    onFailure: (_row, error) => void failures.push(error),
  });
  const replay = new Replay({ log, recent, delivery, gate, onFailure: (error) => void failures.push(error) });
  t.after(() => delivery.close());
  return {
    log,
    recent,
    delivery,
    replay,
    failures,
    async join(account, options) {
      const made = feedOf(account, options);
      delivery.follow(made.feed);
      await replay.catchUp(made.feed);
      return made;
    },
  };
}
