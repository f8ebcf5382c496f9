import { setTimeout as sleep } from 'node:timers/promises';
import type { Account } from './accounts.ts';
import { makeGroup, signUp } from './accounts.ts';
import { Announcer, crowdHas } from './announcer.ts';
import { Crowd } from './crowd.ts';
import { LeanClient } from './lean-client.ts';
import { endQuietly } from './restarts.ts';
import type { Context, FaultRun } from './run.ts';
import type { ServerProcess } from './server-process.ts';
import { startServer } from './server-process.ts';
import { floodMessage, weigh } from './slow-weight.ts';
import { median } from './timing.ts';
import { milliseconds } from './verdict.ts';

const ratioAtMost = 1.2;

type Stage = Readonly<{
  server: ServerProcess;
  announcer: Announcer;
  crowd: Crowd;
  victim: Account;
  flooder: LeanClient;
  tokens: string[];
}>;

export const slow: FaultRun = {
  name: 'slow',
  summary:
    "one of 1,000 readers stalls: the others' p99 at most 1.2 times (median of ten pairs), at most 4 MB held for it",
  sabotage: 'unbounded-buffers',
  seenBy: 'at most 4 MB held',
  rounds: { full: 10, short: 2 },
  run: async (context) => {
    const server = await startServer(context.plan);
    const crowd = new Crowd();
    const accounts = await signUp(server.url, 6);
    const [speaker, flooding, victim] = accounts as [Account, Account, Account];
    const announcer = new Announcer(server.url, speaker, await makeGroup(accounts));
    const flooder = new LeanClient(server.url, flooding.token);
    const tokens = accounts.slice(3).map(({ token }) => token);
    const stage = { server, announcer, crowd, victim, flooder, tokens };
    try {
      await Promise.all([announcer.open(), flooder.open()]);
      await crowd.order({ do: 'open', url: server.url, tokens, count: context.short ? 50 : 999 });
      await comparePairs(context, stage);
    } finally {
      announcer.close();
      flooder.cut();
      await crowd.leave();
      await endQuietly(server);
    }
    await weigh(context);
  },
};

/** Ten times with and ten times without a stalled reader, in turns, who is sent the same flood in both cases. */
async function comparePairs({ verdict, random, rounds, short }: Context, stage: Stage): Promise<void> {
  const seconds = short ? 0.5 : 4;
  await trial(stage, seconds, false);
  const ratios: number[] = [];
  const p99 = { reading: [] as number[], stalled: [] as number[] };
  for (let pair = 0; pair < rounds; pair++) {
    const stalledFirst = random.chance(0.5);
    for (const stalled of [stalledFirst, !stalledFirst]) {
      (stalled ? p99.stalled : p99.reading).push(await trial(stage, seconds, stalled));
    }
    ratios.push((p99.stalled.at(-1) ?? Number.NaN) / (p99.reading.at(-1) ?? Number.NaN));
  }
  verdict.figure("the others' p99 while all read, median", milliseconds(median(p99.reading)));
  verdict.figure("the others' p99 while one stalls, median", milliseconds(median(p99.stalled)));
  const ratio = median(ratios);
  // A short trial has too few messages for a fair ratio; it only has to show that nobody waits for the stalled one.
  if (short) verdict.demand('nobody waits for the stalled one', median(p99.stalled) < 500, `ratio ${ratio.toFixed(2)}`);
  else verdict.demand(`median ratio over ${rounds} pairs at most 1.2`, ratio <= ratioAtMost, ratio.toFixed(2));
  const report = await stage.crowd.order({ do: 'tell' });
  const whole = report.gaps === 0 && report.doubles === 0 && report.lost === 0;
  verdict.demand(
    'the others missed nothing and were not cut',
    whole,
    `${report.gaps} gaps, ${report.doubles} twice, ${report.lost} cut`,
  );
}

/** The p99 of the crowd over some seconds, while the victim is flooded, and reads or does not. */
async function trial(
  { server, announcer, crowd, victim, flooder }: Stage,
  seconds: number,
  stalled: boolean,
): Promise<number> {
  const target = new LeanClient(server.url, victim.token);
  await target.open();
  if (stalled) target.stall();
  await crowd.order({ do: 'measure', on: true });
  let over = false;
  const flood = (async () => {
    while (!over) {
      flooder.emit('message:send', floodMessage(victim));
      await sleep(4);
    }
  })();
  await announcer.say(Math.ceil(seconds * 10), 100);
  over = true;
  await flood;
  if (!(await crowdHas(crowd, announcer.said, 30_000))) throw new Error('the crowd did not hear everything');
  const report = await crowd.order({ do: 'measure', on: false });
  target.cut();
  await sleep(200);
  return report.p99;
}
