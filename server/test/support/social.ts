import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { socialEnvelope } from '../../src/doors/social/envelope.ts';
import { healthRoutes } from '../../src/doors/social/health.routes.ts';
import { type LimitSettings, socialLimits } from '../../src/doors/social/limits.ts';
import { socialRoutes } from '../../src/doors/social/routes.ts';
import { createHttp } from '../../src/infra/http/http.ts';
import { createLogger } from '../../src/infra/http/logger.ts';
import type { IdentitySettings } from '../../src/modules/identity/index.ts';
import { openTestIdentity, type TestIdentity } from './identity.ts';

const plenty = { count: 1_000_000, seconds: 900 };

type Options = {
  settings?: Partial<LimitSettings & IdentitySettings>;
  trustProxy?: string;
  corsOrigins?: string;
  silentSeconds?: number;
  pingDatabase?: () => Promise<void>;
};

/** An answer over the wire; `body` is what the JSON says. */
export type Reply = { status: number; headers: Headers; body: Record<string, unknown>; text: string };

export type Call = (
  method: string,
  path: string,
  options?: { token?: string; body?: unknown; headers?: Record<string, string> },
) => Promise<Reply>;

export type TestSocial = TestIdentity & { url: string; call: Call; lines: string[]; drain: () => void };

/** The social door's accounts on a free port, over a real database. `lines` is what was logged. */
export async function startSocial(t: Pick<TestContext, 'after'>, options: Options = {}): Promise<TestSocial> {
  const house = await openTestIdentity(t, options.settings);
  const lines: string[] = [];
  let ready = true;
  const http = createHttp({
    logger: createLogger('debug', { write: (line) => void lines.push(line) }),
    trustProxy: options.trustProxy,
    corsOrigins: options.corsOrigins,
    silentSeconds: options.silentSeconds ?? 20,
  });
  http.setEnvelope('/', socialEnvelope);
  const health = {
    clock: house.clock,
    pingDatabase: options.pingDatabase ?? (() => house.sql.ping()),
    isReady: () => ready,
  };
  const config = {
    RATE_LIMIT_AUTH: plenty,
    RATE_LIMIT_MESSAGES: plenty,
    RATE_LIMIT_RECEIPTS: plenty,
    RATE_LIMIT_CALLS: plenty,
    RATE_LIMIT_GENERAL: plenty,
    ...options.settings,
  };
  await http.app.register(healthRoutes(health));
  const limits = socialLimits(house.limits, config, house.clock);
  await http.app.register(socialRoutes({ ...house, ...health, limits, resetMail: undefined }), { prefix: '/api/v1' });
  http.app.get('/boom', async () => {
    throw new Error('the canary of an inner error');
  });
  const url = await http.app.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => http.app.close());
  const drain = () => {
    ready = false;
  };
  return { ...house, url, call: caller(url), lines, drain };
}

/** Requests to this server. */
export const caller =
  (url: string): Call =>
  async (method, path, { token, body, headers = {} } = {}) => {
    const sent: Record<string, string> = { ...headers };
    if (token !== undefined) sent['authorization'] = `Bearer ${token}`;
    if (body !== undefined) sent['content-type'] ??= 'application/json';
    const payload = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
    const response = await fetch(`${url}${path}`, { method, headers: sent, ...payload });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text), text };
  };

/** Waits until the other side has ended a connection, or fails after `milliseconds`. */
export const ended = (socket: NodeJS.EventEmitter, milliseconds: number): Promise<unknown> =>
  once(socket, 'close', { signal: AbortSignal.timeout(milliseconds) });
