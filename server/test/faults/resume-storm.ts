import { makeGroup, signUp } from './accounts.ts';
import { Announcer, crowdHas } from './announcer.ts';
import { Crowd } from './crowd.ts';
import { Pairs } from './pairs.ts';
import type { Context } from './run.ts';
import type { ServerProcess } from './server-process.ts';
import { quantile } from './timing.ts';
import { milliseconds } from './verdict.ts';

type StormPlan = Readonly<{ crowd: number; pairs: number; seconds: number }>;

/** Thousands lose their connection in the same moment, miss some messages and come back; some pairs go on talking. */
export async function storm(
  { verdict, random }: Context,
  { url }: ServerProcess,
  { crowd: count, pairs: pairCount, seconds }: StormPlan,
): Promise<void> {
  const [speaker, ...members] = await signUp(url, 10);
  if (speaker === undefined) throw new Error('nobody speaks');
  const pairs = await Pairs.open(url, await signUp(url, 20), pairCount);
  const announcer = new Announcer(url, speaker, await makeGroup([speaker, ...members]));
  const crowd = new Crowd();
  try {
    await announcer.open();
    await crowd.order({ do: 'open', url, tokens: members.map(({ token }) => token), count });
    await announcer.say(3);
    const before = await pairs.talk(seconds * 1000);
    const cut = crowd.order({ do: 'cut', seed: random.seed });
    const talking = pairs.talk(seconds * 1000);
    await announcer.say(20);
    const { tookMs } = await cut;
    const calm = await crowdHas(crowd, announcer.said, 60_000);
    const during = await talking;
    const report = await crowd.order({ do: 'tell' });
    verdict.figure('clients cut at once / until all were back', `${count} / ${milliseconds(tookMs)}`);
    verdict.figure("the others' p50 / p99 before", latency(before));
    verdict.figure("the others' p50 / p99 during", latency(during));
    verdict.demand('the others heard everything', pairs.missing === 0, `${pairs.missing} of ${pairs.sent} missing`);
    verdict.demand('everybody came back recovered', report.recovered === count, `${report.recovered} of ${count}`);
    const place = `${report.gaps} gaps, the last one at ${report.slowestLast + 1} of ${announcer.said}`;
    verdict.demand('no gap at anybody of the crowd', calm && report.gaps === 0, place);
    verdict.demand('nothing twice at anybody of the crowd', report.doubles === 0, `${report.doubles}`);
  } finally {
    announcer.close();
    pairs.close();
    await crowd.leave();
  }
}

const latency = (all: readonly number[]): string =>
  `${milliseconds(quantile(all, 0.5))} / ${milliseconds(quantile(all, 0.99))}, ${all.length} messages`;
