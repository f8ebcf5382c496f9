import type { Limits, Rule } from '../../infra/limits/limits.ts';
import type { Clock } from '../../kernel/clock.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Identity } from '../identity/index.ts';
import { meetingErrors } from './errors.ts';

/** By account, whatever meeting it is: somebody who tries at many finds out no more. */
const rule: Rule = { name: 'meeting-passwords', count: 5, seconds: 60 };

export type TriesOptions = Readonly<{ limits: Limits; clock: Clock; passwords: Pick<Identity['passwords'], 'verify'> }>;

/** Passwords of meetings that people try. */
export class PasswordTries {
  readonly #options: TriesOptions;

  constructor({ limits, clock, passwords }: TriesOptions) {
    this.#options = { limits, clock, passwords };
  }

  /** Answers the hash that was proven. Refuses WRONG_PASSWORD, RATE_LIMITED, UNAVAILABLE. */
  async prove({ account }: Principal, password: string | null, hash: string): Promise<string> {
    const { limits, clock, passwords } = this.#options;
    if (password === null) throw wrong();
    // Counted before the password is looked at, so that parallel tries cannot pass together.
    const { allowed, limit, resetAt } = await limits.take(rule, String(account));
    if (!allowed) {
      throw new Refusal(commonErrors.RATE_LIMITED, {
        retryAfter: Math.max(1, resetAt - Math.floor(clock.now() / 1_000)),
        details: { limit, window: rule.seconds, resetAt },
      });
    }
    if (!(await passwords.verify(password, hash))) throw wrong();
    await limits.giveBack(rule, String(account));
    return hash;
  }
}

const wrong = (): Refusal => new Refusal(meetingErrors.WRONG_PASSWORD, { details: { field: 'password' } });
