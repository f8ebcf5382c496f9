import { execFile } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Row } from './findings.ts';
import { Oracle } from './oracle.ts';
import { cutPoints, Replay } from './power-replay.ts';
import { endQuietly } from './restarts.ts';
import type { Context, FaultRun } from './run.ts';
import { Unavailable } from './run.ts';
import { startServer } from './server-process.ts';
import type { TraceEvent } from './strace.ts';
import { readTrace, straceWrapper } from './strace.ts';
import { median } from './timing.ts';
import { Traffic } from './traffic.ts';
import { milliseconds } from './verdict.ts';
import type { Village } from './village.ts';
import { settle } from './village.ts';

export const power: FaultRun = {
  name: 'power',
  summary: 'the power is cut at random moments, and only what was synced is left: everything acknowledged is there',
  sabotage: 'sync-normal',
  seenBy: 'everything promised before the cut',
  rounds: { full: 50, short: 6 },
  run: async (context) => {
    const { verdict, engine } = context;
    if (engine !== 'sqlite')
      throw new Unavailable('The power run replays SQLite files; PostgreSQL keeps its own promises.');
    await demandStrace();
    const { village, keys, trace } = await record(context);
    const events = await readTrace(trace, context.plan.dataDir);
    const replay = new Replay(context.plan.dataDir, keys);
    verdict.figure(
      'trace: size / events',
      `${Math.round((await stat(trace)).size / 1024 / 1024)} MB / ${events.length}`,
    );
    verdict.demand('the trace shows writes, syncs and answers', looksWhole(events), tally(events));
    await rm(trace);
    const cuts = cutPoints(events, { keys, count: context.rounds, random: context.random.fork('cuts') });
    await cutEach(context, { village, replay, events, cuts });
  },
};

async function demandStrace(): Promise<void> {
  try {
    await promisify(execFile)('strace', ['-f', '-o', '/dev/null', 'true']);
  } catch {
    throw new Unavailable(
      'The power run needs a working strace: install it with "apt-get install strace" and allow ptrace.',
    );
  }
}

/** A modest load on a traced server, which is then killed, so that nothing is tidied up. */
async function record(context: Context): Promise<{ village: Village; keys: RegExp; trace: string }> {
  const { plan, random, short } = context;
  const trace = join(context.folder, 'trace');
  const server = await startServer({
    ...plan,
    wrapper: straceWrapper(trace),
    env: { ...plan.env, UV_USE_IO_URING: '0' },
  });
  const oracle = new Oracle();
  const village = await settle(server.url, 4);
  const load = { url: server.url, village, oracle, random, moreReaders: 0, restWriters: 1, pause: 25 };
  const traffic = await Traffic.start(load);
  await sleep(short ? 2500 : 15_000);
  await traffic.stop();
  traffic.close();
  await server.end('SIGKILL');
  // The tracer is a process of its own; the trace is whole once it has stopped growing.
  for (let size = -1, now = 0; size !== now; await sleep(200)) [size, now] = [now, (await stat(trace)).size];
  return { village, keys: new RegExp(`t${random.seed}-\\d-\\d{6}`, 'g'), trace };
}

const looksWhole = (events: readonly TraceEvent[]): boolean =>
  ['write', 'sync-end', 'leave'].every((kind) => events.some((event) => event.kind === kind));

function tally(events: readonly TraceEvent[]): string {
  const counts = new Map<string, number>();
  for (const { kind } of events) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
}

type Course = { village: Village; replay: Replay; events: readonly TraceEvent[]; cuts: readonly number[] };

/** Walks through the trace once; at each cut a server is started on what is left, and asked for everything it promised. */
async function cutEach(context: Context, { village, replay, events, cuts }: Course): Promise<void> {
  const { verdict, random } = context;
  const failures: string[] = [];
  const starts: number[] = [];
  let promised = 0;
  let at = 0;
  for (const [number, cut] of cuts.entries()) {
    for (; at < cut; at++) replay.take(events[at] as TraceEvent);
    const torn = number % 2 === 1;
    const folder = join(context.folder, `cut-${number}`);
    await replay.rebuild(folder, torn ? random.fork(`cut ${number}`) : undefined);
    promised += replay.promised.size;
    const outcome = await ask(context, { folder, village, promised: replay.promised });
    if (outcome.startedIn !== undefined) starts.push(outcome.startedIn);
    if (outcome.wrong === '') await rm(folder, { recursive: true });
    else failures.push(`cut ${number}${torn ? ' (torn)' : ''}, after event ${cut}: ${outcome.wrong}`);
  }
  verdict.figure('cuts / messages promised before them, in all', `${cuts.length} / ${promised}`);
  verdict.figure(
    'from spawn until it serves again, median / max',
    `${milliseconds(median(starts))} / ${milliseconds(Math.max(...starts))}`,
  );
  verdict.demand('there was something to lose', promised > 0 && cuts.length > 0);
  const told = failures.slice(0, 3).join('; ');
  verdict.demand(
    'everything promised before the cut is there, once',
    failures.length === 0,
    `${cuts.length - failures.length} of ${cuts.length} cuts${told === '' ? '' : `; ${told}`}`,
  );
}

async function ask(
  { plan }: Context,
  { folder, village, promised }: { folder: string; village: Village; promised: ReadonlySet<string> },
): Promise<{ startedIn?: number; wrong: string }> {
  let server: Awaited<ReturnType<typeof startServer>> | undefined;
  try {
    server = await startServer({ ...plan, dataDir: folder });
    const rows = [...(await village.histories()).values()].flat();
    return { startedIn: server.startedIn, wrong: compare(rows, promised) };
  } catch (error) {
    return { wrong: `the server could not be asked: ${error instanceof Error ? error.message : String(error)}` };
  } finally {
    if (server) await endQuietly(server);
  }
}

function compare(rows: readonly Row[], promised: ReadonlySet<string>): string {
  const there = new Set(rows.map(({ key }) => key));
  const lost = [...promised].filter((key) => !there.has(key));
  if (lost.length > 0) return `${lost.length} of ${promised.size} promised messages lost, such as ${lost[0]}`;
  return there.size === rows.length ? '' : `${rows.length - there.size} messages are there twice`;
}
