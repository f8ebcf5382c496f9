import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Hook, principalOf } from '../../infra/http/guard.ts';
import { rateLimit } from '../../infra/http/rate-limit.ts';
import { addressKey } from '../../infra/limits/address.ts';
import type { Limits, Rule } from '../../infra/limits/limits.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Principal } from '../../kernel/principal.ts';

type Rate = Readonly<{ count: number; seconds: number }>;

/** The settings that these limits look at, named as in the configuration. */
export type LimitSettings = Readonly<{
  RATE_LIMIT_AUTH: Rate;
  RATE_LIMIT_MESSAGES: Rate;
  RATE_LIMIT_RECEIPTS: Rate;
  RATE_LIMIT_CALLS: Rate;
  RATE_LIMIT_GENERAL: Rate;
}>;

export interface SocialLimits {
  /** Requests by one address. */
  readonly general: Hook;
  /** Attempts by one address at one endpoint. */
  auth(endpoint: 'register' | 'login' | 'password' | 'forgot' | 'reset'): Hook;
  /** Messages by one account over REST; after the guard and the schema, as on sockets. A repeated one counts again. */
  readonly messages: Hook;
  /** The error handler of a route with a limit of its own: what is refused before that limit counts as a request. */
  readonly refused: (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<never>;
  /** The same bucket for an emit; refuses RATE_LIMITED. */
  takeMessage(principal: Principal): void | Promise<void>;
  /** Receipts by one account; over REST beside the general limit, which is the one that headers tell of. */
  readonly receipts: Hook;
  /** The same bucket for an emit; refuses RATE_LIMITED. */
  takeReceipt(principal: Principal): Promise<void>;
  /** Acts on calls by one account; over REST beside the general limit, which is the one that headers tell of. */
  readonly calls: Hook;
  /** The same bucket for an emit; refuses RATE_LIMITED. */
  takeCall(principal: Principal): Promise<void>;
}

export function socialLimits(limits: Limits, settings: LimitSettings, clock: Clock): SocialLimits {
  const general: Rule = { name: 'social-general', ...settings.RATE_LIMIT_GENERAL };
  const messages: Rule = { name: 'social-messages', ...settings.RATE_LIMIT_MESSAGES };
  const receipts: Rule = { name: 'social-receipts', ...settings.RATE_LIMIT_RECEIPTS };
  const calls: Rule = { name: 'social-calls', ...settings.RATE_LIMIT_CALLS };
  const { take, refuse, refusedBy } = rateLimit(limits, clock);
  const byAccount = (rule: Rule): [Hook, (principal: Principal) => Promise<void>] => [
    async (request, reply) => refuse(await limits.take(rule, String(principalOf(request).account)), reply),
    async ({ account }) => refuse(await limits.take(rule, String(account))),
  ];
  const [receiptHook, takeReceipt] = byAccount(receipts);
  const [callHook, takeCall] = byAccount(calls);
  return {
    general: (request, reply) => take(general, addressKey(request.ip), reply),
    auth: (endpoint) => {
      const rule: Rule = { name: `social-${endpoint}`, ...settings.RATE_LIMIT_AUTH };
      return (request, reply) => take(rule, addressKey(request.ip), reply);
    },
    messages: (request, reply) => take(messages, String(principalOf(request).account), reply),
    refused: refusedBy(general),
    takeMessage: ({ account }) => {
      const taken = limits.take(messages, String(account));
      return taken instanceof Promise ? taken.then((known) => refuse(known)) : refuse(taken);
    },
    receipts: receiptHook,
    takeReceipt,
    calls: callHook,
    takeCall,
  };
}
