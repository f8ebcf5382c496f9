import type { Signal } from '../../infra/delivery/signal.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Clock, Later } from '../../kernel/clock.ts';
import type { Audiences } from './audience.ts';
import { type PresenceChanged, presenceSignals } from './events.ts';
import type { Standing } from './standing.ts';

type HidingOptions = {
  clock: Clock;
  later: Later;
  signal: (signal: Signal) => void;
  isBlocked: (by: number, who: number) => Promise<boolean>;
  onFailure: (error: unknown) => void;
  delay: number;
  audiences: Audiences;
};

/** Somebody, and who is to see or not to see them any more. */
export type Pair = Readonly<{ standing: Standing; to: number }>;

const keyOf = ({ standing, to }: Pair): string => `${standing.who.account} ${to}`;

/**
 * Tells two people, between whom there is a block or no longer one, that the other has gone, or come: only where they hear of
 * each other at all, and only what still is so; a coming or going that is being told meanwhile is told to whom it is for by
 * then. That somebody has gone is said as late as if their connection had ended: a block is not to be told from that.
 */
export class Hiding {
  readonly #options: HidingOptions;
  /** Who is to hear that somebody has gone, and has not yet: what ends that without a word. */
  readonly #unsaid = new Map<string, () => void>();
  /** Blocks are looked at one after another: of two about the same pair the later one decides. */
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: HidingOptions) {
    this.#options = options;
  }

  /** `by` has blocked the other, or no longer does. */
  async take(pairs: readonly Pair[], { by, shown }: { by: number; shown: boolean }): Promise<void> {
    for (const pair of pairs) {
      if (shown) this.#inTurn(() => this.#reveal(pair));
      else if (pair.standing.told) this.#inTurn(() => this.#hide(pair, by));
    }
    await this.#turn;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#unsaid.values()) stop();
    await this.#turn;
  }

  #inTurn(act: () => Promise<void>): void {
    this.#turn = this.#turn.then(act).catch(this.#options.onFailure);
  }

  /** Who was hidden already stays so, without a word: nobody learns from their own block that they were blocked. */
  async #hide(pair: Pair, by: number): Promise<void> {
    const { standing, to } = pair;
    const { account } = standing.who;
    const { audiences, isBlocked, clock, later, delay } = this.#options;
    const key = keyOf(pair);
    if (this.#unsaid.has(key) || (await isBlocked(by === account ? to : account, by))) return;
    if (!(await audiences.share(account, to)) || this.#closed) return;
    const now = clock.now();
    const since = standing.connected ? now : standing.leftAt;
    const say = (): void => {
      this.#unsaid.delete(key);
      this.#inTurn(() => this.#sayGone(pair));
    };
    this.#unsaid.set(key, later(say, Math.max(0, since + delay - now)));
  }

  async #sayGone(pair: Pair): Promise<void> {
    if (await this.#isHiddenNow(pair)) this.#say(presenceSignals.offline, pair);
  }

  async #reveal(pair: Pair): Promise<void> {
    if (await this.#isHiddenNow(pair)) return;
    const key = keyOf(pair);
    const unsaid = this.#unsaid.get(key);
    this.#unsaid.delete(key);
    unsaid?.();
    const { standing, to } = pair;
    if (unsaid !== undefined || !(await this.#options.audiences.share(standing.who.account, to))) return;
    // Whoever was hidden was kept from hearing that they came; who has gone since is not said to come.
    if (standing.told) this.#say(presenceSignals.online, pair);
  }

  #say(type: string, { standing, to }: Pair): void {
    const body: PresenceChanged = { userId: standing.who.id };
    if (!this.#closed) this.#options.signal({ topics: [topicOf('user', to)], type, body });
  }

  /** Read again for what changes while it is read. */
  async #isHiddenNow({ standing, to }: Pair): Promise<boolean> {
    const { account } = standing.who;
    const { isBlocked } = this.#options;
    for (;;) {
      const { blockChanges } = standing;
      const hidden = (await isBlocked(account, to)) || (await isBlocked(to, account));
      if (blockChanges === standing.blockChanges) return hidden;
    }
  }
}
