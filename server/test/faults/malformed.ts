import { setTimeout as sleep } from 'node:timers/promises';
import { table } from '../authorization/table.ts';
import { openWorld, type World } from '../authorization/world.ts';
import { heldBytes } from './inspector.ts';
import { LeanClient } from './lean-client.ts';
import { type EventSample, StrangeFrames } from './malformed-frames.ts';
import { type Sample, StrangeRequests } from './malformed-requests.ts';
import { signIn } from './people.ts';
import { endQuietly } from './restarts.ts';
import type { Context, FaultRun } from './run.ts';
import { freePort, startServer } from './server-process.ts';
import { quantile, until } from './timing.ts';
import { milliseconds, round } from './verdict.ts';

const ratioAtMost = 1.5;
const heldAtMost = 96 * 1024 * 1024;
/** Requests, or frames, that are under way at a time. */
const atOnce = 8;

export const malformed: FaultRun = {
  name: 'malformed',
  summary:
    'generated requests and frames that are wrong in every way: no 5xx, no exit, memory bounded, others as quick',
  sabotage: 'unguarded-content',
  seenBy: 'no frame is answered with a failure of the server',
  rounds: { full: 100_000, short: 3_000 },
  run: async (context) => {
    const inspected = await freePort();
    const server = await startServer({ ...context.plan, nodeArgs: [`--inspect=127.0.0.1:${inspected}`] });
    let exited = false;
    void server.exited.then(() => {
      exited = true;
    });
    try {
      await assail(context, { url: server.url, inspected, hasExited: () => exited });
    } finally {
      await endQuietly(server);
    }
  },
};

type Target = Readonly<{ url: string; inspected: number; hasExited: () => boolean }>;

async function assail(
  { verdict, random, rounds, short }: Context,
  { url, inspected, hasExited }: Target,
): Promise<void> {
  const [admin, ...people] = await signIn(url, 8);
  if (admin === undefined) throw new Error('nobody there');
  const world = await openWorld({
    url,
    admin,
    sign: async (count) => (count === 5 ? people.slice(0, 5) : people.slice(5, 6)),
  });
  // The sixth is the one whose session is spent on questions about sessions.
  const tokens = people.filter((_, place) => place !== 5).map(({ token }) => token);
  const { requests: samples, events } = await samplesFrom(world);
  const requests = new StrangeRequests(url, { random: random.fork('requests'), samples, tokens });
  const frames = Array.from(
    { length: atOnce },
    (_, n) => new StrangeFrames(url, { random: random.fork(`frames ${n}`), samples: events, tokens }),
  );
  const others = new Others(url, tokens);
  await others.open();
  const blocks = short ? 2 : 40;
  let before = Number.NaN;
  for (let block = 0; block < blocks; block++) {
    const size = Math.floor(rounds / blocks / atOnce);
    await others.during('ordinary', async () => {
      await lanes(atOnce, size / 2, () => requests.sendOrdinary());
      await lanes(atOnce, size / 2, (lane) => frames[lane]?.sendOrdinary() ?? Promise.resolve());
    });
    await others.during('strange', async () => {
      await lanes(atOnce, size, () => requests.send());
      await lanes(atOnce, size, (lane) => frames[lane]?.send() ?? Promise.resolve());
    });
    if (block === 0) before = await heldBytes(inspected);
  }
  const after = hasExited() ? Number.NaN : await heldBytes(inspected);
  requests.close();
  for (const one of frames) one.close();
  others.close();
  report({ verdict, short }, { requests, frames, others, grown: after - before, hasExited });
}

type Found = Readonly<{
  requests: StrangeRequests;
  frames: readonly StrangeFrames[];
  others: Others;
  grown: number;
  hasExited: () => boolean;
}>;

function report(
  { verdict, short }: Pick<Context, 'verdict' | 'short'>,
  { requests, frames, others, grown, hasExited }: Found,
): void {
  const statuses = [...requests.statuses].sort(([one], [other]) => one - other);
  verdict.figure('answers by status (0: none)', statuses.map(([status, count]) => `${status}: ${count}`).join(', '));
  const sent = frames.reduce((sum, one) => sum + one.sent, 0);
  verdict.figure(
    'frames, and connections they took',
    `${sent}, ${frames.reduce((sum, one) => sum + one.connections, 0)}`,
  );
  verdict.demand('no request is answered with 5xx', requests.failures.length === 0, requests.failures.join(' | '));
  const failures = frames.flatMap((one) => one.failures);
  verdict.demand('no frame is answered with a failure of the server', failures.length === 0, failures.join(' | '));
  verdict.demand('the server is still there', !hasExited());
  verdict.demand(
    'memory is bounded',
    grown <= heldAtMost,
    `${round(Math.round(grown / 1024 / 1024))} MB more than after the first block`,
  );
  const [ordinary, strange] = [others.p99('ordinary'), others.p99('strange')];
  const ratio = strange / ordinary;
  verdict.figure(
    "the others' p99 among ordinary ones / strange ones",
    `${milliseconds(ordinary)} / ${milliseconds(strange)}`,
  );
  // A short run has too few questions for a fair ratio.
  if (short) verdict.figure("ratio of the others' p99", ratio.toFixed(2));
  else verdict.demand("the others' p99 at most 1.5 times", ratio <= ratioAtMost, ratio.toFixed(2));
}

/** What each row of the table asks, as its owner would: what is right, for something to be wrong with. */
async function samplesFrom(world: World): Promise<{ requests: Sample[]; events: EventSample[] }> {
  const requests: Sample[] = [];
  const events: EventSample[] = [];
  for (const { name, ask } of table) {
    const { params = {}, body = {} } = await ask(world, 'member');
    const [method = '', path] = name.split(' ');
    if (path === undefined) events.push({ event: name, input: { ...body } });
    else
      requests.push({
        method,
        path: path.replaceAll(/:(\w+)/g, (_, field: string) => params[field] ?? 'x'),
        body: { ...body },
      });
  }
  return { requests, events };
}

async function lanes(count: number, each: number, act: (lane: number) => Promise<void>): Promise<void> {
  const lane = async (_: unknown, number: number): Promise<void> => {
    for (let done = 0; done < each; done++) await act(number);
  };
  await Promise.all(Array.from({ length: count }, lane));
}

/** Somebody who only wants an answer, meanwhile. */
class Others {
  readonly #client: LeanClient;
  readonly #sent = new Map<number, number>();
  readonly #took = { ordinary: [] as number[], strange: [] as number[] };
  #among: 'ordinary' | 'strange' = 'ordinary';

  constructor(url: string, [token = '']: readonly string[]) {
    this.#client = new LeanClient(url, token, {
      answer: (number) => {
        const at = this.#sent.get(number);
        this.#sent.delete(number);
        if (at !== undefined) this.#took[this.#among].push(performance.now() - at);
      },
    });
  }

  open(): Promise<void> {
    return this.#client.open();
  }

  /** Asks every 10 milliseconds, until the work is done and everything is answered. */
  async during(among: 'ordinary' | 'strange', work: () => Promise<void>): Promise<void> {
    this.#among = among;
    let over = false;
    const asking = (async () => {
      while (!over) {
        this.#sent.set(this.#client.emit('message', { message: 'still there?' }), performance.now());
        await sleep(10);
      }
    })();
    await work();
    over = true;
    await asking;
    if (!(await until(() => this.#sent.size === 0, 20_000))) throw new Error('others are not answered any more');
  }

  /** Of the time to an answer, in milliseconds. */
  p99(among: 'ordinary' | 'strange'): number {
    return quantile(this.#took[among], 0.99);
  }

  close(): void {
    this.#client.cut();
  }
}
