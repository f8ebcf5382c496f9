import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './accounts.ts';
import { signUp } from './accounts.ts';
import { Flooder } from './flooder.ts';
import { heldBytes } from './inspector.ts';
import { LeanClient } from './lean-client.ts';
import { endQuietly } from './restarts.ts';
import type { Context } from './run.ts';
import { freePort, startServer } from './server-process.ts';
import { median } from './timing.ts';
import { round } from './verdict.ts';

const heldAtMost = 4 * 1024 * 1024;
/** More than the kernel holds for one connection on a usual machine, so that the rest has to lie in the server. */
const floodBytes = 24 * 1024 * 1024;

/**
 * What a server of its own holds for one stalled reader. Floods for one who reads come before, between and after, because
 * a server that keeps recent messages at hand grows with each of them.
 */
export async function weigh({ verdict, short, plan }: Context): Promise<void> {
  const inspected = await freePort();
  const nodeArgs = [`--inspect=127.0.0.1:${inspected}`];
  const server = await startServer({ ...plan, dataDir: `${plan.dataDir}-weight`, nodeArgs });
  const weights: number[] = [];
  try {
    const [sender, victim] = await signUp(server.url, 2);
    if (sender === undefined || victim === undefined) throw new Error('nobody there');
    const flooder = new Flooder(server.url, sender, victim);
    await flooder.open();
    const weighOnce = (stalled: boolean): Promise<number> =>
      weightUnder({ url: server.url, inspected, flooder, victim, stalled });
    let before = await weighOnce(false);
    for (let turn = 0; turn < (short ? 1 : 3); turn++) {
      const stalled = await weighOnce(true);
      const after = await weighOnce(false);
      weights.push(stalled - (before + after) / 2);
      verdict.figure('held while it reads / stalls / reads', [before, stalled, after].map(megabytes).join(' / '));
      before = after;
    }
    flooder.close();
  } finally {
    await endQuietly(server);
  }
  const held = median(weights);
  verdict.demand('at most 4 MB held for a stalled reader', held <= heldAtMost, megabytes(held));
}

const megabytes = (bytes: number): string => `${round(Math.round((bytes / 1024 / 1024) * 10) / 10)} MB`;

type Scale = Readonly<{ url: string; inspected: number; flooder: Flooder; victim: Account; stalled: boolean }>;

/** The server's memory after a flood for the victim, while it still is connected. */
async function weightUnder({ url, inspected, flooder, victim, stalled }: Scale): Promise<number> {
  const target = new LeanClient(url, victim.token);
  await target.open();
  if (stalled) target.stall();
  await flooder.flood(floodBytes);
  await sleep(500);
  const weight = await heldBytes(inspected);
  target.cut();
  await sleep(300);
  return weight;
}
