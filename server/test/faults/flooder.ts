import type { Account } from './accounts.ts';
import { LeanClient } from './lean-client.ts';
import { until } from './timing.ts';
import { contentFor } from './wire.ts';

const contentBytes = 4000;
const underwayAtMost = 100;

/** Sends large messages to one account, as fast as the server acknowledges them. */
export class Flooder {
  readonly #client: LeanClient;
  readonly #victim: Account;
  #sent = 0;
  #answered = 0;

  constructor(url: string, account: Account, victim: Account) {
    this.#victim = victim;
    this.#client = new LeanClient(url, account.token, { answer: () => this.#answered++ });
  }

  open(): Promise<void> {
    return this.#client.open();
  }

  /** So many bytes of content; resolves when all of it is acknowledged. */
  async flood(bytes: number): Promise<void> {
    for (let left = bytes; left > 0; left -= contentBytes) {
      this.#say();
      if (!(await this.#answeredBut(underwayAtMost))) throw new Error('the flood got stuck');
    }
    if (!(await this.#answeredBut(0))) throw new Error('the flood was not acknowledged');
  }

  close(): void {
    this.#client.cut();
  }

  async #answeredBut(underway: number): Promise<boolean> {
    const enough = (): boolean => this.#sent - this.#answered <= underway;
    return enough() || (await until(enough, 20_000, 2));
  }

  #say(): void {
    const clientId = `flood-${String(this.#sent++).padStart(7, '0')}`;
    const content = contentFor(clientId, '.'.repeat(contentBytes));
    this.#client.emit('message:send', { receiverId: this.#victim.id, content, clientId });
  }
}
