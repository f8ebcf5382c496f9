/** GET /api/v1/auth/me against bare Fastify with the same token check and one SQLite read. */
import { type Generator, openGenerator, type RequestsResult } from './generator.ts';
import type { BenchOptions } from './options.ts';
import { createBenchDatabase } from './postgres.ts';
import { cpuMicros, openStage } from './process.ts';
import { type Goal, microseconds, printCompared, whole } from './report.ts';
import { startBareRest, startOurs, type Target } from './target.ts';

const GOAL: Goal = { bound: 'at least', value: 0.6 };
const CONNECTIONS = 20;
const WARMUP_SECONDS = 2;

interface Sample extends RequestsResult {
  cpuPerRequest: number;
}

interface Side {
  target: Target;
  token: string;
  samples: Sample[];
}

/** False when a request failed. */
export async function rest(options: BenchOptions): Promise<boolean> {
  const rounds = options.rounds ?? 6;
  // autocannon counts whole seconds.
  const seconds = Math.ceil(options.seconds ?? 3);
  const stage = openStage();
  const generator = openGenerator();
  const database = options.engine === 'postgres' && !options.selfCheck ? await createBenchDatabase() : undefined;
  try {
    const ours = options.selfCheck
      ? await startBareRest(stage)
      : await startOurs(stage, { databaseUrl: database?.url });
    const sides: Side[] = [];
    for (const target of [await startBareRest(stage), ours]) {
      const [person] = await target.people(1);
      const side: Side = { target, token: person?.token ?? '', samples: [] };
      await sample(generator, side, WARMUP_SECONDS);
      sides.push(side);
    }
    for (let round = 0; round < rounds; round += 1) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        side.samples.push(await sample(generator, side, seconds));
      }
    }
    const [bareSamples = [], ourSamples = []] = sides.map((side) => side.samples);
    return print(bareSamples, ourSamples, `${rounds} rounds of ${seconds} s, ${options.engine}`, options.selfCheck);
  } finally {
    await generator.close();
    await stage.close();
    await database?.drop();
  }
}

async function sample(generator: Generator, { target, token }: Side, seconds: number): Promise<Sample> {
  const before = cpuMicros(target.pid);
  const load = { connections: CONNECTIONS, seconds };
  const result = await generator.requests(`${target.url}/api/v1/auth/me`, token, load);
  return { ...result, cpuPerRequest: (cpuMicros(target.pid) - before) / result.total };
}

function print(bare: Sample[], ours: Sample[], how: string, selfCheck: boolean): boolean {
  const compared = (name: string, figure: (s: Sample) => number, format: (v: number) => string, goal?: Goal) => ({
    name,
    bare: bare.map(figure),
    ours: ours.map(figure),
    format,
    goal,
  });
  console.log(`\nGET /api/v1/auth/me, ${CONNECTIONS} connections, ${how}`);
  printCompared([
    compared('requests per second', (s) => s.perSecond, whole, selfCheck ? undefined : GOAL),
    compared('server CPU per request', (s) => s.cpuPerRequest, microseconds),
  ]);
  const faults = [...bare, ...ours].flatMap((result) => result.faults);
  for (const fault of faults) console.log(`  FAULT: ${fault}`);
  return faults.length === 0;
}
