import { setTimeout as sleep } from 'node:timers/promises';

import { Oracle } from './oracle.ts';
import { Repeaters } from './repeats.ts';
import { endQuietly } from './restarts.ts';
import type { FaultRun } from './run.ts';
import { startServer } from './server-process.ts';
import { demandAll, judge, settle } from './village.ts';

export const retry: FaultRun = {
  name: 'retry',
  summary:
    'each send one to five times with its clientId, across reconnections and a SIGKILL: exactly one message each',
  sabotage: 'forget-keys',
  seenBy: 'none twice',
  rounds: { full: 400, short: 40 },
  run: async (context) => {
    const { verdict, random } = context;
    let server = await startServer(context.plan);
    const oracle = new Oracle();
    const village = await settle(server.url, 4);
    const senders = await Repeaters.open({ url: server.url, village, oracle, random });
    try {
      for (let number = 0; number < context.rounds; number++) {
        senders.first(number);
        if (number === Math.floor(context.rounds / 2)) {
          await server.end('SIGKILL');
          server = await startServer(context.plan);
        }
        if (random.chance(0.2)) await sleep(random.between(0, 10));
      }
      await senders.repeat('before a cut');
      senders.cutAll();
      await senders.repeat('after a cut');
      await server.end('SIGKILL');
      server = await startServer(context.plan);
      await senders.repeat('after the restart');
      await senders.repeat('over REST');
      verdict.demand('everything was acknowledged in the end', await senders.settled(30_000));
      await senders.repeat('long after');
      verdict.demand('every repeat was answered', await senders.answered(30_000), senders.tally());
      const changed = await senders.changeInput(Math.min(20, context.rounds));
      verdict.demand(
        'the same key with other input is a conflict',
        changed.refused === changed.tried && changed.tried > 0,
        `${changed.refused} of ${changed.tried}`,
      );
      demandAll(verdict, oracle, await judge(village, oracle));
    } finally {
      senders.close();
      await endQuietly(server);
    }
  },
};
