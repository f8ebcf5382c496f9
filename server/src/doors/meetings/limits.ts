import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Hook, principalOf } from '../../infra/http/guard.ts';
import { rateLimit } from '../../infra/http/rate-limit.ts';
import type { Limits, Rule, Taken } from '../../infra/limits/limits.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Principal } from '../../kernel/principal.ts';

type Rate = Readonly<{ count: number; seconds: number }>;

/** The settings that these limits look at, named as in the configuration. */
export type MeetingsLimitSettings = Readonly<{
  RATE_LIMIT_GENERAL: Rate;
  RATE_LIMIT_MEETINGS: Rate;
  RATE_LIMIT_MEETING_PEOPLE: Rate;
  RATE_LIMIT_MEETING_CHAT: Rate;
  RATE_LIMIT_MEETING_STATUS: Rate;
  RATE_LIMIT_MEETING_SOCKET: Rate;
}>;

/** The document's categories: each request counts in one, by account. */
type Category = 'management' | 'people' | 'chat' | 'status';

export interface MeetingsLimits {
  /** Requests of a category by one account, with the documented headers; after the guard. */
  category(category: Category): Hook;
  /** The error handler of every route: who is not let in is counted by address. */
  readonly refused: (error: unknown, request: FastifyRequest, reply: FastifyReply) => Promise<never>;
  /** The same bucket for what comes over a socket; refuses RATE_LIMITED. */
  take(principal: Principal, category: Category): Promise<void>;
  /** Messages of one account on all its sockets; nothing is refused. */
  message(principal: Principal): Taken | Promise<Taken>;
  /** The window in which messages are counted, in seconds. */
  readonly messageWindow: number;
}

export function meetingsLimits(limits: Limits, settings: MeetingsLimitSettings, clock: Clock): MeetingsLimits {
  const { take, refuse, refusedBy } = rateLimit(limits, clock);
  const rules: Readonly<Record<Category | 'socket', Rule>> = {
    management: { name: 'meetings-management', ...settings.RATE_LIMIT_MEETINGS },
    people: { name: 'meetings-people', ...settings.RATE_LIMIT_MEETING_PEOPLE },
    chat: { name: 'meetings-chat', ...settings.RATE_LIMIT_MEETING_CHAT },
    status: { name: 'meetings-status', ...settings.RATE_LIMIT_MEETING_STATUS },
    socket: { name: 'meetings-socket', ...settings.RATE_LIMIT_MEETING_SOCKET },
  };
  return {
    category: (category) => (request, reply) => take(rules[category], String(principalOf(request).account), reply),
    refused: refusedBy({ name: 'meetings-strangers', ...settings.RATE_LIMIT_GENERAL }),
    take: async ({ account }, category) =>
      refuse(await limits.take(rules[category], String(account)), undefined, rules[category]),
    message: ({ account }) => limits.take(rules.socket, String(account)),
    messageWindow: rules.socket.seconds,
  };
}
