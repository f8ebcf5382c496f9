import { sql as expression, type Kysely } from 'kysely';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { PostgresSql } from '../sql/sql.postgres.ts';
import type { Statement } from '../sql/sql.ts';
import { Gathering } from './gathering.ts';
import type { Interval, Log, NewRow, Row, Segment, Transaction } from './log.ts';
import { numbering, pageOfNumbers, Rows } from './rows.ts';
import { topicOf } from './topic.ts';

/** What a set-based act has committed: a verdict for each draft, and the rows of each commit, in order. */
export type Applied<Verdict> = { verdicts: Verdict[]; commits: Row[][] };

/**
 * The log on PostgreSQL. A transaction's rows are collected, and one last round trip numbers and writes them under the
 * lock of the head's row, which is held until the commit: so a row becomes visible only after every lower one.
 */
export class PostgresLog implements Log {
  readonly epoch: string;
  committed: (rows: readonly Row[]) => void = () => {};
  readonly #sql: PostgresSql;
  readonly #now: () => number;
  readonly #table: Rows;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #gatherings: Gathering<never, never>[] = [];
  #floor: number;

  private constructor(sql: PostgresSql, { epoch, floor }: { epoch: string; floor: number }, now: () => number) {
    this.#sql = sql;
    this.epoch = epoch;
    this.#floor = floor;
    this.#now = now;
    this.#statements = prepare(sql);
    this.#table = new Rows(sql);
  }

  static async open(sql: PostgresSql, now: () => number): Promise<PostgresLog> {
    const state = sql.statement<{ epoch: string; floor: number }>('SELECT epoch, floor FROM log_state WHERE one = 1');
    return new PostgresLog(sql, (await state.get()) ?? { epoch: '', floor: 0 }, now);
  }

  async head(): Promise<number> {
    return (await this.#statements.head.get())?.head ?? 0;
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

  async start(): Promise<void> {}

  /** A function that puts a draft into the next set; `apply` writes a whole set in transactions of its own. */
  batch<Draft, Verdict>(
    apply: (drafts: readonly Draft[]) => Promise<Applied<Verdict>>,
  ): (draft: Draft) => Promise<Verdict> {
    const gathering = new Gathering<Draft, Verdict>(async (drafts) => {
      const { verdicts, commits } = await apply(drafts);
      for (const rows of commits) if (rows.length > 0) this.committed(rows);
      return verdicts;
    });
    this.#gatherings.push(gathering as unknown as Gathering<never, never>);
    return (draft) => gathering.submit(draft);
  }

  async write<Result>(act: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    const collected: NewRow[] = [];
    let rows: Row[] = [];
    const result = await this.#sql.read.transaction().execute(async (sql) => {
      const takeTurn = async (): Promise<void> => {
        await expression`select 1 from log_state where one = 1 for update`.execute(sql);
      };
      const answer = await act({ sql, append: (row) => void collected.push(row), takeTurn });
      if (collected.length > 0) rows = await this.#append(sql, collected);
      return answer;
    });
    if (rows.length > 0) this.committed(rows);
    return result;
  }

  async rowsAfter(after: number, limit: number): Promise<Row[]> {
    return this.#table.after(after, Math.min(limit, Math.max((await this.head()) - after, 0)));
  }

  async page(intervals: readonly Interval[], range: { after: number; upTo: number; limit: number }): Promise<Row[]> {
    return this.#table.at(await this.numbers(intervals, range));
  }

  async numbers(
    intervals: readonly Interval[],
    range: { after: number; upTo: number; limit: number },
  ): Promise<number[]> {
    return (await this.#sql.scan(pageOfNumbers(this.#sql.read, intervals, range))).map(({ seq }) => seq);
  }

  async count(intervals: readonly Interval[], { after, limit }: { after: number; limit: number }): Promise<number> {
    return (await this.numbers(intervals, { after, upTo: await this.head(), limit })).length;
  }

  async intervals(account: number, after: number): Promise<Interval[]> {
    const found = await this.#statements.intervals.all(account, after);
    return [{ topic: topicOf('user', account), from: 0, to: null }, ...found];
  }

  async settled(): Promise<void> {
    for (const gathering of this.#gatherings) await gathering.idle();
  }

  close(): Promise<void> {
    return this.settled();
  }

  async #append(sql: Kysely<object>, collected: readonly NewRow[]): Promise<Row[]> {
    const at = this.#now();
    const numbered = numbering();
    const made = collected.map((given) => numbered(0, given, at));
    const stored = made.map(({ row, payload }, i) => {
      return { ...row, i, payload, body: undefined, moves: row.moves === null ? null : JSON.stringify(row.moves) };
    });
    const query = expression<{ first: number }>`select log_append(${JSON.stringify(stored)}::jsonb) as first`;
    const first = (await query.execute(sql)).rows[0]?.first;
    if (first === undefined) throw new Refusal(commonErrors.UNAVAILABLE);
    return made.map(({ row }, index) => ({ ...row, seq: first + index }));
  }
}

function prepare(sql: PostgresSql): {
  head: Statement<{ head: number }>;
  intervals: Statement<Interval>;
} {
  return {
    head: sql.statement('SELECT head FROM log_state WHERE one = 1'),
    intervals: sql.statement(
      'SELECT topic, from_seq AS "from", to_seq AS "to" FROM readers WHERE account = ?1 AND (to_seq IS NULL OR to_seq > ?2)',
    ),
  };
}
