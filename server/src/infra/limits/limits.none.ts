import type { Clock } from '../../kernel/clock.ts';
import type { Limits, Rule, Taken } from './limits.ts';

/** Refuses nothing and remembers nothing: RATE_LIMITS=off. */
export class UnlimitedLimits implements Limits {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  take(rule: Rule, _key: string): Taken {
    const resetAt = Math.ceil(this.#clock.now() / 1_000) + rule.seconds;
    return { allowed: true, limit: rule.count, remaining: rule.count, resetAt };
  }

  async giveBack(_rule: Rule, _key: string): Promise<void> {}

  async reset(_rule: Rule, _key: string): Promise<void> {}
}
