/** Memory of authenticated connections that do nothing, against bare Socket.IO that checks a token, too. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Generator, openGenerator } from './generator.ts';
import type { BenchOptions } from './options.ts';
import { openStage, repositoryPath, requireOpenFiles, residentBytes, type Stage } from './process.ts';
import { type Goal, printCompared, whole } from './report.ts';
import { type ServerOptions, startBareSockets, startOurs, type Target } from './target.ts';

const GOAL: Goal = { bound: 'at most', value: 1.3 };
/** Sockets share accounts in tens, because each account costs a password hash to make. */
const SOCKETS_PER_PERSON = 10;
/** Connected before the baseline, so that code that is compiled by the first connection does not count. */
const FIRST_SOCKETS = 200;
const COLLECTIONS = 3;
const SETTLE_MS = 700;

/** Starts each server anew for each round; `--count` connections (3,000). */
export async function idle(options: BenchOptions): Promise<boolean> {
  const count = options.count ?? 3000;
  const rounds = options.rounds ?? 3;
  requireOpenFiles(count + FIRST_SOCKETS);
  const bare: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bare.push(await bytesPerConnection(startBareSockets, count));
    ours.push(await bytesPerConnection(options.selfCheck ? startBareSockets : startOurs, count));
  }
  console.log(
    `\n${whole(count)} idle authenticated connections, ${rounds} rounds, resident memory after a full collection`,
  );
  const goal = options.selfCheck ? undefined : GOAL;
  printCompared([{ name: 'bytes per connection', bare, ours, format: whole, goal }]);
  return true;
}

type Start = (stage: Stage, options: ServerOptions) => Promise<Target>;

async function bytesPerConnection(start: Start, count: number): Promise<number> {
  const stage = openStage();
  const generator = openGenerator();
  try {
    const collecting = { NODE_OPTIONS: `--expose-gc --import=${repositoryPath('bench/collect.ts')}` };
    const target = await start(stage, { environment: collecting });
    await connectSockets(generator, target, FIRST_SOCKETS);
    const before = await settledBytes(target.pid);
    await connectSockets(generator, target, count);
    return ((await settledBytes(target.pid)) - before) / count;
  } finally {
    await generator.close();
    await stage.close();
  }
}

async function connectSockets(generator: Generator, target: Target, count: number): Promise<void> {
  const people = await target.people(Math.ceil(count / SOCKETS_PER_PERSON));
  const sockets = Array.from({ length: count }, (_, index) => people[index % people.length]);
  await generator.connect(
    'idle',
    target.url,
    sockets.flatMap((person) => person ?? []),
  );
}

async function settledBytes(pid: number): Promise<number> {
  for (let collection = 0; collection < COLLECTIONS; collection += 1) {
    process.kill(pid, 'SIGUSR2');
    await sleep(SETTLE_MS);
  }
  return residentBytes(pid);
}
