import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { type Clock, isoTime } from '../../kernel/clock.ts';
import { answerSchema, success } from './envelope.ts';

/** How long the database may take before it counts as away, in milliseconds. */
const patience = 2_000;

export type HealthNeeds = Readonly<{
  clock: Clock;
  /** Rejects when the database does not answer. */
  pingDatabase: () => Promise<void>;
  /** The same for Redis, where one is configured. */
  pingRedis?: () => Promise<void>;
  /** False from the moment the server drains. */
  isReady: () => boolean;
}>;

const connection = Type.Union([Type.Literal('connected'), Type.Literal('disconnected'), Type.Literal('disabled')]);
const checks = Type.Object({ database: connection, redis: connection }, { additionalProperties: false });
const readiness = { status: Type.String(), checks };
const health = Type.Object(
  { status: Type.Literal('healthy'), timestamp: Type.String(), uptime: Type.Integer() },
  { additionalProperties: false },
);
const ready = Type.Object(readiness, { additionalProperties: false });
const notReady = Type.Object(
  { success: Type.Literal(false), message: Type.String(), code: Type.Literal('SERVICE_UNAVAILABLE'), data: ready },
  { additionalProperties: false },
);

const aliveRoute =
  ({ clock }: HealthNeeds): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/health',
      {
        config: { uncounted: true },
        schema: { summary: 'Whether the process is alive', response: { 200: answerSchema(health) } },
      },
      async () => {
        const uptime = Math.floor(process.uptime());
        return success({ status: 'healthy' as const, timestamp: isoTime(clock.now()), uptime }, 'Service is healthy');
      },
    );
  };

const readyRoute =
  ({ pingDatabase, pingRedis, isReady }: HealthNeeds): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/health/ready',
      {
        config: { uncounted: true },
        schema: {
          summary: 'Whether the server should be sent requests',
          response: { 200: answerSchema(ready), 503: notReady },
        },
      },
      async (_request, reply) => {
        const [database, redis] = await Promise.all([
          stateOf(pingDatabase),
          pingRedis === undefined ? ('disabled' as const) : stateOf(pingRedis),
        ]);
        const found = { database, redis };
        if (isReady() && database === 'connected' && redis !== 'disconnected') {
          return success({ status: 'ready', checks: found }, 'Service is ready');
        }
        return reply.code(503).send({
          success: false,
          message: 'Service is not ready',
          code: 'SERVICE_UNAVAILABLE',
          data: { status: 'not ready', checks: found },
        });
      },
    );
  };

/** `/health` answers while the process does; `/health/ready` only while it should be sent requests. Not limited. */
export const healthRoutes =
  (needs: HealthNeeds): FastifyPluginAsyncTypebox =>
  async (app) => {
    for (const routes of [aliveRoute, readyRoute]) await app.register(routes(needs));
  };

async function stateOf(ping: () => Promise<void>): Promise<'connected' | 'disconnected'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), patience);
  });
  try {
    await Promise.race([ping(), late]);
    return 'connected';
  } catch {
    return 'disconnected';
  } finally {
    clearTimeout(timer);
  }
}
