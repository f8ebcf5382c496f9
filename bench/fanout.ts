/** One group message to many members, against a bare Socket.IO room. */
import type { BroadcastResult } from './broadcast.ts';
import { type Generator, openGenerator } from './generator.ts';
import type { BenchOptions } from './options.ts';
import { createBenchDatabase } from './postgres.ts';
import { openStage, requireOpenFiles } from './process.ts';
import { type Compared, type Goal, microseconds, milliseconds, printCompared, whole } from './report.ts';
import { startBareSockets, startOurs, type Target } from './target.ts';

const SIZES = [1000, 5000];
/** Before the first round of a size. */
const CATCH_UP_SECONDS = 5;
const GOAL: Goal = { bound: 'at most', value: 1.2 };

interface Side {
  label: 'bare' | 'ours';
  target: Target;
  /** One group for each size. */
  groups: string[];
}

/** Each member is an authenticated socket of a person of their own; the groups share their first members. */
export async function fanout(options: BenchOptions): Promise<boolean> {
  const sizes = options.count ? [options.count] : SIZES;
  const most = Math.max(...sizes);
  requireOpenFiles(most * 2);
  const stage = openStage();
  const generator = openGenerator();
  const database = options.engine === 'postgres' && !options.selfCheck ? await createBenchDatabase() : undefined;
  try {
    const ours = options.selfCheck
      ? await startBareSockets(stage)
      : await startOurs(stage, { databaseUrl: database?.url });
    const sides: Side[] = [
      { label: 'bare', target: await startBareSockets(stage), groups: [] },
      { label: 'ours', target: ours, groups: [] },
    ];
    for (const { label, target, groups } of sides) {
      const people = await target.people(most);
      for (const size of sizes) groups.push(await target.group(people.slice(0, size)));
      await generator.connect(label, target.url, people);
    }
    let sound = true;
    for (const [index, size] of sizes.entries()) {
      sound = (await measureSize(generator, sides, { index, size }, options)) && sound;
    }
    return sound;
  } finally {
    await generator.close();
    await stage.close();
    await database?.drop();
  }
}

async function measureSize(
  generator: Generator,
  sides: Side[],
  { index, size }: { index: number; size: number },
  options: BenchOptions,
): Promise<boolean> {
  const rounds = options.rounds ?? 6;
  const seconds = options.seconds ?? 3;
  const samples: Record<Side['label'], BroadcastResult[]> = { bare: [], ours: [] };
  let sound = true;
  // Members who have just connected catch up first; nothing is everybody's before they have.
  for (const { label, target, groups } of sides) {
    await generator.broadcast(label, size, {
      groupId: groups[index] ?? '',
      seconds: CATCH_UP_SECONDS,
      serverPid: target.pid,
    });
  }
  for (let round = 0; round < rounds; round += 1) {
    for (const { label, target, groups } of round % 2 === 0 ? sides : sides.toReversed()) {
      const load = { groupId: groups[index] ?? '', seconds, serverPid: target.pid };
      const taken = await generator.broadcast(label, size, load);
      samples[label].push(taken);
      for (const fault of taken.faults) console.log(`  FAULT (${label}): ${fault}`);
      sound &&= taken.faults.length === 0;
    }
  }
  const compared = (
    name: string,
    figure: (result: BroadcastResult) => number,
    format: (value: number) => string,
    goal?: Goal,
  ): Compared => ({ name, bare: samples.bare.map(figure), ours: samples.ours.map(figure), format, goal });
  console.log(`\none message at a time to ${whole(size)} members, ${rounds} rounds of ${seconds} s, ${options.engine}`);
  printCompared([
    compared(
      'server CPU per delivery',
      (r) => r.serverCpuMicros / r.deliveries,
      microseconds,
      options.selfCheck ? undefined : GOAL,
    ),
    compared('messages in a round', (r) => r.messages, whole),
    compared('send → last member p50', (r) => r.lastP50, milliseconds),
    compared('send → last member p99', (r) => r.lastP99, milliseconds),
  ]);
  return sound;
}
