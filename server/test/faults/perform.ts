import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { authorization } from './authorization.ts';
import { createDatabase } from './database.ts';
import { drain } from './drain.ts';
import { kill } from './kill.ts';
import { malformed } from './malformed.ts';
import { power } from './power.ts';
import { Random } from './random.ts';
import { receipts } from './receipts.ts';
import { resume } from './resume.ts';
import { retry } from './retry.ts';
import type { FaultRun } from './run.ts';
import type { ServerPlan } from './server-process.ts';
import { freePort } from './server-process.ts';
import { slow } from './slow.ts';
import { Verdict } from './verdict.ts';

export const faultRuns: readonly FaultRun[] = [
  kill,
  power,
  resume,
  retry,
  receipts,
  slow,
  drain,
  authorization,
  malformed,
];

export type Wish = Readonly<{
  rounds?: number;
  seed?: number;
  short?: boolean;
  engine?: 'sqlite' | 'postgres';
  sabotage?: boolean;
  say?: (line: string) => void;
}>;

const sabotaged = fileURLToPath(new URL('./sabotage.ts', import.meta.url));

/**
 * Performs one run and answers whether it came out as it should: without sabotage every demand holds, with sabotage the
 * one that is there to notice it does not.
 */
export async function perform(run: FaultRun, wish: Wish): Promise<boolean> {
  const { short = false, engine = 'sqlite', sabotage = false, say = console.log } = wish;
  const seed = wish.seed ?? Math.floor(Math.random() * 1_000_000);
  const rounds = wish.rounds ?? (short ? run.rounds.short : run.rounds.full);
  const folder = await mkdtemp(join(tmpdir(), `rendezvous-${run.name}-`));
  const database = engine === 'postgres' ? await createDatabase(`faults_${run.name}_${Date.now()}`) : undefined;
  const verdict = new Verdict(say);
  say(`${run.name}: ${rounds} rounds, seed ${seed}, ${engine}${sabotage ? `, sabotage: ${run.sabotage}` : ''}`);
  const env: Record<string, string> = sabotage ? { FAULTS_SABOTAGE: run.sabotage } : {};
  if (database) env['DATABASE_URL'] = database.url;
  const plan: ServerPlan = {
    dataDir: join(folder, 'data'),
    port: await freePort(),
    env,
    ...(sabotage ? { entry: sabotaged } : {}),
  };
  const began = performance.now();
  try {
    await run.run({ verdict, random: new Random(seed), rounds, short, sabotaged: sabotage, engine, folder, plan });
  } finally {
    await database?.drop();
    if (verdict.passed || sabotage) await rm(folder, { recursive: true, force: true });
  }
  const took = `in ${Math.round((performance.now() - began) / 1000)} s, seed ${seed}`;
  if (sabotage) {
    const seen = verdict.broken.some((demand) => demand.startsWith(run.seenBy));
    say(`${seen ? 'PASS: the sabotage was seen' : 'FAIL: the sabotage went unseen'} ${took}`);
    return seen;
  }
  say(`${verdict.passed ? 'PASS' : 'FAIL'} ${run.name} ${took}`);
  if (!verdict.passed) say(`What it left lies in ${folder}`);
  return verdict.passed;
}
