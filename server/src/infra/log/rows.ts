import { type CompiledQuery, type Kysely, sql } from 'kysely';
import type { Interval, LoadBodies, Move, Row } from './log.ts';

/** A row as it lies in the table; a pointer row has no payload. */
export type StoredRow = {
  seq: number;
  topic: number;
  peer: number | null;
  type: string;
  payload: string | null;
  moves: string | null;
  at: number;
};

/** Loads the bodies that pointer rows point to, one call a type. */
export async function bodiesOf(stored: readonly StoredRow[], pointers: ReadonlyMap<string, LoadBodies>): Promise<Row[]> {
  const wanted = new Map<string, number[]>();
  for (const { seq, type, payload } of stored) {
    if (payload !== null) continue;
    const seqs = wanted.get(type);
    if (seqs === undefined) wanted.set(type, [seq]);
    else seqs.push(seq);
  }
  const bodies = new Map<number, unknown>();
  for (const [type, seqs] of wanted) {
    for (const [seq, body] of (await pointers.get(type)?.(seqs)) ?? []) bodies.set(seq, body);
  }
  return stored.map(({ payload, moves, ...row }) => ({
    ...row,
    body: payload === null ? (bodies.get(row.seq) ?? null) : JSON.parse(payload),
    moves: moves === null ? null : (JSON.parse(moves) as Move[]),
  }));
}

/**
 * One index range a topic, each cut at the limit, merged by `seq`: the cost is (topics × limit) whatever the size of
 * the log. SQLite takes at most 500 parts in one compound statement; more topics are merged in groups.
 */
export function pageQuery(
  read: Kysely<object>,
  intervals: readonly Interval[],
  { after, upTo, limit }: { after: number; upTo: number; limit: number },
): CompiledQuery<StoredRow> {
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
  return sql<StoredRow>`
    select l.seq, l.topic, l.peer, l.type, l.payload, l.moves, l.at
    from (select distinct seq from (${seqs}) as every order by seq limit ${limit}) as found
    join log l on l.seq = found.seq order by l.seq`.compile(read);
}
