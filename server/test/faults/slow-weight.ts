import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './accounts.ts';
import { signUp } from './accounts.ts';
import { heldBytes } from './inspector.ts';
import { LeanClient } from './lean-client.ts';
import { endQuietly } from './restarts.ts';
import type { Context } from './run.ts';
import { freePort, startServer } from './server-process.ts';
import { median, until } from './timing.ts';
import { round } from './verdict.ts';
import { contentFor } from './wire.ts';

const heldAtMost = 4 * 1024 * 1024;
const contentBytes = 4000;
/** More than the kernel holds for one connection on a usual machine, so that the rest has to lie in the server. */
const floodBytes = 24 * 1024 * 1024;

let floods = 0;

/** A large message for the one who stalls. */
export function floodMessage({ id }: Account): Record<string, unknown> {
  const key = `flood-${String(floods++).padStart(7, '0')}`;
  return { receiverId: id, content: contentFor(key, '.'.repeat(contentBytes)), clientId: key };
}

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
    const [flooder, victim] = await signUp(server.url, 2);
    if (flooder === undefined || victim === undefined) throw new Error('nobody there');
    const flood = (stalled: boolean): Promise<number> =>
      weightUnder({ url: server.url, inspected, flooder, victim, stalled });
    let before = await flood(false);
    for (let turn = 0; turn < (short ? 1 : 3); turn++) {
      const stalled = await flood(true);
      const after = await flood(false);
      weights.push(stalled - (before + after) / 2);
      verdict.figure('held while it reads / stalls / reads', [before, stalled, after].map(megabytes).join(' / '));
      before = after;
    }
  } finally {
    await endQuietly(server);
  }
  const held = median(weights);
  verdict.demand('at most 4 MB held for a stalled reader', held <= heldAtMost, megabytes(held));
}

const megabytes = (bytes: number): string => `${round(Math.round((bytes / 1024 / 1024) * 10) / 10)} MB`;

type Scale = Readonly<{ url: string; inspected: number; flooder: Account; victim: Account; stalled: boolean }>;

/** The server's memory after a flood for the victim, while both still are connected. */
async function weightUnder({ url, inspected, flooder, victim, stalled }: Scale): Promise<number> {
  const target = new LeanClient(url, victim.token);
  let answered = 0;
  const sender = new LeanClient(url, flooder.token, { answer: () => answered++ });
  await Promise.all([target.open(), sender.open()]);
  if (stalled) target.stall();
  const count = Math.ceil(floodBytes / contentBytes);
  for (let sent = 0; sent < count; sent++) {
    sender.emit('message:send', floodMessage(victim));
    if (sent % 20 === 19 && !(await until(() => sent - answered < 100, 20_000, 2)))
      throw new Error('the flood got stuck');
  }
  if (!(await until(() => answered === count, 20_000))) throw new Error('the flood was not acknowledged');
  await sleep(500);
  const weight = await heldBytes(inspected);
  target.cut();
  sender.cut();
  await sleep(300);
  return weight;
}
