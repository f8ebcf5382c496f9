import type { FastifyReply } from 'fastify';
import { addressKey } from '../../infra/limits/address.ts';
import type { Limits, Rule, Taken } from '../../infra/limits/limits.ts';
import type { Clock } from '../../kernel/clock.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { type Hook, principalOf } from './guard.ts';

type Rate = Readonly<{ count: number; seconds: number }>;

/** The settings that these limits look at, named as in the configuration. */
export type LimitSettings = Readonly<{
  RATE_LIMIT_AUTH: Rate;
  RATE_LIMIT_MESSAGES: Rate;
  RATE_LIMIT_GENERAL: Rate;
}>;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route has a limit of its own, or none; the general one does not count it. */
    uncounted?: boolean;
  }
}

export interface SocialLimits {
  /** Requests by one address. */
  readonly general: Hook;
  /** Attempts by one address at one endpoint. */
  auth(endpoint: 'register' | 'login'): Hook;
  /** Messages by one account over REST; after the guard. */
  readonly messages: Hook;
  /** The same bucket for an emit; refuses RATE_LIMITED. */
  takeMessage(principal: Principal): Promise<void>;
}

export function socialLimits(limits: Limits, settings: LimitSettings, clock: Clock): SocialLimits {
  const general: Rule = { name: 'social-general', ...settings.RATE_LIMIT_GENERAL };
  const messages: Rule = { name: 'social-messages', ...settings.RATE_LIMIT_MESSAGES };
  const refuse = ({ allowed, resetAt }: Taken) => {
    if (allowed) return;
    throw new Refusal(commonErrors.RATE_LIMITED, {
      retryAfter: Math.max(1, resetAt - Math.floor(clock.now() / 1_000)),
    });
  };
  const take = async (rule: Rule, key: string, reply: FastifyReply) => {
    const taken = await limits.take(rule, key);
    describe(taken, reply);
    refuse(taken);
  };
  return {
    general: (request, reply) => take(general, addressKey(request.ip), reply),
    auth: (endpoint) => {
      const rule: Rule = { name: `social-${endpoint}`, ...settings.RATE_LIMIT_AUTH };
      return (request, reply) => take(rule, addressKey(request.ip), reply);
    },
    messages: (request, reply) => take(messages, String(principalOf(request).account), reply),
    takeMessage: async ({ account }) => refuse(await limits.take(messages, String(account))),
  };
}

function describe({ limit, remaining, resetAt }: Taken, reply: FastifyReply): void {
  reply.header('x-ratelimit-limit', limit);
  reply.header('x-ratelimit-remaining', remaining);
  reply.header('x-ratelimit-reset', resetAt);
}
