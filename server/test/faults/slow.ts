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
import { median, until } from './timing.ts';
import { milliseconds, round } from './verdict.ts';
import { contentFor } from './wire.ts';

const ratioAtMost = 1.2;
const heldAtMost = 4 * 1024 * 1024;
const contentBytes = 4000;
/** More than the kernel holds for one connection on a usual machine, so that the rest has to lie in the server. */
const floodBytes = 24 * 1024 * 1024;

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
      await weigh(context, stage);
    } finally {
      announcer.close();
      flooder.cut();
      await crowd.leave();
      await endQuietly(server);
    }
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
  // A short trial has too few messages for a fair p99; it only has to show that nobody waits for the stalled one.
  const allowed = short ? 5 : ratioAtMost;
  verdict.demand(`median ratio over ${rounds} pairs at most ${allowed}`, ratio <= allowed, ratio.toFixed(2));
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

let floods = 0;
const floodMessage = ({ id }: Account): Record<string, unknown> => {
  const key = `flood-${String(floods++).padStart(7, '0')}`;
  return { receiverId: id, content: contentFor(key, '.'.repeat(contentBytes)), clientId: key };
};

/**
 * What is held for one: many stall together, so that their weight stands out from the garbage collector's noise. The same
 * flood goes first to as many who read.
 */
async function weigh({ verdict, short }: Context, stage: Stage): Promise<void> {
  const readers = short ? 4 : 20;
  const bytes = short ? floodBytes / 2 : floodBytes;
  const reading = await peakUnderFlood(stage, { readers, bytes, stalled: false });
  const stalled = await peakUnderFlood(stage, { readers, bytes, stalled: true });
  const held = Math.max(0, stalled - reading) / readers;
  verdict.figure('server memory, all reading / with stalled ones', `${megabytes(reading)} / ${megabytes(stalled)}`);
  verdict.demand(`at most 4 MB held for each of ${readers} stalled readers`, held <= heldAtMost, megabytes(held));
}

const megabytes = (bytes: number): string => `${round(bytes / 1024 / 1024)} MB`;

async function peakUnderFlood(
  { server, victim, flooder }: Stage,
  { readers, bytes, stalled }: { readers: number; bytes: number; stalled: boolean },
): Promise<number> {
  const targets = Array.from({ length: readers }, () => new LeanClient(server.url, victim.token));
  for (const target of targets) {
    await target.open();
    if (stalled) target.stall();
  }
  let peak = 0;
  for (let sent = 0; sent < bytes; sent += contentBytes) {
    flooder.emit('message:send', floodMessage(victim));
    if ((sent / contentBytes) % 20 === 19) {
      peak = Math.max(peak, await server.rssBytes());
      await sleep(10);
    }
  }
  await until(
    async () => {
      const now = await server.rssBytes();
      const rising = now > peak;
      peak = Math.max(peak, now);
      return !rising;
    },
    5000,
    100,
  );
  for (const target of targets) target.cut();
  await sleep(500);
  return peak;
}
