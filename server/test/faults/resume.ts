import { endQuietly } from './restarts.ts';
import { holdBack } from './resume-backlog.ts';
import { cutAtRandom } from './resume-cuts.ts';
import { storm } from './resume-storm.ts';
import { trickle } from './resume-trickle.ts';
import type { Context, FaultRun } from './run.ts';
import type { ServerProcess } from './server-process.ts';
import { startServer } from './server-process.ts';

/** Each part gets a server with a data folder of its own. Once a sabotage has shown itself the rest is left out. */
async function withServer(
  context: Context,
  name: string,
  options: { env?: Record<string, string>; part: (server: ServerProcess) => Promise<void> },
): Promise<void> {
  if (context.sabotaged && context.verdict.broken.length > 0) return;
  context.verdict.say(name);
  const { plan } = context;
  const fresh = {
    ...plan,
    dataDir: `${plan.dataDir}-${name.replaceAll(/\W+/g, '-')}`,
    env: { ...plan.env, ...options.env },
  };
  const server = await startServer(fresh);
  try {
    await options.part(server);
  } finally {
    await endQuietly(server);
  }
}

export const resume: FaultRun = {
  name: 'resume',
  summary:
    'clients cut at random, a backlog of 10,000, thousands cut at once, one that reads 50 KB/s: no gap, nothing twice',
  sabotage: 'skip-at-handover',
  seenBy: 'no gap at any reader',
  rounds: { full: 20, short: 3 },
  run: async (context) => {
    const { short } = context;
    await withServer(context, 'cut at random, access tokens of 5 seconds', {
      env: { ACCESS_TOKEN_SECONDS: '5' },
      part: (server) => cutAtRandom(context, server, { clients: short ? 10 : 200 }),
    });
    await withServer(context, 'cut at random while catching up with a backlog', {
      part: (server) => holdBack(context, server, { clients: short ? 3 : 20, backlog: short ? 1200 : 10_000 }),
    });
    await withServer(context, 'all cut at once', {
      part: (server) =>
        storm(context, server, short ? { crowd: 100, pairs: 5, seconds: 1 } : { crowd: 5000, pairs: 50, seconds: 10 }),
    });
    await withServer(context, 'a reader at 50 KB/s', {
      part: (server) => trickle(context, server, { backlog: short ? 300 : 10_000, bytesPerSecond: 50_000 }),
    });
  },
};
