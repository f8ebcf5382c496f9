import { setTimeout as sleep } from 'node:timers/promises';

import type { Account } from './accounts.ts';
import { LeanClient } from './lean-client.ts';
import { until } from './timing.ts';
import { contentFor } from './wire.ts';

type Pair = Readonly<{ speaker: LeanClient; listener: LeanClient; to: string }>;

const pausePerPair = 250;

/** Pairs of sockets that nobody touches: the first of each writes to the second, four times a second. */
export class Pairs {
  readonly #underway = new Map<string, number>();
  readonly #pairs: Pair[] = [];
  #latencies: number[] = [];
  #sent = 0;

  /** `accounts` take turns as speaker and listener, so there have to be an even number. */
  static async open(url: string, accounts: readonly Account[], count: number): Promise<Pairs> {
    const pairs = new Pairs();
    for (let number = 0; number < count; number++) {
      const one = accounts[(2 * number) % accounts.length];
      const other = accounts[(2 * number + 1) % accounts.length];
      if (one === undefined || other === undefined) throw new Error('a pair needs two accounts');
      const speaker = new LeanClient(url, one.token);
      const listener = new LeanClient(url, other.token, { event: (frame) => pairs.#hear(frame) });
      pairs.#pairs.push({ speaker, listener, to: other.id });
      await speaker.open();
      await listener.open();
    }
    return pairs;
  }

  get sent(): number {
    return this.#sent;
  }

  get missing(): number {
    return this.#underway.size;
  }

  /** The latencies, in milliseconds, of what was said within that time. */
  async talk(forMs: number): Promise<number[]> {
    this.#latencies = [];
    const latencies = this.#latencies;
    const end = performance.now() + forMs;
    while (performance.now() < end) {
      for (const pair of this.#pairs) {
        this.#say(pair);
        await sleep(pausePerPair / this.#pairs.length);
      }
    }
    await until(() => this.#underway.size === 0, 10_000);
    return latencies;
  }

  close(): void {
    for (const { speaker, listener } of this.#pairs) for (const client of [speaker, listener]) client.cut();
  }

  #say({ speaker, to }: Pair): void {
    const key = `pair-${String(this.#sent++).padStart(6, '0')}`;
    this.#underway.set(key, performance.now());
    speaker.emit('message:send', { receiverId: to, content: contentFor(key), clientId: key });
  }

  #hear(frame: string): void {
    if (!frame.startsWith('42["message:received"')) return;
    const key = /"content":"(pair-\d+) /.exec(frame)?.[1] ?? '';
    const since = this.#underway.get(key);
    if (since === undefined) return;
    this.#underway.delete(key);
    this.#latencies.push(performance.now() - since);
  }
}
