import { setTimeout as sleep } from 'node:timers/promises';

import type { Account } from './accounts.ts';
import type { Crowd } from './crowd.ts';
import { crowdKey } from './crowd-member.ts';
import { LeanClient } from './lean-client.ts';
import { sharedClock, until } from './timing.ts';
import { contentFor } from './wire.ts';

/** The one who speaks to the crowd, in a group. */
export class Announcer {
  readonly #client: LeanClient;
  readonly #group: string;
  readonly #unanswered = new Set<number>();
  said = 0;

  constructor(url: string, account: Account, group: string) {
    this.#group = group;
    this.#client = new LeanClient(url, account.token, { answer: (number) => this.#unanswered.delete(number) });
  }

  open(): Promise<void> {
    return this.#client.open();
  }

  /** `count` messages, `pause` milliseconds apart; resolves when all are acknowledged. */
  async say(count: number, pause = 50): Promise<void> {
    for (let number = 0; number < count; number++) {
      const key = crowdKey(this.said++);
      const content = contentFor(key, `${sharedClock().toFixed(3)} `);
      this.#unanswered.add(this.#client.emit('message:send', { groupId: this.#group, content, clientId: key }));
      await sleep(pause);
    }
    if (!(await until(() => this.#unanswered.size === 0, 20_000))) throw new Error('the announcer got no answer');
  }

  close(): void {
    this.#client.cut();
  }
}

/** Waits until the member of the crowd who is furthest behind has the last of `count` messages. */
export async function crowdHas(crowd: Crowd, count: number, within: number): Promise<boolean> {
  return until(async () => (await crowd.order({ do: 'tell' })).slowestLast >= count - 1, within, 250);
}
