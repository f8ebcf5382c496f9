import { table } from '../authorization/table.ts';
import { answersTo, heading, lineOf } from '../authorization/walk.ts';
import { openWorld } from '../authorization/world.ts';
import { signIn } from './people.ts';
import { endQuietly } from './restarts.ts';
import type { FaultRun } from './run.ts';
import { startServer } from './server-process.ts';

export const authorization: FaultRun = {
  name: 'authorization',
  summary: 'every route and event is asked for by seven people, from nobody to an administrator: the table, as it is',
  sabotage: 'everybody-writes',
  seenBy: 'POST /api/v1/messages',
  rounds: { full: 1, short: 1 },
  run: async ({ verdict, plan }) => {
    const server = await startServer(plan);
    const closing: (() => void)[] = [];
    const t = { after: (close?: unknown) => void (typeof close === 'function' && closing.push(() => close())) };
    try {
      const [admin] = await signIn(server.url, 1);
      if (admin === undefined) throw new Error('nobody there');
      const world = await openWorld({ url: server.url, admin, sign: (count) => signIn(server.url, count) });
      verdict.say(`       ${heading}`);
      for (const row of table) {
        const found = await answersTo(t, world, row);
        verdict.demand(lineOf(row, found), found === row.answers, found === row.answers ? '' : `not ${row.answers}`);
      }
    } finally {
      for (const close of closing) close();
      await endQuietly(server);
    }
  },
};
