/** From spawn to the first healthy answer, against bare Fastify. */
import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchOptions } from './options.ts';
import { createBenchDatabase } from './postgres.ts';
import { openStage, type Stage, stop } from './process.ts';
import { type Compared, type Goal, milliseconds, printCompared } from './report.ts';
import { OUR_SERVER, ourEnvironment } from './target.ts';

const GOAL: Goal = { bound: 'at most', value: 5 };
const ASK_EVERY_MS = 2;
const PATIENCE_MS = 30_000;

interface Server {
  args: string[];
  environment: Record<string, string>;
}

/** Two figures: on a folder that has been used before, and on an empty one (secrets and tables are made). */
export async function start(options: BenchOptions): Promise<boolean> {
  const rounds = options.rounds ?? 10;
  const goal = options.selfCheck ? undefined : GOAL;
  const stage = openStage();
  const database = options.engine === 'postgres' && !options.selfCheck ? await createBenchDatabase() : undefined;
  const ours = (folder: string): Server =>
    options.selfCheck
      ? bareServer(folder)
      : { args: OUR_SERVER, environment: ourEnvironment(folder, { databaseUrl: database?.url }) };
  try {
    const used = { bare: bareServer(stage.folder()), ours: ours(stage.folder()) };
    for (const server of [used.bare, used.ours]) await timeToHealth(stage, server);
    const again: Compared = { name: 'start again', bare: [], ours: [], format: milliseconds, goal };
    const first: Compared = { name: 'first start', bare: [], ours: [], format: milliseconds, goal };
    for (let round = 0; round < rounds; round += 1) {
      again.bare.push(await timeToHealth(stage, used.bare));
      again.ours.push(await timeToHealth(stage, used.ours));
      first.bare.push(await timeToHealth(stage, bareServer(stage.folder())));
      first.ours.push(await timeToHealth(stage, ours(stage.folder())));
    }
    console.log(`\nfrom spawn to the first 200 of GET /health, ${rounds} rounds, ${options.engine}`);
    // Only the first of the starts on PostgreSQL finds an empty database.
    printCompared(options.engine === 'postgres' ? [again] : [again, first]);
    return true;
  } finally {
    await stage.close();
    await database?.drop();
  }
}

function bareServer(folder: string): Server {
  const environment = { JWT_SECRET: randomBytes(32).toString('hex'), DATA_DIR: folder };
  return { args: ['bench/bare-rest.ts'], environment };
}

async function timeToHealth(stage: Stage, { args, environment }: Server): Promise<number> {
  const port = await freePort();
  const began = performance.now();
  const child = stage.spawn(args, { ...environment, SOCIAL_PORT: String(port) });
  child.stdout?.resume();
  try {
    while (!(await isHealthy(port))) {
      if (performance.now() - began > PATIENCE_MS) throw new Error(`${args.join(' ')} was not healthy in time`);
      if (child.exitCode !== null) throw new Error(`${args.join(' ')} exited with ${child.exitCode}`);
      await sleep(ASK_EVERY_MS);
    }
    return performance.now() - began;
  } finally {
    await stop(child);
  }
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const asked = get({ host: '127.0.0.1', port, path: '/health', agent: false }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode === 200));
    });
    asked.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
