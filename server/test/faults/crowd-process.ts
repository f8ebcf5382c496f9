/** The process in which a crowd lives, so that its work does not disturb what the run measures. Started by crowd.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CrowdOrder, CrowdReport } from './crowd.ts';
import { CrowdMember } from './crowd-member.ts';
import { Random } from './random.ts';
import { inParallel, quantile } from './timing.ts';

const members: CrowdMember[] = [];

async function open({ url, tokens, count }: Extract<CrowdOrder, { do: 'open' }>): Promise<void> {
  const fresh = Array.from({ length: count }, (_, n) => new CrowdMember(url, tokens[n % tokens.length] ?? ''));
  await inParallel(fresh, 50, (member) => member.open());
  members.push(...fresh);
}

/** Stock clients come back after one second, give or take a half; they go on trying when they are refused. */
async function comeBack(member: CrowdMember, random: Random): Promise<void> {
  for (let attempt = 0; attempt < 20; attempt++) {
    await sleep(random.between(500, 1500));
    try {
      return await member.open();
    } catch {
      member.cut();
    }
  }
  throw new Error('a member of the crowd could not come back');
}

async function cutAll(seed: number): Promise<number> {
  const random = new Random(seed);
  const began = performance.now();
  for (const member of members) member.cut();
  await Promise.all(members.map((member) => comeBack(member, random)));
  return performance.now() - began;
}

function measure(on: boolean): void {
  for (const member of members) {
    member.measuring = on;
    if (on) member.latencies.length = 0;
  }
}

function tell(): CrowdReport {
  const reading = members.filter((member) => !member.stalled);
  const latencies = reading.flatMap((member) => member.latencies);
  const sum = (of: (member: CrowdMember) => number): number => reading.reduce((total, member) => total + of(member), 0);
  return {
    members: members.length,
    slowestLast: reading.reduce((least, member) => Math.min(least, member.last), Number.POSITIVE_INFINITY),
    gaps: sum((member) => member.gaps),
    doubles: sum((member) => member.doubles),
    lost: sum((member) => member.lost),
    recovered: reading.filter((member) => member.recovered).length,
    heard: latencies.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
  };
}

async function obey(order: CrowdOrder): Promise<CrowdReport & { tookMs: number }> {
  let tookMs = 0;
  if (order.do === 'open') await open(order);
  else if (order.do === 'cut') tookMs = await cutAll(order.seed);
  else if (order.do === 'measure') measure(order.on);
  else if (order.do === 'stall') for (const member of members.slice(-order.count)) member.stall();
  else if (order.do === 'leave') for (const member of members.splice(-order.count)) member.cut();
  return { ...tell(), tookMs };
}

process.on('message', (order: CrowdOrder) => {
  obey(order).then(
    (report) => process.send?.({ report }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
