/** A limit by its name: at most `count` takes of one key in a window of `seconds` that starts with the first. */
export type Rule = Readonly<{ name: string; count: number; seconds: number }>;

/** `resetAt`: epoch seconds at which the window ends. */
export type Taken = Readonly<{ allowed: boolean; limit: number; remaining: number; resetAt: number }>;

/**
 * Counters that all transports share. Promises: `take` counts before it answers, so that parallel callers cannot pass
 * together; a refused take counts too; memory stays bounded whatever the keys.
 */
export interface Limits {
  /** At once where the counters are in this process: every message takes one. */
  take(rule: Rule, key: string): Taken | Promise<Taken>;
  /** Takes one count back, for a limit that counts failures and must count before it knows. */
  giveBack(rule: Rule, key: string): Promise<void>;
  /** Forgets what was counted, e.g. after a successful login. */
  reset(rule: Rule, key: string): Promise<void>;
}
