import { setTimeout as sleep } from 'node:timers/promises';
import { isLess } from './receipts-model.ts';
import { giveReceipts, type Wrong } from './receipts-round.ts';
import { change, differences, settleTown, type Town } from './receipts-town.ts';
import { endQuietly } from './restarts.ts';
import type { Context, FaultRun } from './run.ts';
import { type ServerProcess, startServer } from './server-process.ts';
import type { Verdict } from './verdict.ts';

/** More than fifty, so that in one group senders hear counts. */
const many = 54;
const few = 8;
/** Longer than a sender waits for what has gathered. */
const untilTold = 1_200;

export const receipts: FaultRun = {
  name: 'receipts',
  summary:
    '1,000 random receipts a round, by anybody for anything, over REST and sockets, with kills: every status as a model says, none goes back',
  sabotage: 'lower-receipts',
  seenBy: 'every status is the model’s',
  rounds: { full: 100, short: 4 },
  run: async (context) => {
    const running = { server: await startServer(context.plan) };
    let town: Town | undefined;
    try {
      town = await settleTown(running.server.url, context.short ? few : many);
      tell(context.verdict, town, await rounds(context, town, running));
    } finally {
      for (const person of town?.people ?? []) person.leave();
      await endQuietly(running.server);
    }
  },
};

type Outcome = Readonly<{ wrong: Wrong; different: string[]; compared: number; kills: number }>;

async function rounds(context: Context, town: Town, running: { server: ServerProcess }): Promise<Outcome> {
  const { random, short, sabotaged } = context;
  const wrong: Wrong = { refusals: [], backwards: [], broken: [], refused: 0, given: 0 };
  const different: string[] = [];
  let compared = 0;
  let kills = 0;
  for (let round = 0; round < context.rounds && !(sabotaged && different.length > 0); round += 1) {
    await change(town, random);
    let killing: Promise<void> | undefined;
    const halfway = (): void => {
      if (round % 10 !== 1) return;
      kills += 1;
      killing = killAndStart(context, running);
    };
    await giveReceipts(town, random, { count: short ? 250 : 1_000, halfway, wrong });
    await killing;
    const found = await differences(town);
    compared += found.compared;
    different.push(...found.wrong.map((each) => `round ${round}, ${each}`));
  }
  await sleep(untilTold);
  return { wrong, different, compared, kills };
}

function tell(verdict: Verdict, town: Town, { wrong, different, compared, kills }: Outcome): void {
  const events = town.hearings.reduce((sum, hearing) => sum + hearing.events, 0);
  verdict.figure('receipts / refused / statuses compared', `${wrong.given} / ${wrong.refused} / ${compared}`);
  verdict.figure('kills / events to senders', `${kills} / ${events}`);
  demandNone(verdict, 'every status is the model’s at every reader', different);
  demandNone(verdict, 'no answer is less than one before', wrong.backwards);
  demandNone(verdict, 'refused is what is to be refused, and nothing else', wrong.refusals);
  demandNone(verdict, 'no answer is a failure of the server', wrong.broken);
  demandNone(verdict, 'senders hear what is, of their own messages only, and never less than before', misheard(town));
}

async function killAndStart({ plan }: Context, running: { server: ServerProcess }): Promise<void> {
  await running.server.end('SIGKILL');
  running.server = await startServer(plan);
}

function demandNone(verdict: Verdict, what: string, found: readonly string[]): void {
  const detail = found.length === 0 ? '' : `${found.length}, such as ${found.slice(0, 3).join(' | ')}`;
  verdict.demand(what, found.length === 0, detail);
}

/** What senders heard that was not theirs, or was never so; between the blocked and the blocker nothing is told. */
function misheard({ people, places, silent, hearings }: Town): string[] {
  const all = new Map(places.flatMap(({ said }) => said.map((message) => [message.id, message] as const)));
  return hearings.flatMap((hearing, person) => {
    const found = [...hearing.wrong];
    for (const [id, heard] of hearing.heard) {
      const message = all.get(id);
      if (message?.sender !== person) found.push(`person ${person} heard of a message of another's`);
      else if (message.place === silent) found.push(`person ${person} heard of one who is blocked`);
      const is = message?.place.shownTo(person, message);
      if (is !== undefined && isLess(is, heard)) found.push(`person ${person} heard ${heard} of what is ${is}`);
    }
    const others = silent.members.filter((member) => silent.has(person) && member !== person);
    for (const other of others) {
      if (hearing.named.has(people[other]?.account.id ?? '')) found.push(`person ${person} heard a blocked one named`);
    }
    return found;
  });
}
