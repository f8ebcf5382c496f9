/** The process in which a crowd lives, so that its work does not disturb what the run measures. Started by crowd.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { CrowdOrder, CrowdReport } from './crowd.ts';
import { CrowdMember } from './crowd-member.ts';
import { Random } from './random.ts';
import { inParallel, quantile } from './timing.ts';

const members: CrowdMember[] = [];
/** Latencies by the label under which they were measured. */
const measured = new Map<string, number[]>();
let measuring: number[] | undefined;

function measure(label: string | null): void {
  measuring = label === null ? undefined : (measured.get(label) ?? []);
  if (label !== null && measuring !== undefined) measured.set(label, measuring);
}

async function open({ url, tokens, count }: Extract<CrowdOrder, { do: 'open' }>): Promise<void> {
  const fresh = Array.from(
    { length: count },
    (_, n) => new CrowdMember(url, tokens[n % tokens.length] ?? '', (latency) => measuring?.push(latency)),
  );
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

function tell(): CrowdReport {
  const sum = (of: (member: CrowdMember) => number): number => members.reduce((total, member) => total + of(member), 0);
  return {
    members: members.length,
    slowestLast: members.reduce((least, member) => Math.min(least, member.last), Number.POSITIVE_INFINITY),
    gaps: sum((member) => member.gaps),
    doubles: sum((member) => member.doubles),
    lost: sum((member) => member.lost),
    recovered: members.filter((member) => member.recovered).length,
    p99: Object.fromEntries([...measured].map(([label, latencies]) => [label, quantile(latencies, 0.99)])),
  };
}

async function obey(order: CrowdOrder): Promise<CrowdReport & { tookMs: number }> {
  let tookMs = 0;
  if (order.do === 'open') await open(order);
  else if (order.do === 'cut') tookMs = await cutAll(order.seed);
  else if (order.do === 'measure') measure(order.as);
  else if (order.do === 'forget') measured.clear();
  return { ...tell(), tookMs };
}

process.on('message', (order: CrowdOrder) => {
  obey(order).then(
    (report) => process.send?.({ report }),
    (error: unknown) => process.send?.({ failed: String(error) }),
  );
});
process.on('disconnect', () => process.exit());
