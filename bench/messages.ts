/** Durable direct messages against a Socket.IO server that stores nothing. */
import type { ExchangeResult } from './exchange.ts';
import { type Generator, openGenerator } from './generator.ts';
import type { BenchOptions } from './options.ts';
import { type BenchDatabase, createBenchDatabase } from './postgres.ts';
import { openStage } from './process.ts';
import { type Compared, type Goal, median, microseconds, milliseconds, printCompared, whole } from './report.ts';
import { startBareSockets, startOurs, type Target } from './target.ts';

const PAIRS = 50;
const WARMUP_SECONDS = 0.5;
/** Before the first round, so that no side is measured while its code is still being compiled. */
const FIRST_WARMUP_SECONDS = 2;
const LOADS = [
  { inFlight: 10, throughput: 1.3, cpu: 0.9 },
  { inFlight: 4, throughput: 0.9, cpu: 1.2 },
  { inFlight: 1, throughput: 0.5, cpu: 1.8 },
];
/** With PostgreSQL only the first load has a goal. */
const POSTGRES_THROUGHPUT = 0.8;
/** Above this share of a core the load generator itself limits the throughput. */
const GENERATOR_LIMIT = 0.95;

interface Sample extends ExchangeResult {
  /** Of PostgreSQL's processes; undefined without it. */
  databaseCpuMicros: number | undefined;
}

/** Runs both servers side by side and prints three loads; false when a message was lost, doubled or out of order. */
export async function messages(options: BenchOptions): Promise<boolean> {
  const stage = openStage();
  const generator = openGenerator();
  const database = options.engine === 'postgres' && !options.selfCheck ? await createBenchDatabase() : undefined;
  try {
    const bare = await startBareSockets(stage);
    const ours = options.selfCheck
      ? await startBareSockets(stage)
      : await startOurs(stage, { databaseUrl: database?.url });
    const sides: Side[] = [
      { label: 'bare', target: bare, database: undefined },
      { label: 'ours', target: ours, database },
    ];
    for (const { label, target } of sides) {
      await generator.connect(label, target.url, await target.people(PAIRS * 2));
    }
    return await measureLoads(generator, sides, options);
  } finally {
    await generator.close();
    await stage.close();
    await database?.drop();
  }
}

interface Side {
  label: 'bare' | 'ours';
  target: Target;
  database: BenchDatabase | undefined;
}

async function measureLoads(generator: Generator, sides: Side[], options: BenchOptions): Promise<boolean> {
  const rounds = options.rounds ?? 6;
  const seconds = options.seconds ?? 2;
  let sound = true;
  for (const side of sides) await sample(generator, side, { inFlight: 10, warmup: 0, seconds: FIRST_WARMUP_SECONDS });
  for (const load of LOADS) {
    const samples: Record<Side['label'], Sample[]> = { bare: [], ours: [] };
    for (let round = 0; round < rounds; round += 1) {
      // Alternate who begins, so that a drift of the machine favours nobody.
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const taken = await sample(generator, side, { inFlight: load.inFlight, warmup: WARMUP_SECONDS, seconds });
        samples[side.label].push(taken);
        for (const fault of taken.faults) console.log(`  FAULT (${side.label}): ${fault}`);
        sound &&= taken.faults.length === 0;
      }
    }
    console.log(
      `\n${PAIRS} pairs, ${load.inFlight} in flight each, ${rounds} rounds of ${seconds} s, ${options.engine}`,
    );
    printLoad(samples.bare, samples.ours, goalsOf(load, options));
  }
  console.log(
    sound ? '\nEvery acknowledged message was received, once, in order.' : '\nA PROMISE WAS BROKEN, see above.',
  );
  return sound;
}

async function sample(
  generator: Generator,
  side: Side,
  load: { inFlight: number; warmup: number; seconds: number },
): Promise<Sample> {
  let meter: Promise<() => Promise<number>> | undefined;
  let databaseCpu: Promise<number> | undefined;
  const result = await generator.exchange(side.label, {
    inFlight: load.inFlight,
    warmupSeconds: load.warmup,
    seconds: load.seconds,
    serverPid: side.target.pid,
    onWindow: (edge) => {
      if (edge === 'begin') meter = side.database?.cpuMeter();
      else databaseCpu = meter?.then((read) => read());
    },
  });
  return { ...result, databaseCpuMicros: await databaseCpu };
}

interface Goals {
  throughput?: Goal;
  cpu?: Goal;
}

function goalsOf(load: (typeof LOADS)[number], options: BenchOptions): Goals {
  if (options.selfCheck) return {};
  if (options.engine === 'sqlite') {
    return {
      throughput: { bound: 'at least', value: load.throughput },
      cpu: { bound: 'at most', value: load.cpu },
    };
  }
  return load.inFlight === 10 ? { throughput: { bound: 'at least', value: POSTGRES_THROUGHPUT } } : {};
}

function printLoad(bare: Sample[], ours: Sample[], goals: Goals): void {
  const compared = (
    name: string,
    figure: (sample: Sample) => number,
    format: (value: number) => string,
    goal?: Goal,
  ): Compared => ({ name, bare: bare.map(figure), ours: ours.map(figure), format, goal });
  printCompared([
    compared('messages per second', (s) => s.messages / s.seconds, whole, goals.throughput),
    compared('server CPU per message', (s) => s.serverCpuMicros / s.messages, microseconds, goals.cpu),
    compared('send → message:sent p50', (s) => s.sentP50, milliseconds),
    compared('send → message:sent p99', (s) => s.sentP99, milliseconds),
    compared('send → message:received p50', (s) => s.receivedP50, milliseconds),
    compared('send → message:received p99', (s) => s.receivedP99, milliseconds),
  ]);
  const database = ours.flatMap((s) => (s.databaseCpuMicros === undefined ? [] : s.databaseCpuMicros / s.messages));
  if (database.length > 0) console.log(`  PostgreSQL CPU per message: ${microseconds(median(database))}`);
  const busy = [bare, ours].map((side) => median(side.map((s) => s.clientLoad)));
  console.log(`  load generator: ${busy.map((share) => `${Math.round(share * 100)} %`).join(' and ')} of one core`);
  if (busy.some((share) => share > GENERATOR_LIMIT)) {
    console.log('  NOTE: the load generator was the bottleneck of a side; its throughput is a lower bound.');
  }
}
