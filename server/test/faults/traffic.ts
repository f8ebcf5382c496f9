import { setTimeout as sleep } from 'node:timers/promises';

import type { Oracle } from './oracle.ts';
import { Outbox } from './outbox.ts';
import type { Random } from './random.ts';
import { sendByRest } from './rest-sender.ts';
import type { StockClient } from './stock-client.ts';
import { openStockClient } from './stock-client.ts';
import type { Village } from './village.ts';

export type TrafficPlan = Readonly<{
  url: string;
  village: Village;
  oracle: Oracle;
  random: Random;
  /** Sockets for each account beyond the one that it writes with. */
  moreReaders?: number;
  /** Messages that one writer may have under way. */
  window?: number;
  /** The longest pause of a writer between two messages, in milliseconds. */
  pause?: number;
  /** How many accounts write over REST too, and how many write over their socket. */
  restWriters?: number;
  writers?: number;
  /** Whether every third account has a socket that begins with long polling, as stock clients do by default. */
  polling?: boolean;
}>;

const patience = 60_000;

/** Everybody in a village writes, directly and to the group, over sockets and REST, until told to stop. */
export class Traffic {
  readonly #plan: TrafficPlan;
  readonly #clients: StockClient[] = [];
  readonly #outboxes: Outbox[] = [];
  readonly #writing: Promise<unknown>[] = [];
  #stopped = false;
  #count = 0;

  private constructor(plan: TrafficPlan) {
    this.#plan = plan;
  }

  static async start(plan: TrafficPlan): Promise<Traffic> {
    const traffic = new Traffic(plan);
    const { village, oracle, url, moreReaders = 1 } = plan;
    for (const [place, account] of village.accounts.entries()) {
      for (let number = 0; number <= moreReaders; number++) {
        const reader = oracle.addReader(`person ${place}, socket ${number}`, village.conversations(place));
        const client = await openStockClient({
          url,
          token: account.token,
          reader,
          oracle,
          polling: plan.polling === true && number === 1 && place % 3 === 0,
        });
        traffic.#clients.push(client);
        if (number > 0 || place >= (plan.writers ?? Number.POSITIVE_INFINITY)) continue;
        traffic.#outboxes.push(new Outbox(client.socket, oracle, account.id));
      }
    }
    for (const [place, outbox] of traffic.#outboxes.entries()) traffic.#writing.push(traffic.#write(place, outbox));
    for (let place = 0; place < (plan.restWriters ?? 0); place++) traffic.#writing.push(traffic.#writeByRest(place));
    return traffic;
  }

  /** How often a message was sent again because it was not acknowledged yet. */
  get repeats(): number {
    return this.#outboxes.reduce((sum, outbox) => sum + outbox.repeats, 0);
  }

  get reconnections(): number {
    return this.#clients.reduce((sum, client) => sum + client.disconnections(), 0);
  }

  /** No new messages; `true` when everything under way was acknowledged in time. */
  async stop(): Promise<boolean> {
    this.#stopped = true;
    const restDone = await Promise.all(this.#writing);
    const emptied = await Promise.all(this.#outboxes.map((outbox) => outbox.empty(patience)));
    return [...restDone, ...emptied].every((done) => done !== false);
  }

  close(): void {
    this.#stopped = true;
    for (const outbox of this.#outboxes) outbox.close();
    for (const client of this.#clients) client.close();
  }

  #key(place: number): string {
    return `t${this.#plan.random.seed}-${place}-${String(this.#count++).padStart(6, '0')}`;
  }

  async #write(place: number, outbox: Outbox): Promise<void> {
    const { village, random, window = 4, pause = 30 } = this.#plan;
    const own = random.fork(`writer ${place}`);
    while (!this.#stopped) {
      const target = own.chance(0.4) ? village.group : village.direct(place);
      if (outbox.waiting < window) outbox.send(this.#key(place), target);
      await sleep(own.between(0, pause));
    }
  }

  async #writeByRest(place: number): Promise<boolean> {
    const { village, oracle, random } = this.#plan;
    const own = random.fork(`rest writer ${place}`);
    const account = village.accounts[place];
    while (account !== undefined && !this.#stopped) {
      const target = own.chance(0.4) ? village.group : village.direct(place);
      const deadline = performance.now() + patience;
      if (!(await sendByRest(account, { key: this.#key(place), target, oracle, deadline }))) return false;
      await sleep(own.between(0, 60));
    }
    return true;
  }
}
