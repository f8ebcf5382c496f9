/** Does it stay fast? Sends and history with 10 thousand and with 10 million messages stored. */
import type { Person } from './client.ts';
import { fill } from './fill.ts';
import { type Generator, openGenerator } from './generator.ts';
import type { BenchOptions } from './options.ts';
import { type BenchDatabase, createBenchDatabase } from './postgres.ts';
import { openStage, type Stage } from './process.ts';
import { type Goal, median, milliseconds, printTable, ratios, ratioText, whole } from './report.ts';
import { startBareSockets, startOurs, type Target } from './target.ts';

const SMALL = 10_000;
const LARGE = 10_000_000;
const GOAL: Goal = { bound: 'at most', value: 1.5 };
const PAGE = 50;
/** Pairs that write, of those that filled the store. */
const WRITERS = 50;
const READERS = 4;
const WARMUP_SECONDS = 1;

interface Side {
  label: 'small' | 'large';
  target: Target;
  people: Person[];
  sendP99: number[];
  historyP99: number[];
}

/** `--count` is the large number. Both servers run at once and are measured in turn; their stores are warm. */
export async function growth(options: BenchOptions): Promise<boolean> {
  const stage = openStage();
  const generator = openGenerator();
  const databases: BenchDatabase[] = [];
  try {
    const stored = options.selfCheck ? { small: 0, large: 0 } : { small: SMALL, large: options.count ?? LARGE };
    const sides: Side[] = [];
    for (const label of ['small', 'large'] as const) {
      const { target, people } = options.selfCheck
        ? await startBare(stage)
        : await startFilled(stage, databases, stored[label], options);
      const writing = people.slice(0, WRITERS * 2);
      await generator.connect(label, target.url, writing);
      sides.push({ label, target, people, sendP99: [], historyP99: [] });
    }
    const faults = await measure(generator, sides, options);
    print(sides, stored, options);
    for (const fault of faults) console.log(`  FAULT: ${fault}`);
    return faults.length === 0;
  } finally {
    await generator.close();
    await stage.close();
    for (const database of databases) await database.drop();
  }
}

interface Filled {
  target: Target;
  people: Person[];
}

async function startFilled(
  stage: Stage,
  databases: BenchDatabase[],
  count: number,
  options: BenchOptions,
): Promise<Filled> {
  const database = options.engine === 'postgres' ? await createBenchDatabase() : undefined;
  if (database) databases.push(database);
  const dataDir = stage.folder();
  const databaseUrl = database?.url;
  console.log(`storing ${whole(count)} messages`);
  const people = await fill(dataDir, count, { databaseUrl });
  return { target: await startOurs(stage, { dataDir, databaseUrl }), people };
}

async function startBare(stage: Stage): Promise<Filled> {
  const target = await startBareSockets(stage);
  return { target, people: await target.people(100) };
}

async function measure(generator: Generator, sides: Side[], options: BenchOptions): Promise<string[]> {
  const seconds = options.seconds ?? 3;
  const faults: string[] = [];
  for (let round = 0; round < (options.rounds ?? 8); round += 1) {
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      const load = { inFlight: 1, warmupSeconds: WARMUP_SECONDS, seconds, serverPid: side.target.pid };
      const sent = await generator.exchange(side.label, load);
      const read = await generator.pages({ ...pagesOf(side, options), width: READERS, seconds });
      side.sendP99.push(sent.sentP99);
      side.historyP99.push(read.p99);
      faults.push(...sent.faults, ...read.faults);
    }
  }
  return faults;
}

/** The newest page of every conversation, read by its writer; the bare server has only its health to tell. */
function pagesOf({ target, people }: Side, options: BenchOptions): { urls: string[]; tokens: string[] } {
  const pages = { urls: [] as string[], tokens: [] as string[] };
  for (let pair = 0; pair + 1 < people.length; pair += 2) {
    const path = options.selfCheck ? '/health' : `/api/v1/messages/direct/${people[pair + 1]?.id}?limit=${PAGE}`;
    pages.urls.push(`${target.url}${path}`);
    pages.tokens.push(people[pair]?.token ?? '');
  }
  return pages;
}

function print([small, large]: Side[], stored: { small: number; large: number }, options: BenchOptions): void {
  if (!small || !large) return;
  const goal = options.selfCheck ? undefined : GOAL;
  const row = (name: string, few: number[], many: number[]) => [
    name,
    milliseconds(median(few)),
    milliseconds(median(many)),
    ratioText(ratios(many, few), goal),
  ];
  console.log(`\n${WRITERS} pairs, 1 in flight each; history pages of ${PAGE}; ${options.engine}`);
  printTable([
    ['messages stored', whole(stored.small), whole(stored.large), 'ratio, median (spread)'],
    row('send → message:sent p99', small.sendP99, large.sendP99),
    row('history p99', small.historyP99, large.historyP99),
  ]);
}
