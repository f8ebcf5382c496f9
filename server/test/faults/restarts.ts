import { setTimeout as sleep } from 'node:timers/promises';

import { Oracle } from './oracle.ts';
import type { Context } from './run.ts';
import type { Exit, ServerProcess } from './server-process.ts';
import { spawnServer, startServer } from './server-process.ts';
import { median, until } from './timing.ts';
import { Traffic } from './traffic.ts';
import { milliseconds } from './verdict.ts';
import { demandAll, judge, settle } from './village.ts';

export type RestartPlan = Readonly<{
  signal: 'SIGKILL' | 'SIGTERM';
  /** How often a server is also killed while it is still starting. */
  chanceWhileStarting: number;
}>;

export type Ended = Exit & { tookMs: number };

const progressWithin = 15_000;

/** The same server is ended and started again under load, on the same data folder and port, as often as `rounds` says. */
export async function endAgainAndAgain(context: Context, plan: RestartPlan): Promise<Ended[]> {
  const { verdict, random } = context;
  let server = await startServer(context.plan);
  const oracle = new Oracle();
  let traffic: Traffic | undefined;
  const ended: Ended[] = [];
  const starts: number[] = [];
  const firstAnswers: number[] = [];
  try {
    const village = await settle(server.url, context.short ? 4 : 8);
    traffic = await Traffic.start({
      url: server.url,
      village,
      oracle,
      random,
      restWriters: 2,
      polling: !context.short,
    });
    for (let round = 0; round < context.rounds; round++) {
      firstAnswers.push(await progress(oracle));
      await sleep(random.between(0, 400));
      const began = performance.now();
      ended.push({ ...(await server.end(plan.signal)), tookMs: performance.now() - began });
      if (random.chance(plan.chanceWhileStarting)) await dieWhileStarting(context);
      server = await startServer(context.plan);
      starts.push(server.startedIn);
    }
    firstAnswers.push(await progress(oracle));
    verdict.demand('everything unacknowledged was acknowledged in the end', await traffic.stop());
    demandAll(verdict, oracle, await judge(village, oracle));
    verdict.figure('reconnections / messages sent again', `${traffic.reconnections} / ${traffic.repeats}`);
    verdict.figure('from spawn until it serves, median / max', spread(starts));
    verdict.figure('from there to the next acknowledgement, median / max', spread(firstAnswers));
  } finally {
    traffic?.close();
    await endQuietly(server);
  }
  return ended;
}

const spread = (numbers: readonly number[]): string =>
  `${milliseconds(median(numbers))} / ${milliseconds(Math.max(...numbers))}`;

/** Waits for a few acknowledgements, so that every end comes under load; how long the first one took, in milliseconds. */
async function progress(oracle: Oracle): Promise<number> {
  const before = oracle.acknowledged;
  const began = performance.now();
  if (!(await until(() => oracle.acknowledged > before, progressWithin, 5)))
    throw new Error('nothing is acknowledged any more');
  const first = performance.now() - began;
  if (!(await until(() => oracle.acknowledged >= before + 10, progressWithin, 5))) throw new Error('the load has died');
  return first;
}

async function dieWhileStarting({ plan, random }: Context): Promise<void> {
  const server = spawnServer(plan);
  await sleep(random.between(0, 400));
  await server.end('SIGKILL');
}

/** The end of a run: politely, and with force after that. */
export async function endQuietly(server: Pick<ServerProcess, 'end'>): Promise<void> {
  await server.end('SIGTERM', 12_000);
}
