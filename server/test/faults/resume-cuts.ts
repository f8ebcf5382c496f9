import { setTimeout as sleep } from 'node:timers/promises';

import type { Account } from './accounts.ts';
import { Oracle } from './oracle.ts';
import type { Cut } from './proxy.ts';
import { CuttingProxy } from './proxy.ts';
import type { Random } from './random.ts';
import type { Context } from './run.ts';
import type { ServerProcess } from './server-process.ts';
import { SteadyWriters } from './steady-writers.ts';
import type { StockClient } from './stock-client.ts';
import { openStockClient } from './stock-client.ts';
import { until } from './timing.ts';
import type { Village } from './village.ts';
import { demandAll, judge, settle } from './village.ts';

const peoplePerVillage = 20;
const cuts: readonly Cut[] = ['reset', 'reset', 'abandon', 'freeze'];

export type CutClient = Readonly<{ client: StockClient; proxy: CuttingProxy }>;

/** Stock clients, each behind a proxy of its own. `polling`: every fifth begins with it, as stock clients do by default. */
export async function openCutClients({
  village,
  oracle,
  port,
  count,
  polling,
}: {
  village: Village;
  oracle: Oracle;
  port: number;
  count: number;
  polling: boolean;
}): Promise<CutClient[]> {
  const clients: CutClient[] = [];
  for (let number = 0; number < count; number++) {
    const place = number % village.accounts.length;
    const account = village.accounts[place] as Account;
    const proxy = await CuttingProxy.to(port);
    const reader = oracle.addReader(`person ${place}, client ${number}`, village.conversations(place));
    const client = await openStockClient({
      url: proxy.url,
      token: account.token,
      reader,
      oracle,
      polling: polling && number % 5 === 4,
    });
    clients.push({ client, proxy });
  }
  return clients;
}

/** Cuts one client `times` times, often so soon after it came back that it is cut in the middle of what it missed. */
export async function cutOften(
  { client, proxy }: CutClient,
  times: number,
  random: Random,
  pause = 2500,
): Promise<void> {
  for (let time = 0; time < times; time++) {
    await until(() => client.socket.connected, 30_000);
    await sleep(random.chance(0.3) ? random.between(0, 30) : random.between(30, pause));
    const how = random.pick(cuts);
    const frozenFor = random.between(20, 600);
    // A client that was cut a moment ago may not know it yet, or be between two connections.
    await until(async () => (await proxy.cut(how, frozenFor)) > 0, 60_000, 5);
  }
}

/** The same clients are cut again and again while people write; each shall see everything once, in order. */
export async function cutAtRandom(
  context: Context,
  server: ServerProcess,
  { clients: count }: { clients: number },
): Promise<void> {
  const { verdict, random, rounds } = context;
  const oracle = new Oracle();
  const village = await settle(server.url, Math.min(peoplePerVillage, count));
  const clients = await openCutClients({ village, oracle, port: context.plan.port, count, polling: !context.short });
  const writers = new SteadyWriters({ url: server.url, village, oracle, random });
  try {
    await writers.start(100);
    await Promise.all(clients.map((client, number) => cutOften(client, rounds, random.fork(`cuts of ${number}`))));
    verdict.demand('everything was acknowledged', await writers.stop());
    await until(() => clients.every(({ client }) => client.socket.connected), 30_000);
    const lost = clients.reduce((sum, { client }) => sum + client.disconnections(), 0);
    verdict.figure('clients / cuts / connections lost', `${count} / ${count * rounds} / ${lost}`);
    verdict.demand('most cuts were felt', lost >= count * rounds * 0.6, `${lost} of ${count * rounds}`);
    demandAll(verdict, oracle, await judge(village, oracle));
  } finally {
    writers.close();
    await closeAll(clients);
  }
}

export async function closeAll(clients: readonly CutClient[]): Promise<void> {
  for (const { client } of clients) client.close();
  await Promise.all(clients.map(({ proxy }) => proxy.close()));
}
