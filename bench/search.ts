/** Does search stay fast? Its p99 with 10 thousand and with a million messages of the searcher's own. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { type RawBuilder, sql } from 'kysely';
import { systemClock } from '../server/src/kernel/clock.ts';
import { PostgresWordStore } from '../server/src/modules/search/store.postgres.ts';
import { SqliteWordStore } from '../server/src/modules/search/store.sqlite.ts';
import { topicEntry } from '../server/src/modules/search/store.ts';
import { entriesOf } from '../server/src/modules/search/words.ts';
import { openStorage, type Storage } from '../server/src/storage.ts';
import { fillers } from './filler-words.ts';
import { type Generator, openGenerator } from './generator.ts';
import type { BenchOptions } from './options.ts';
import { type BenchDatabase, createBenchDatabase } from './postgres.ts';
import { openStage, type Stage } from './process.ts';
import { type Goal, median, milliseconds, printTable, ratios, ratioText, whole } from './report.ts';
import { startOurs, type Target } from './target.ts';

const SMALL = 10_000;
const LARGE = 1_000_000;
const GOAL: Goal = { bound: 'at most', value: 3 };
const READERS = 4;
/** Messages in one transaction of the filling. */
const SLICE = 2_000;

interface Side {
  target: Target;
  token: string;
  stored: number;
  p50: number[];
  p99: number[];
}

/** `--count` is the large number. Both servers run at once and are measured in turn. */
export async function search(options: BenchOptions): Promise<boolean> {
  if (options.selfCheck) throw new Error('search has no bare side: the bare server finds nothing');
  const stage = openStage();
  const generator = openGenerator();
  const databases: BenchDatabase[] = [];
  try {
    const sides: Side[] = [];
    for (const stored of [SMALL, options.count ?? LARGE]) {
      const database = options.engine === 'postgres' ? await createBenchDatabase() : undefined;
      if (database) databases.push(database);
      sides.push(await startFilled(stage, stored, database?.url));
    }
    const faults = await measure(generator, sides, options);
    print(sides, options);
    for (const fault of faults) console.log(`  FAULT: ${fault}`);
    return faults.length === 0;
  } finally {
    await generator.close();
    await stage.close();
    for (const database of databases) await database.drop();
  }
}

async function startFilled(stage: Stage, stored: number, databaseUrl: string | undefined): Promise<Side> {
  const dataDir = stage.folder();
  const empty = await startOurs(stage, { dataDir, databaseUrl });
  const [one, other] = await empty.people(2);
  if (!one || !other) throw new Error('nobody to write');
  await empty.stop();
  console.log(`storing ${whole(stored)} messages, past the server`);
  const storage = await openStorage({ databaseUrl, file: join(dataDir, 'rendezvous.db'), clock: systemClock });
  try {
    await fill(storage, [one.id, other.id], stored);
  } finally {
    await storage.log.close();
    await storage.sql.close();
  }
  return { target: await startOurs(stage, { dataDir, databaseUrl }), token: one.token, stored, p50: [], p99: [] };
}

type Pair = { from: number; to: number; conversation: number };

/**
 * Messages between two people, in the tables of messages and of search as the server writes them. Not in the index of
 * topics, which only a resume reads: through the server a million take ten minutes until they are all searchable.
 */
async function fill(storage: Storage, ids: readonly [string, string], stored: number): Promise<void> {
  const pair = await openConversation(storage, ids);
  const first = (await storage.log.head()) + 1;
  const words = fillers();
  for (let done = 0; done < stored; done += SLICE) {
    const rows = Array.from({ length: Math.min(SLICE, stored - done) }, (_, n) => ({
      seq: first + done + n,
      id: randomBytes(16).toString('hex'),
      content: words.sentence(),
    }));
    await write(storage, pair, rows);
  }
  await storage.log.write(async ({ sql: db }) => {
    const head = first + stored - 1;
    await sql`update log_state set head = ${head}`.execute(db);
    // What is indexed behind the commit is there, or is not needed.
    await sql`delete from index_state`.execute(db);
    await sql`insert into index_state (name, seq) values ('topics', ${head}), ('conversations', ${head})`.execute(db);
    await sql`delete from followers`.execute(db);
    await sql`insert into followers (name, seq) values ('search', ${head})`.execute(db);
  });
}

async function openConversation(storage: Storage, [one, other]: readonly [string, string]): Promise<Pair> {
  const number = async (id: string): Promise<number> => {
    const found = await sql<{ id: number }>`
      select id from accounts where public_id = ${Buffer.from(id.replaceAll('-', ''), 'hex')}`.execute(
      storage.sql.read,
    );
    return Number(found.rows[0]?.id);
  };
  const [from, to] = [await number(one), await number(other)];
  return storage.log.write(async ({ sql: db }) => {
    const made = await sql<{ id: number }>`insert into conversations (low, high)
      values (${Math.min(from, to)}, ${Math.max(from, to)}) returning id`.execute(db);
    return { from, to, conversation: Number(made.rows[0]?.id) };
  });
}

type FillRow = { seq: number; id: string; content: string };

async function write(storage: Storage, { from, to, conversation }: Pair, rows: readonly FillRow[]): Promise<void> {
  const store = storage.sql.engine === 'sqlite' ? new SqliteWordStore(storage.sql) : new PostgresWordStore(storage.sql);
  const topics = [from, to].map((account) => topicEntry(account * 8));
  const given = JSON.stringify(rows);
  const list: RawBuilder<unknown> =
    storage.sql.engine === 'sqlite'
      ? sql`select value ->> 'seq' as seq, unhex(value ->> 'id') as id, value ->> 'content' as content from json_each(${given})`
      : sql`select seq, decode(id, 'hex') as id, content
          from jsonb_to_recordset(${given}::jsonb) as r(seq bigint, id text, content text)`;
  await storage.log.write(async (transaction) => {
    const { sql: db } = transaction;
    await sql`insert into messages (seq, id, conversation, sender, receiver, content, type, status, created_at)
      select g.seq, g.id, cast(${conversation} as bigint), cast(${from} as bigint), cast(${to} as bigint), g.content,
        'TEXT', 'SENT', cast(${Date.now()} as bigint) from (${list}) g`.execute(db);
    await sql`insert into conversation_messages (conversation, seq)
      select cast(${conversation} as bigint), g.seq from (${list}) g`.execute(db);
    await sql`update conversations set total = total + ${rows.length} where id = ${conversation}`.execute(db);
    const entries = rows.map(({ seq, content }) => ({ seq, entries: [...entriesOf(content), ...topics] }));
    await store.put(transaction, entries);
  });
}

async function measure(generator: Generator, sides: Side[], options: BenchOptions): Promise<string[]> {
  const seconds = options.seconds ?? 5;
  const faults: string[] = [];
  const { queries } = fillers();
  for (let round = 0; round < (options.rounds ?? 4); round += 1) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const urls = queries.map(
        (query) => `${side.target.url}/api/v1/messages/search?query=${encodeURIComponent(query)}`,
      );
      const read = await generator.pages({ urls, tokens: urls.map(() => side.token), width: READERS, seconds });
      side.p50.push(read.p50);
      side.p99.push(read.p99);
      faults.push(...read.faults);
    }
  }
  return faults;
}

function print([small, large]: Side[], { engine }: BenchOptions): void {
  if (!small || !large) return;
  const row = (name: string, few: number[], many: number[], goal?: Goal) => [
    name,
    milliseconds(median(few)),
    milliseconds(median(many)),
    ratioText(ratios(many, few), goal),
  ];
  console.log(`\n${READERS} at a time: one word common or rare, two words, two to five letters of one; ${engine}`);
  printTable([
    ['messages of the searcher', whole(small.stored), whole(large.stored), 'ratio, median (spread)'],
    row('search p50', small.p50, large.p50),
    row('search p99', small.p99, large.p99, GOAL),
  ]);
}
