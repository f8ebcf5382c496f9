import { sql as expression, type Kysely } from 'kysely';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { PostgresSql } from '../sql/sql.postgres.ts';
import type { Statement } from '../sql/sql.ts';
import { Gathering } from './gathering.ts';
import type { Interval, Log, NewRow, Row, Segment, Transaction } from './log.ts';
import { numbered, pageOfNumbers, Rows } from './rows.ts';
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

  private constructor(sql: PostgresSql, epoch: string, now: () => number) {
    this.#sql = sql;
    this.epoch = epoch;
    this.#now = now;
    this.#statements = prepare(sql);
    this.#table = new Rows(sql);
  }

  static async open(sql: PostgresSql, now: () => number): Promise<PostgresLog> {
    const { rows } = await sql.pool.query<{ epoch: string }>('SELECT epoch FROM log_state');
    return new PostgresLog(sql, rows[0]?.epoch ?? '', now);
  }

  async head(): Promise<number> {
    return (await this.#statements.state.get())?.head ?? 0;
  }

  async floor(): Promise<number> {
    return (await this.#statements.state.get())?.floor ?? 0;
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
      const answer = await act({ sql, append: (row) => void collected.push(row) });
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
    const found = await this.#sql.scan(pageOfNumbers(this.#sql.read, intervals, range));
    return this.#table.at(found.map(({ seq }) => seq));
  }

  async count(intervals: readonly Interval[], { after, limit }: { after: number; limit: number }): Promise<number> {
    const query = pageOfNumbers(this.#sql.read, intervals, { after, upTo: await this.head(), limit });
    return (await this.#sql.scan(query)).length;
  }

  async intervals(account: number, after: number): Promise<Interval[]> {
    const found = await this.#statements.intervals.all(account, after);
    return [{ topic: topicOf('user', account), from: 0, to: null }, ...found];
  }

  async close(): Promise<void> {
    for (const gathering of this.#gatherings) await gathering.idle();
  }

  async #append(sql: Kysely<object>, collected: readonly NewRow[]): Promise<Row[]> {
    const at = this.#now();
    const stored = collected.map((given, i) => {
      const { row, payload } = numbered(0, given, at);
      return { ...row, i, payload, body: undefined, moves: row.moves === null ? null : JSON.stringify(row.moves) };
    });
    const query = expression<{ first: number }>`select log_append(${JSON.stringify(stored)}::jsonb) as first`;
    const first = (await query.execute(sql)).rows[0]?.first;
    if (first === undefined) throw new Refusal(commonErrors.UNAVAILABLE);
    return collected.map((given, index) => numbered(first + index, given, at).row);
  }
}

function prepare(sql: PostgresSql): {
  state: Statement<{ head: number; floor: number }>;
  intervals: Statement<Interval>;
} {
  return {
    state: sql.statement('SELECT head, floor FROM log_state WHERE one = 1'),
    intervals: sql.statement(
      'SELECT topic, from_seq AS "from", to_seq AS "to" FROM readers WHERE account = ?1 AND (to_seq IS NULL OR to_seq > ?2)',
    ),
  };
}
