import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import type { Identity } from '../../modules/identity/index.ts';
import { manyDraft, type Outcome, type Push, pushDraft } from '../../modules/push/index.ts';
import { pusherOf, pushersOnly } from './guard.ts';
import type { PushLimits } from './limits.ts';

export type PushRouteNeeds = Readonly<{
  push: Push;
  limits: PushLimits;
  identity: Pick<Identity, 'authenticate' | 'authenticateKey'>;
}>;

const closed = { additionalProperties: false };
const ids = Type.Array(Type.String());
/** `queued` is there for a push that waits for who is away: whether it does. */
const sentSchema = Type.Object(
  { success: Type.Boolean(), message: Type.String(), queued: Type.Optional(Type.Boolean()) },
  closed,
);
const sentToManySchema = Type.Object(
  {
    success: Type.Literal(true),
    message: Type.String(),
    userIds: ids,
    delivered: ids,
    queued: ids,
    offline: ids,
  },
  closed,
);
const byUser = Type.Object({ userId: Type.String() });
const statusSchema = Type.Object({ userId: Type.String(), connected: Type.Boolean() }, closed);
const connectedSchema = Type.Object({ connectedUsers: ids, count: Type.Integer() }, closed);
const statsSchema = Type.Object({ connectedUsers: Type.Integer(), userIds: ids }, closed);
const failureSchema = Type.Object({ success: Type.Literal(false), message: Type.String() }, closed);
const failures = Object.fromEntries([400, 401, 403, 413, 429, 500, 503].map((status) => [status, failureSchema]));
const tags = ['push'];

const counted = ({ limits, identity }: PushRouteNeeds, kind: Parameters<PushLimits['caller']>[0]) => ({
  onRequest: pushersOnly(identity),
  preHandler: limits.caller(kind),
  errorHandler: limits.refused,
});

const sendRoutes =
  (needs: PushRouteNeeds): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { push } = needs;
    const sending = counted(needs, 'send');

    app.post(
      '/send',
      {
        ...sending,
        schema: {
          summary: 'Send an event to one account',
          tags,
          body: pushDraft,
          response: { 200: sentSchema, ...failures },
        },
      },
      async (request) => {
        const { userId, ...draft } = request.body;
        const outcomes = await push.send(pusherOf(request), { userIds: [userId], ...draft });
        return sentView(userId, outcomes.get(userId) ?? 'missed', draft.durable ?? false);
      },
    );

    app.post(
      '/send-many',
      {
        ...sending,
        schema: {
          summary: 'Send an event to several accounts',
          tags,
          body: manyDraft,
          response: { 200: sentToManySchema, ...failures },
        },
      },
      async (request) => sentToManyView([...(await push.send(pusherOf(request), request.body))]),
    );
  };

const lookRoutes =
  (needs: PushRouteNeeds): FastifyPluginAsyncTypebox =>
  async (app) => {
    const { push } = needs;
    const looking = counted(needs, 'look');

    app.get(
      '/status/:userId',
      {
        ...looking,
        schema: {
          summary: 'Whether an account is connected',
          tags,
          params: byUser,
          response: { 200: statusSchema, ...failures },
        },
      },
      async (request) => {
        const { userId } = request.params;
        return { userId, connected: await push.isConnected(pusherOf(request), userId) };
      },
    );

    app.get(
      '/connected',
      { ...looking, schema: { summary: 'Who is connected', tags, response: { 200: connectedSchema, ...failures } } },
      async (request) => {
        const connectedUsers = await push.connected(pusherOf(request));
        return { connectedUsers, count: connectedUsers.length };
      },
    );

    app.get(
      '/stats',
      { ...looking, schema: { summary: 'How many are connected', tags, response: { 200: statsSchema, ...failures } } },
      async (request) => {
        const userIds = await push.connected(pusherOf(request));
        return { connectedUsers: userIds.length, userIds };
      },
    );
  };

/** The REST part of the push door, to be registered under `/api/gateway`. */
export const pushRoutes =
  (needs: PushRouteNeeds): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });
    for (const routes of [sendRoutes, lookRoutes]) await app.register(routes(needs));
  };

/** An offline account is an ordinary answer; with `durable` it is a success that the push waits. */
function sentView(userId: string, outcome: Outcome, durable: boolean) {
  if (outcome === 'delivered') return { success: true, message: `Message sent to user ${userId}` };
  const message = `User ${userId} is not connected`;
  if (outcome === 'missed') return { success: false, message };
  const queued = outcome === 'queued';
  return { success: queued && durable, message, queued };
}

function sentToManyView(outcomes: readonly (readonly [id: string, outcome: Outcome])[]) {
  const those = (...wanted: Outcome[]) => outcomes.filter(([, outcome]) => wanted.includes(outcome)).map(([id]) => id);
  return {
    success: true as const,
    message: `Message sent to ${outcomes.length} users`,
    userIds: outcomes.map(([id]) => id),
    delivered: those('delivered'),
    queued: those('queued'),
    offline: those('queued', 'full', 'missed'),
  };
}
