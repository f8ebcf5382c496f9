import type { Clock } from '../../kernel/clock.ts';
import type { Limits, Rule, Taken } from './limits.ts';

type Window = { count: number; endsAt: number };

/** Above this many keys the expired windows go, then the oldest. About 30 MB. */
const maximumKeys = 200_000;
/** How many go at once: looking through all keys for each new one would itself be a way to stall the server. */
const evictedAtOnce = 1_000;

/** Counters in this process: right for one server. A window is `rule.seconds` from its first take on. */
export class MemoryLimits implements Limits {
  readonly #clock: Clock;
  readonly #capacity: number;
  /** In the order in which the windows began. */
  readonly #windows = new Map<string, Window>();

  constructor(clock: Clock, capacity = maximumKeys) {
    this.#clock = clock;
    this.#capacity = capacity;
  }

  take(rule: Rule, key: string): Taken {
    const name = nameOf(rule, key);
    const window = this.#live(name) ?? this.#begin(name, rule.seconds);
    window.count += 1;
    return {
      allowed: window.count <= rule.count,
      limit: rule.count,
      remaining: Math.max(0, rule.count - window.count),
      resetAt: Math.ceil(window.endsAt / 1_000),
    };
  }

  async giveBack(rule: Rule, key: string): Promise<void> {
    const window = this.#live(nameOf(rule, key));
    if (window !== undefined && window.count > 0) window.count -= 1;
  }

  async reset(rule: Rule, key: string): Promise<void> {
    this.#windows.delete(nameOf(rule, key));
  }

  /** How many keys are held, expired ones included. */
  get size(): number {
    return this.#windows.size;
  }

  #live(name: string): Window | undefined {
    const window = this.#windows.get(name);
    return window !== undefined && window.endsAt > this.#clock.now() ? window : undefined;
  }

  #begin(name: string, seconds: number): Window {
    this.#windows.delete(name);
    if (this.#windows.size >= this.#capacity) this.#evict();
    const window = { count: 0, endsAt: this.#clock.now() + seconds * 1_000 };
    this.#windows.set(name, window);
    return window;
  }

  #evict(): void {
    const now = this.#clock.now();
    const target = Math.max(0, this.#capacity - Math.min(evictedAtOnce, Math.ceil(this.#capacity / 10)));
    for (const [name, { endsAt }] of this.#windows) if (endsAt <= now) this.#windows.delete(name);
    for (const name of this.#windows.keys()) {
      if (this.#windows.size <= target) return;
      this.#windows.delete(name);
    }
  }
}

/** A rule with another window is another counter, so that a changed setting does not inherit old counts. */
const nameOf = (rule: Rule, key: string): string => `${rule.name}/${rule.seconds}/${key}`;
