import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../kernel/clock.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { addressKey } from '../limits/address.ts';
import type { Limits, Rule, Taken } from '../limits/limits.ts';
import { failureOf } from './failure.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route has a limit of its own, or none; the general one does not count it. */
    uncounted?: boolean;
  }
}

export type RateLimit = Readonly<{
  /** Counts a request, says in its headers how many are left, and refuses RATE_LIMITED. */
  take(rule: Rule, key: string, reply: FastifyReply): Promise<void>;
  /**
   * An error handler for routes whose own limit is counted late: what is refused before that counts by address. What is
   * our failure counts for nobody.
   */
  refusedBy(rule: Rule): (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<never>;
  /**
   * Refuses RATE_LIMITED, with the seconds to wait and, where the rule is said, with it and the end of the window (`limit`,
   * `window` in seconds, `resetAt` in epoch seconds); the headers of a reply then tell of the limit that was reached.
   */
  refuse(taken: Taken, reply?: FastifyReply, rule?: Rule): void;
}>;

export function rateLimit(limits: Limits, clock: Clock): RateLimit {
  const refuse = (taken: Taken, reply?: FastifyReply, rule?: Rule): void => {
    if (taken.allowed) return;
    if (reply !== undefined) describe(taken, reply);
    throw new Refusal(commonErrors.RATE_LIMITED, {
      retryAfter: Math.max(1, taken.resetAt - Math.floor(clock.now() / 1_000)),
      ...(rule === undefined ? {} : { details: { limit: taken.limit, window: rule.seconds, resetAt: taken.resetAt } }),
    });
  };
  const take: RateLimit['take'] = async (rule, key, reply) => {
    const taken = await limits.take(rule, key);
    describe(taken, reply);
    refuse(taken, undefined, rule);
  };
  return {
    take,
    refuse,
    refusedBy: (rule) => async (error, request, reply) => {
      const ours = ['unavailable', 'internal'].includes(failureOf(error).kind);
      if (!ours && !reply.hasHeader('x-ratelimit-limit')) await take(rule, addressKey(request.ip), reply);
      throw error;
    },
  };
}

/** `X-RateLimit-Reset` is the end of the window in epoch seconds. */
function describe({ limit, remaining, resetAt }: Taken, reply: FastifyReply): void {
  reply.header('x-ratelimit-limit', limit);
  reply.header('x-ratelimit-remaining', remaining);
  reply.header('x-ratelimit-reset', resetAt);
}
