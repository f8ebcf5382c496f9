import type { Account } from './accounts.ts';
import { Oracle } from './oracle.ts';
import type { Target } from './outbox.ts';
import { Outbox } from './outbox.ts';
import { closeAll, cutOften, openCutClients } from './resume-cuts.ts';
import type { Context } from './run.ts';
import type { ServerProcess } from './server-process.ts';
import { openStockClient } from './stock-client.ts';
import { until } from './timing.ts';
import type { Village } from './village.ts';
import { demandAll, judge, settle, untilShown } from './village.ts';

/** Writes `count` messages as fast as the server takes them, a part to the group and a part directly. */
export async function writeBacklog({
  server,
  village,
  oracle,
  count,
  rest = '',
}: {
  server: ServerProcess;
  village: Village;
  oracle: Oracle;
  count: number;
  rest?: string;
}): Promise<boolean> {
  const account = village.accounts[0] as Account;
  const reader = oracle.addReader('writer of the backlog', village.conversations(0));
  const client = await openStockClient({ url: server.url, token: account.token, reader, oracle });
  const outbox = new Outbox(client.socket, oracle, account.id);
  const targets: readonly Target[] = [village.group, village.direct(0)];
  for (let number = 0; number < count; number++) {
    await until(() => outbox.waiting < 200, 30_000, 2);
    outbox.send(`b-${String(number).padStart(6, '0')}`, targets[number % 2] ?? village.group, rest);
  }
  const done = await outbox.empty(60_000);
  // While a new connection still catches up its answers come before its events: it must not leave with the last of those.
  await until(() => reader.seen.length >= count, 30_000, 5);
  outbox.close();
  client.close();
  return done;
}

/** Clients are kept away while others write, and are cut again and again while they catch up. */
export async function holdBack(
  context: Context,
  server: ServerProcess,
  plan: { clients: number; backlog: number },
): Promise<void> {
  const { verdict, random, rounds } = context;
  const oracle = new Oracle();
  const village = await settle(server.url, 2);
  const clients = await openCutClients({
    village,
    oracle,
    port: context.plan.port,
    count: plan.clients,
    polling: !context.short,
  });
  try {
    for (const { proxy } of clients) proxy.refuse(true);
    await Promise.all(clients.map(({ proxy }) => proxy.cut()));
    verdict.demand(
      'the backlog was acknowledged',
      await writeBacklog({ server, village, oracle, count: plan.backlog }),
    );
    const began = performance.now();
    for (const { proxy } of clients) proxy.refuse(false);
    await Promise.all(
      clients.map((client, number) => cutOften(client, Math.ceil(rounds / 4), random.fork(`cuts of ${number}`), 200)),
    );
    const caughtUp = await untilShown(
      clients.map(({ client }) => client.reader),
      ({ seen }) => seen.length >= plan.backlog,
    );
    verdict.demand('everybody caught up', caughtUp);
    verdict.figure('backlog / until everybody had it', `${plan.backlog} / ${Math.round(performance.now() - began)} ms`);
    demandAll(verdict, oracle, await judge(village, oracle));
  } finally {
    await closeAll(clients);
  }
}
