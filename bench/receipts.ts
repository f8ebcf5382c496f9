/** A message that a whole group reads at once: what is written and told, and what a receipt costs, in two sizes. */
import { beginToCount, changedRows, type Place } from './changed-rows.ts';
import type { Person } from './client.ts';
import { type Generator, openGenerator } from './generator.ts';
import type { BenchOptions } from './options.ts';
import { createBenchDatabase } from './postgres.ts';
import { openStage, requireOpenFiles, type Stage } from './process.ts';
import type { ReadingResult } from './reading.ts';
import { type Goal, goalText, median, microseconds, printTable, ratios, ratioText, whole } from './report.ts';
import { startOurs, type Target } from './target.ts';

/** Large enough that the sender hears counts, and not names. */
const SMALL = 100;
const LARGE = 1000;
/** In either size about as many in a round, so that what does not depend on receipts weighs the same. */
const RECEIPTS_PER_ROUND = 10_000;
const REST_READERS = 5;
/** What is written because the load connects and leaves. */
const COMING_AND_GOING = new Set(['accounts', 'sessions', 'presence', 'presence_state', 'session_cursors']);
const LABEL = 'ours';

const ROWS_GOAL: Goal = { bound: 'at most', value: 1 };
const STATUSES_GOAL: Goal = { bound: 'at most', value: 3 };
const CPU_GOAL: Goal = { bound: 'at most', value: 1.5 };

interface Measured {
  size: number;
  rounds: ReadingResult[];
  /** Rows changed in the round in which they were counted: of the receipts themselves, and of all other tables. */
  rows: { receipts: number; others: number };
}

interface Ground {
  stage: Stage;
  place: Place;
  generator: Generator;
  people: Person[];
}

/** `--count` is the size of the larger group. CPU is measured first; then, once more, changed rows are counted. */
export async function receipts(options: BenchOptions): Promise<boolean> {
  const sizes = [SMALL, options.count ?? LARGE];
  const most = Math.max(...sizes);
  requireOpenFiles(most);
  const stage = openStage();
  const generator = openGenerator();
  const database = options.engine === 'postgres' ? await createBenchDatabase() : undefined;
  try {
    const place = { dataDir: stage.folder(), databaseUrl: database?.url };
    const target = await startOurs(stage, place);
    const people = await target.people(most);
    const measured: Measured[] = [];
    const groups: string[] = [];
    await generator.connect(LABEL, target.url, people);
    for (const size of sizes) {
      const groupId = await target.group(people.slice(0, size));
      const rounds: ReadingResult[] = [];
      for (let round = 0; round < (options.rounds ?? 3); round += 1) {
        rounds.push(await read(generator, target, { people, size, groupId }));
      }
      groups.push(groupId);
      measured.push({ size, rounds, rows: { receipts: 0, others: 0 } });
    }
    await generator.disconnect(LABEL);
    await target.stop();
    beginToCount(place);
    for (const [index, one] of measured.entries()) {
      await countRows(one, groups[index] ?? '', { stage, place, generator, people });
    }
    return report(measured, options.engine);
  } finally {
    await generator.close();
    await stage.close();
    await database?.drop();
  }
}

const messagesFor = (size: number): number => Math.max(1, Math.round(RECEIPTS_PER_ROUND / (size - 1)));

function read(
  generator: Generator,
  target: Target,
  { people, size, groupId }: { people: Person[]; size: number; groupId: string },
): Promise<ReadingResult> {
  const tokens = people.slice(1, 1 + REST_READERS).map(({ token }) => token);
  const rest = { api: `${target.url}/api/v1`, tokens };
  return generator.read(LABEL, size, { groupId, messages: messagesFor(size), rest, serverPid: target.pid });
}

/** One more round, on a server that is started for it and stopped, so that the database has told all it knows. */
async function countRows(one: Measured, groupId: string, { stage, place, generator, people }: Ground): Promise<void> {
  const before = await changedRows(place);
  const target = await startOurs(stage, place);
  await generator.connect(LABEL, target.url, people);
  one.rounds.push(await read(generator, target, { people, size: one.size, groupId }));
  await generator.disconnect(LABEL);
  await target.stop();
  for (const [table, changes] of await changedRows(place)) {
    if (COMING_AND_GOING.has(table)) continue;
    one.rows[table === 'receipts' ? 'receipts' : 'others'] += changes - (before.get(table) ?? 0);
  }
}

function report(measured: Measured[], engine: string): boolean {
  const cpu = ({ rounds }: Measured) => rounds.slice(0, -1).map((r) => r.serverCpuMicros / r.receipts);
  console.log(`\na group whose members all read each message at once, ${engine}`);
  printTable([
    ['', ...measured.map(({ size }) => `${whole(size)} members`), ''],
    row('receipts for a message', measured, ({ size }) => whole(size - 1)),
    row('rows of receipts changed, for a receipt', measured, (one) => decimal(rowsOf(one)), ROWS_GOAL, rowsOf),
    row('other rows changed, for a message', measured, ({ size, rows }) => decimal(rows.others / messagesFor(size))),
    row('events to the sender, for a message', measured, (one) => decimal(statusesOf(one)), STATUSES_GOAL, statusesOf),
    row('server CPU for a receipt', measured, (one) => microseconds(median(cpu(one)))),
  ]);
  const [small, large] = measured.map(cpu);
  console.log(`  CPU for a receipt, large to small: ${ratioText(ratios(large ?? [], small ?? []), CPU_GOAL)}`);
  const faults = measured.flatMap(({ rounds }) => rounds.flatMap((round) => round.faults));
  for (const fault of faults) console.log(`  FAULT: ${fault}`);
  return faults.length === 0;
}

const rowsOf = ({ size, rows }: Measured): number => rows.receipts / (messagesFor(size) * (size - 1));

const statusesOf = ({ size, rounds }: Measured): number =>
  median(rounds.map(({ statuses }) => statuses / messagesFor(size)));

const decimal = (value: number): string => value.toFixed(2);

function row(
  name: string,
  measured: Measured[],
  cell: (one: Measured) => string,
  goal?: Goal,
  figure: (one: Measured) => number = () => Number.NaN,
): string[] {
  const worst = goal ? goalText(Math.max(...measured.map(figure)), goal) : '';
  return [name, ...measured.map(cell), worst];
}
