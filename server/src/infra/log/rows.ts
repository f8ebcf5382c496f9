import { type CompiledQuery, type Kysely, sql } from 'kysely';
import { isAmong, numberList } from '../sql/numbers.ts';
import type { Engine, Sql, Statement } from '../sql/sql.ts';
import type { Interval, Move, NewRow, Row, Segment } from './log.ts';

/** A row as it lies in the log's own table. */
type StoredRow = {
  seq: number;
  topic: number;
  peer: number | null;
  type: string;
  payload: string | null;
  moves: string | null;
  at: number;
  about: number | null;
};

const columns = 'seq, topic, peer, type, payload, moves, at, about';

/** Reads rows by number from the log's own table and from the segments. */
export class Rows {
  readonly #engine: Engine;
  readonly #between: Statement<StoredRow>;
  readonly #among: Statement<StoredRow>;
  readonly #segments: Segment[] = [];

  constructor(database: Sql) {
    this.#engine = database.engine;
    this.#between = database.statement(`SELECT ${columns} FROM log WHERE seq > ?1 AND seq <= ?2`);
    this.#among = database.statement(`SELECT ${columns} FROM log WHERE ${isAmong(database.engine, 'seq', '?1')}`);
  }

  addSegment(segment: Segment): void {
    this.#segments.push(segment);
  }

  /** Rows after a number, in order. Numbers have no gaps, so a range of `limit` numbers is a page. */
  async after(after: number, limit: number): Promise<Row[]> {
    const own = await this.#shown((await this.#between.all(after, after + limit)).map(rowFrom));
    const parts = await Promise.all(this.#segments.map((segment) => segment.rowsBetween(after, after + limit)));
    return [...own, ...parts.flat()].sort(bySeq);
  }

  /** The rows with these numbers, in order. */
  async at(seqs: readonly number[]): Promise<Row[]> {
    if (seqs.length === 0) return [];
    const own = await this.#shown((await this.#among.all(numberList(this.#engine, seqs))).map(rowFrom));
    if (own.length === seqs.length) return own.sort(bySeq);
    const parts = await Promise.all(this.#segments.map((segment) => segment.rowsAt(seqs)));
    return [...own, ...parts.flat()].sort(bySeq);
  }

  /** Those that show another row's body get it; what is said of a row that was emptied is not said any more. */
  async #shown(rows: Row[]): Promise<Row[]> {
    const numbers = new Set(rows.flatMap(({ about }) => about ?? []));
    if (numbers.size === 0) return rows;
    const bodies = new Map((await this.at([...numbers])).map(({ seq, body, size }) => [seq, { body, size }]));
    return rows.map((row) => {
      if (row.about === undefined) return row;
      const shown = bodies.get(row.about);
      if (row.own !== true) return { ...row, ...shown };
      return shown?.body === null ? { ...row, body: null } : row;
    });
  }
}

/** About what a row takes in memory beside its payload, in bytes. */
const rowSize = 200;

type Numbered = { row: Row; payload: string | null };

/**
 * Makes new rows of one transaction: a row under its number, and its payload as it is stored. A payload that several rows
 * share is written as JSON once, and counts in memory with the first of them: they come, and go from there, together.
 */
export function numbering(): (seq: number, row: NewRow, at: number) => Numbered {
  let last: { body: unknown; text: string } | undefined;
  return (seq, row, at) => {
    const { topic, peer = null, type, payload: body, moves = null, about, own = false } = row;
    const shared = typeof body === 'object' && body !== null && last?.body === body;
    const payload = shared && last !== undefined ? last.text : JSON.stringify(body);
    last = { body, text: payload };
    const made = { seq, topic, peer, type, body, moves, size: rowSize + (shared ? 0 : payload.length), at };
    if (about === undefined) return { row: made, payload };
    return own ? { row: { ...made, about, own }, payload } : { row: { ...made, about }, payload: null };
  };
}

const bySeq = (a: Row, b: Row): number => a.seq - b.seq;

const rowFrom = ({ payload, moves, about, ...row }: StoredRow): Row => ({
  ...row,
  ...(about === null ? {} : { about, ...(payload === null ? {} : { own: true }) }),
  body: payload === null ? null : JSON.parse(payload),
  moves: moves === null ? null : (JSON.parse(moves) as Move[]),
  size: rowSize + (payload?.length ?? 0),
});

/**
 * One index range a topic, each cut at the limit, merged by `seq`: the cost is (topics × limit) whatever the size of
 * the log. SQLite takes at most 500 parts in one compound statement; more topics are merged in groups.
 */
export function pageOfNumbers(
  read: Kysely<object>,
  intervals: readonly Interval[],
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): CompiledQuery<{ seq: number }> {
  const parts = intervals.map(({ topic, from, to }) => {
    const low = Math.max(after, from - 1);
    const high = Math.min(upTo, to ?? upTo);
    return sql`select seq from (select seq from topic_rows where topic = ${sql.lit(topic)} and seq > ${sql.lit(low)} and seq <= ${sql.lit(high)} order by seq limit ${sql.lit(limit)}) as part`;
  });
  const groups: ReturnType<typeof sql>[] = [];
  for (let start = 0; start < parts.length; start += 400) {
    const group = sql.join(parts.slice(start, start + 400), sql` union all `);
    groups.push(sql`select seq from (${group}) as merged`);
  }
  const seqs = groups.length === 0 ? sql`select 0 as seq where 1 = 0` : sql.join(groups, sql` union `);
  return sql<{ seq: number }>`select distinct seq from (${seqs}) as every order by seq limit ${sql.lit(limit)}`.compile(
    read,
  );
}
