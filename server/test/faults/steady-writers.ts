import { setTimeout as sleep } from 'node:timers/promises';

import type { Oracle } from './oracle.ts';
import { Outbox } from './outbox.ts';
import type { Random } from './random.ts';
import type { StockClient } from './stock-client.ts';
import { openStockClient } from './stock-client.ts';
import type { Village } from './village.ts';

type Plan = Readonly<{ url: string; village: Village; oracle: Oracle; random: Random }>;

/** The first two people of a village write, on connections that nobody cuts. */
export class SteadyWriters {
  readonly #plan: Plan;
  readonly #clients: StockClient[] = [];
  readonly #outboxes: Outbox[] = [];
  readonly #writing: Promise<void>[] = [];
  #stopped = false;

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  /** `pause`: the longest time between two messages of one writer, in milliseconds. */
  async start(pause: number): Promise<void> {
    const { url, village, oracle } = this.#plan;
    for (const [place, account] of village.accounts.slice(0, 2).entries()) {
      const reader = oracle.addReader(`writer ${place}`, village.conversations(place));
      const client = await openStockClient({ url, token: account.token, reader, oracle });
      const outbox = new Outbox(client.socket, oracle, account.id);
      this.#clients.push(client);
      this.#outboxes.push(outbox);
    }
    this.#writing.push(...this.#outboxes.map((outbox, place) => this.#write(place, outbox, pause)));
  }

  /** `true` when everything was acknowledged. The writers go on listening until `close`. */
  async stop(): Promise<boolean> {
    this.#stopped = true;
    await Promise.all(this.#writing);
    return (await Promise.all(this.#outboxes.map((outbox) => outbox.empty(30_000)))).every(Boolean);
  }

  close(): void {
    this.#stopped = true;
    for (const outbox of this.#outboxes) outbox.close();
    for (const client of this.#clients) client.close();
  }

  async #write(place: number, outbox: Outbox, pause: number): Promise<void> {
    const { village, random } = this.#plan;
    const own = random.fork(`steady writer ${place}`);
    for (let number = 0; !this.#stopped; number++) {
      const target = own.chance(0.5) ? village.group : village.direct(place);
      outbox.send(`c${random.seed}-${place}-${String(number).padStart(6, '0')}`, target);
      await sleep(own.between(0, pause));
    }
  }
}
