import type { KyselyPlugin } from 'kysely';
import type { SqliteSql } from '../sql/sql.sqlite.ts';
import { type ApplyDrafts, CommitQueue } from './commit-queue.ts';
import { DeferredIndex } from './deferred-index.ts';
import type { Interval, Log, Move, NewRow, Row, Segment, Transaction } from './log.ts';
import { numbering, pageOfNumbers, Rows } from './rows.ts';
import { topicOf } from './topic.ts';

/** How long an index entry may wait while nothing else is written, in milliseconds. */
const flushEvery = 1_000;

/** The log on SQLite: one writer, numbers handed out in memory, group commit, the topic index behind the commit. */
export class SqliteLog implements Log {
  readonly epoch: string;
  committed: (rows: readonly Row[]) => void = () => {};
  readonly #sql: SqliteSql;
  readonly #now: () => number;
  readonly #queue: CommitQueue;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #notes = new Map<string, (row: Row) => void>();
  readonly #table: Rows;
  readonly #topics: DeferredIndex;
  readonly #indexes: DeferredIndex[] = [];
  readonly #flushTimer: NodeJS.Timeout;
  #head: number;
  #floor: number;
  /** Rows of the transaction under way; they become `#head` at its commit. */
  #rows: Row[] = [];
  #flushed: DeferredIndex[] = [];
  #flushAll = false;
  /** Whether the transaction under way holds more than drafts and bookkeeping. */
  #acted = false;
  readonly #forgetful: (() => void)[] = [];

  constructor(sql: SqliteSql, now: () => number) {
    this.#sql = sql;
    this.#now = now;
    this.#statements = prepare(sql);
    this.#table = new Rows(sql);
    const state = sql.writer.prepare('SELECT epoch, head, floor FROM log_state WHERE one = 1').get();
    this.epoch = String(state?.epoch);
    this.#head = Number(state?.head);
    this.#floor = Number(state?.floor);
    this.#queue = new CommitQueue(sql.writer, {
      mark: () => this.#rows.length,
      backTo: (mark) => {
        this.#rows.length = mark;
      },
      finishing: () => this.#finish(),
      committed: () => this.#publish(),
      rolledBack: () => this.#reset(),
    });
    // One call a topic: stepping over a list inside SQLite costs a fifth of a call a row.
    const insert = sql.writer.prepare('INSERT INTO topic_rows (topic, seq) SELECT ?1, value FROM json_each(?2)');
    this.#topics = this.deferIndex('topics', (topic, seqs) => void insert.run(topic, `[${seqs.join(',')}]`));
    // What could not be written (a full disk) waits for the next time; it is found in memory until then.
    this.#flushTimer = setInterval(() => void this.flushIndexes().catch(() => {}), flushEvery);
    this.#flushTimer.unref();
  }

  async head(): Promise<number> {
    return this.#head;
  }

  floor(): number {
    return this.#floor;
  }

  raiseFloor(seq: number): void {
    this.#floor = Math.max(this.#floor, seq);
  }

  addSegment(segment: Segment): void {
    this.#table.addSegment(segment);
  }

  /** Indexes what a killed server had written but not indexed yet. */
  async start(): Promise<void> {
    for (let after = this.#topics.watermark; after < this.#head; ) {
      const rows = await this.rowsAfter(after, 1_000);
      for (const row of rows) this.#indexTopics(row);
      await this.flushIndexes();
      after = Math.min(after + 1_000, this.#head);
    }
  }

  /** Registers an index that is written behind the commit, by this log's batches. */
  deferIndex(name: string, insert: ConstructorParameters<typeof DeferredIndex>[2]): DeferredIndex {
    const index = new DeferredIndex(this.#sql.writer, name, insert);
    this.#indexes.push(index);
    return index;
  }

  /** A function that puts a draft into the next batch and gives its verdict after the commit. */
  batch<Draft, Verdict>(apply: ApplyDrafts<Draft, Verdict>): (draft: Draft) => Promise<Verdict> {
    return (draft) => this.#queue.submit(apply, draft);
  }

  /** Inside `apply` only: the number under which the next row must be stored. */
  get nextSeq(): number {
    return this.#head + this.#rows.length + 1;
  }

  /** For every committed row of this type, before it is announced: where an owner keeps its deferred index. */
  afterCommit(type: string, note: (row: Row) => void): void {
    this.#notes.set(type, note);
  }

  /**
   * Whoever remembers rows between batches forgets them in `forget`: it is called before anything but drafts and
   * bookkeeping writes, and again after the commit of that.
   */
  aroundActs(forget: () => void): void {
    this.#forgetful.push(forget);
  }

  /** Inside `apply` only: the row has been stored under `nextSeq`. */
  appendStored(row: Row): void {
    this.#rows.push(row);
  }

  write<Result>(act: (transaction: Transaction) => Promise<Result>, how?: { bookkeeping: true }): Promise<Result> {
    let open = true;
    const collected: NewRow[] = [];
    // Looked at before each statement, the rows' own included: an act that was given up goes on all the same.
    const mustBeOpen = (): void => {
      if (!open) throw new Error('This transaction has ended; what follows needs one of its own');
    };
    const transformQuery: KyselyPlugin['transformQuery'] = ({ node }) => {
      mustBeOpen();
      return node;
    };
    const sql = this.#sql.write.withPlugin({ transformQuery, transformResult: async ({ result }) => result });
    // There is one writer, and it is this act's until it ends.
    const takeTurn = async (): Promise<void> => {};
    const transaction: Transaction = { sql, append: (row) => void collected.push(row), takeTurn };
    const numbered = async (): Promise<Result> => {
      if (how === undefined) {
        this.#acted = true;
        this.#tellForgetful();
      }
      const result = await act(transaction);
      mustBeOpen();
      const number = numbering();
      for (const row of collected) this.#append(row, number);
      return result;
    };
    return this.#queue.run(numbered, () => {
      open = false;
    });
  }

  async rowsAfter(after: number, limit: number): Promise<Row[]> {
    return this.#table.after(after, Math.min(limit, Math.max(this.#head - after, 0)));
  }

  async page(intervals: readonly Interval[], range: { after: number; upTo: number; limit: number }): Promise<Row[]> {
    return this.#table.at(await this.numbers(intervals, range));
  }

  async numbers(
    intervals: readonly Interval[],
    range: { after: number; upTo: number; limit: number },
  ): Promise<number[]> {
    await this.#indexedTo(range.upTo);
    return (await this.#sql.scan(pageOfNumbers(this.#sql.read, intervals, range))).map(({ seq }) => seq);
  }

  async count(intervals: readonly Interval[], { after, limit }: { after: number; limit: number }): Promise<number> {
    return (await this.numbers(intervals, { after, upTo: this.#head, limit })).length;
  }

  async intervals(account: number, after: number): Promise<Interval[]> {
    const found = await this.#statements.intervals.all(account, after);
    return [{ topic: topicOf('user', account), from: 0, to: null }, ...found];
  }

  /** Writes every waiting index entry now. */
  async flushIndexes(): Promise<void> {
    if (this.#indexes.every((index) => index.pending === 0)) return;
    this.#flushAll = true;
    await this.write(async () => {}, { bookkeeping: true });
  }

  settled(): Promise<void> {
    return this.#queue.idle();
  }

  async close(): Promise<void> {
    clearInterval(this.#flushTimer);
    await this.settled();
    await this.flushIndexes();
  }

  async #indexedTo(seq: number): Promise<void> {
    if (this.#topics.watermark < seq) await this.flushIndexes();
  }

  #append(given: NewRow, number: ReturnType<typeof numbering>): void {
    const { row, payload } = number(this.nextSeq, given, this.#now());
    const { seq, topic, peer, type, moves, at, about = null } = row;
    const moved = moves === null ? null : JSON.stringify(moves);
    this.#statements.append.run(seq, topic, peer, type, payload, moved, at, about);
    for (const move of moves ?? []) this.#move(move, seq);
    this.#rows.push(row);
  }

  #move(move: Move, seq: number): void {
    const { enter, leave, dropFormer, end } = this.#statements;
    if (move.kind === 'enter') enter.run(move.account, move.topic, seq);
    else if (move.kind === 'leave') leave.run(seq, move.account, move.topic);
    else {
      dropFormer.run(move.topic);
      end.run(seq, move.topic);
    }
  }

  #finish(): void {
    for (const index of this.#indexes) {
      if (index.pending === 0 || !(this.#flushAll || index.due)) continue;
      index.flush();
      this.#flushed.push(index);
    }
    if (this.#rows.length > 0) this.#statements.saveHead.run(this.#head + this.#rows.length);
  }

  #publish(): void {
    for (const index of this.#flushed) index.settle();
    const rows = this.#rows;
    const acted = this.#acted;
    this.#head += rows.length;
    this.#reset();
    for (const row of rows) {
      this.#indexTopics(row);
      this.#notes.get(row.type)?.(row);
    }
    if (acted) this.#tellForgetful();
    if (rows.length > 0) this.committed(rows);
  }

  #reset(): void {
    this.#rows = [];
    this.#flushed = [];
    this.#flushAll = false;
    this.#acted = false;
  }

  #tellForgetful(): void {
    for (const forget of this.#forgetful) forget();
  }

  #indexTopics(row: { seq: number; topic: number; peer: number | null }): void {
    this.#topics.add(row.topic, row.seq);
    if (row.peer !== null && row.peer !== row.topic) this.#topics.add(row.peer, row.seq);
  }
}

function prepare(sql: SqliteSql) {
  return {
    append: sql.writer.prepare(
      'INSERT INTO log (seq, topic, peer, type, payload, moves, at, about) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
    ),
    saveHead: sql.writer.prepare('UPDATE log_state SET head = ? WHERE one = 1'),
    enter: sql.writer.prepare('INSERT INTO readers (account, topic, from_seq) VALUES (?, ?, ?)'),
    leave: sql.writer.prepare('UPDATE readers SET to_seq = ? WHERE account = ? AND topic = ? AND to_seq IS NULL'),
    dropFormer: sql.writer.prepare('DELETE FROM readers WHERE topic = ? AND to_seq IS NOT NULL'),
    end: sql.writer.prepare('UPDATE readers SET from_seq = ?1, to_seq = ?1 WHERE topic = ?2 AND to_seq IS NULL'),
    intervals: sql.statement<Interval>(
      'SELECT topic, from_seq AS "from", to_seq AS "to" FROM readers WHERE account = ?1 AND (to_seq IS NULL OR to_seq > ?2)',
    ),
  };
}
