import type { Account } from './accounts.ts';
import { Oracle } from './oracle.ts';
import { CuttingProxy } from './proxy.ts';
import { writeBacklog } from './resume-backlog.ts';
import { closeAll } from './resume-cuts.ts';
import type { Context } from './run.ts';
import type { ServerProcess } from './server-process.ts';
import { openStockClient } from './stock-client.ts';
import { until } from './timing.ts';
import { demandAll, judge, settle } from './village.ts';

/** A client on a slow line comes back after a long time. It shall get everything on the connection it came back with. */
export async function trickle(
  context: Context,
  server: ServerProcess,
  plan: { backlog: number; bytesPerSecond: number },
): Promise<void> {
  const { verdict } = context;
  const oracle = new Oracle();
  const village = await settle(server.url, 2);
  const account = village.accounts[1] as Account;
  const proxy = await CuttingProxy.to(context.plan.port);
  const reader = oracle.addReader('slow line', village.conversations(1));
  const client = await openStockClient({ url: proxy.url, token: account.token, reader, oracle });
  try {
    proxy.refuse(true);
    await proxy.cut();
    verdict.demand(
      'the backlog was acknowledged',
      await writeBacklog({ server, village, oracle, count: plan.backlog }),
    );
    const before = client.disconnections();
    const began = performance.now();
    proxy.throttle(plan.bytesPerSecond);
    proxy.refuse(false);
    // Twice what 500 bytes a message would take.
    const patience = 10_000 + (plan.backlog * 500 * 2 * 1000) / plan.bytesPerSecond;
    const caughtUp = await until(
      () => reader.seen.length >= plan.backlog || client.disconnections() > before,
      patience,
      50,
    );
    const seconds = (performance.now() - began) / 1000;
    verdict.figure('messages read / seconds', `${reader.seen.length} / ${seconds.toFixed(1)}`);
    verdict.demand(
      'it was not cut while it read',
      caughtUp && client.disconnections() === before,
      `${client.disconnections() - before} cuts`,
    );
    demandAll(verdict, oracle, await judge(village, oracle));
  } finally {
    await closeAll([{ client, proxy }]);
  }
}
