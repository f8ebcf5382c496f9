import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './accounts.ts';
import { makeGroup, signUp } from './accounts.ts';
import { Announcer, crowdHas } from './announcer.ts';
import { Crowd } from './crowd.ts';
import { Flooder } from './flooder.ts';
import { LeanClient } from './lean-client.ts';
import { endQuietly } from './restarts.ts';
import type { Context, FaultRun } from './run.ts';
import { startServer } from './server-process.ts';
import { weigh } from './slow-weight.ts';
import { median } from './timing.ts';
import { milliseconds } from './verdict.ts';

const ratioAtMost = 1.2;
/** More than the kernel takes for a connection that nobody reads, so that the server itself has to deal with it. */
const floodBytes = 8 * 1024 * 1024;

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

/** So many times with and without a stalled reader, in turns; it is sent the same flood in both cases. */
async function comparePairs({ verdict, random, rounds, short }: Context, stage: Stage): Promise<void> {
  const messages = short ? 10 : 100;
  await trial(stage, messages, false);
  const ratios: number[] = [];
  const p99 = { reading: [] as number[], stalled: [] as number[] };
  for (let pair = 0; pair < rounds; pair++) {
    const stalledFirst = random.chance(0.5);
    for (const stalled of [stalledFirst, !stalledFirst]) {
      (stalled ? p99.stalled : p99.reading).push(await trial(stage, messages, stalled));
    }
    ratios.push((p99.stalled.at(-1) ?? Number.NaN) / (p99.reading.at(-1) ?? Number.NaN));
  }
  verdict.figure("the others' p99 while all read, median", milliseconds(median(p99.reading)));
  verdict.figure("the others' p99 while one stalls, median", milliseconds(median(p99.stalled)));
  const ratio = median(ratios);
  // A short trial has too few messages for a fair ratio; it only has to show that nobody waits for the stalled one.
  if (short) verdict.demand('nobody waits for the stalled one', median(p99.stalled) < 500, `ratio ${ratio.toFixed(2)}`);
  else verdict.demand(`median ratio over ${rounds} pairs at most 1.2`, ratio <= ratioAtMost, ratio.toFixed(2));
  const { gaps, doubles, lost } = await stage.crowd.order({ do: 'tell' });
  const whole = gaps === 0 && doubles === 0 && lost === 0;
  verdict.demand('the others missed nothing and were not cut', whole, `${gaps} gaps, ${doubles} twice, ${lost} cut`);
}

/** The p99 of the crowd over so many messages, after a flood for the victim, who reads it or does not. */
async function trial(
  { url, announcer, crowd, victim, flooder }: Stage,
  messages: number,
  stalled: boolean,
): Promise<number> {
  const target = new LeanClient(url, victim.token);
  await target.open();
  if (stalled) target.stall();
  await flooder.flood(floodBytes);
  await sleep(500);
  await crowd.order({ do: 'measure', on: true });
  await announcer.say(messages, 50);
  if (!(await crowdHas(crowd, announcer.said, 30_000))) throw new Error('the crowd did not hear everything');
  const { p99 } = await crowd.order({ do: 'measure', on: false });
  target.cut();
  await sleep(200);
  return p99;
}
