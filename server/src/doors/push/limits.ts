import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Hook } from '../../infra/http/guard.ts';
import { rateLimit } from '../../infra/http/rate-limit.ts';
import type { Limits } from '../../infra/limits/limits.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Principal } from '../../kernel/principal.ts';
import { pusherOf } from './guard.ts';

type Rate = Readonly<{ count: number; seconds: number }>;

/** The settings that these limits look at, named as in the configuration. */
export type PushLimitSettings = Readonly<{
  RATE_LIMIT_GENERAL: Rate;
  RATE_LIMIT_PUSH: Rate;
  RATE_LIMIT_PUSH_KEYS: Rate;
}>;

export interface PushLimits {
  /** Requests by one account or service key, those that push and those that ask each by themselves; after the guard. */
  caller(kind: 'send' | 'look'): Hook;
  /** The error handler of every route: who is not let in is counted by address. */
  readonly refused: (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<never>;
  /** Messages by one account on sockets; refuses RATE_LIMITED. */
  takeMessage(principal: Principal): void | Promise<void>;
}

export function pushLimits(limits: Limits, settings: PushLimitSettings, clock: Clock): PushLimits {
  const { take, refuse, refusedBy } = rateLimit(limits, clock);
  const strangers = { name: 'push-strangers', ...settings.RATE_LIMIT_GENERAL };
  const messages = { name: 'push-messages', ...settings.RATE_LIMIT_PUSH };
  return {
    caller: (kind) => {
      const byAccount = { name: `push-${kind}`, ...settings.RATE_LIMIT_PUSH };
      const byKey = { name: `push-${kind}-key`, ...settings.RATE_LIMIT_PUSH_KEYS };
      return (request, reply) => {
        const caller = pusherOf(request);
        return caller.kind === 'key'
          ? take(byKey, caller.key.id, reply)
          : take(byAccount, String(caller.principal.account), reply);
      };
    },
    refused: refusedBy(strangers),
    takeMessage: ({ account }) => {
      const taken = limits.take(messages, String(account));
      return taken instanceof Promise ? taken.then(refuse) : refuse(taken);
    },
  };
}
