import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './accounts.ts';
import { makeGroup, signUp } from './accounts.ts';
import { Announcer, crowdHas } from './announcer.ts';
import { Crowd } from './crowd.ts';
import { Flooder } from './flooder.ts';
import { LeanClient } from './lean-client.ts';
import type { Random } from './random.ts';
import { endQuietly } from './restarts.ts';
import type { Context, FaultRun } from './run.ts';
import { startServer } from './server-process.ts';
import { weigh } from './slow-weight.ts';
import { median } from './timing.ts';
import { milliseconds } from './verdict.ts';

const ratioAtMost = 1.2;
/** More than the kernel takes for a connection that nobody reads, so that the server itself has to deal with it. */
const floodBytes = 6 * 1024 * 1024;

type Stage = Readonly<{ url: string; announcer: Announcer; crowd: Crowd; victim: Account; flooder: Flooder }>;

export const slow: FaultRun = {
  name: 'slow',
  summary:
    "one of 1,000 readers stalls: the others' p99 at most 1.2 times (median of ten pairs), at most 4 MB held for it",
  sabotage: 'unbounded-buffers',
  seenBy: 'at most 4 MB held',
  rounds: { full: 10, short: 2 },
  run: async (context) => {
    if (!context.sabotaged) await readTogether(context);
    await weigh(context);
  },
};

async function readTogether(context: Context): Promise<void> {
  const server = await startServer(context.plan);
  const { url } = server;
  const crowd = new Crowd();
  const accounts = await signUp(url, 6);
  const [speaker, sender, victim, ...others] = accounts;
  if (speaker === undefined || sender === undefined || victim === undefined) throw new Error('nobody there');
  const announcer = new Announcer(url, speaker, await makeGroup(accounts));
  const flooder = new Flooder(url, sender, victim);
  try {
    await Promise.all([announcer.open(), flooder.open()]);
    await crowd.order({ do: 'open', url, tokens: others.map(({ token }) => token), count: context.short ? 50 : 999 });
    await comparePairs(context, { url, announcer, crowd, victim, flooder });
  } finally {
    announcer.close();
    flooder.close();
    await crowd.leave();
    await endQuietly(server);
  }
}

/** So many pairs of trials, with and without a stalled reader. */
async function comparePairs({ verdict, random, rounds, short }: Context, stage: Stage): Promise<void> {
  const size = short ? { blocks: 1, messages: 10 } : { blocks: 4, messages: 20 };
  await block(stage, { messages: size.messages, stalled: false });
  const pairs: Pair[] = [];
  for (let number = 0; number < rounds; number++) pairs.push(await pair(stage, size, random));
  const ratios = pairs.map(({ reading, stalled }) => stalled / reading);
  const ratio = median(ratios);
  verdict.figure("the others' p99 while all read, median", milliseconds(median(pairs.map(({ reading }) => reading))));
  verdict.figure("the others' p99 while one stalls, median", milliseconds(median(pairs.map(({ stalled }) => stalled))));
  verdict.figure('ratios', ratios.map((each) => each.toFixed(2)).join(' '));
  // A short trial has too few messages for a fair ratio; it only has to show that nobody waits for the stalled one.
  const worst = Math.max(...pairs.map(({ stalled }) => stalled));
  if (short) verdict.demand('nobody waits for the stalled one', worst < 1000, milliseconds(worst));
  else verdict.demand(`median ratio over ${rounds} pairs at most 1.2`, ratio <= ratioAtMost, ratio.toFixed(2));
  const { gaps, doubles, lost } = await stage.crowd.order({ do: 'tell' });
  const whole = gaps === 0 && doubles === 0 && lost === 0;
  verdict.demand('the others missed nothing and were not cut', whole, `${gaps} gaps, ${doubles} twice, ${lost} cut`);
}

type Pair = Readonly<{ reading: number; stalled: number }>;

/**
 * The p99 of the crowd with and without a stalled reader. Each half of a pair is cut into blocks, and the blocks take
 * turns: what else this machine does for a second or two hits both halves.
 */
async function pair(
  stage: Stage,
  { blocks, messages }: { blocks: number; messages: number },
  random: Random,
): Promise<Pair> {
  await stage.crowd.order({ do: 'forget' });
  for (let number = 0; number < blocks; number++) {
    const stalledFirst = random.chance(0.5);
    for (const stalled of [stalledFirst, !stalledFirst]) await block(stage, { messages, stalled });
  }
  const { p99 } = await stage.crowd.order({ do: 'tell' });
  return { reading: p99['reading'] ?? Number.NaN, stalled: p99['stalled'] ?? Number.NaN };
}

/** So many messages for the crowd, after a flood for the victim, who reads it or does not. */
async function block(
  { url, announcer, crowd, victim, flooder }: Stage,
  { messages, stalled }: { messages: number; stalled: boolean },
): Promise<void> {
  const target = new LeanClient(url, victim.token);
  await target.open();
  if (stalled) target.stall();
  await flooder.flood(floodBytes);
  await sleep(200);
  await crowd.order({ do: 'measure', as: stalled ? 'stalled' : 'reading' });
  await announcer.say(messages, 50);
  if (!(await crowdHas(crowd, announcer.said, 30_000))) throw new Error('the crowd did not hear everything');
  await crowd.order({ do: 'measure', as: null });
  target.cut();
}
