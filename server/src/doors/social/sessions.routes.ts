import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';
import { principalOf } from '../../infra/http/guard.ts';
import { nullable } from '../../infra/http/nullable.ts';
import { numberedPages, pageOf, pagination } from '../../infra/http/page.ts';
import { isoTime } from '../../kernel/clock.ts';
import type { Identity, OwnSession } from '../../modules/identity/index.ts';
import { listSchema, nothingSchema, success } from './envelope.ts';
import { byId, type Pieces } from './pieces.ts';

const session = Type.Object(
  {
    id: Type.String(),
    device: nullable(Type.String()),
    address: Type.String(),
    createdAt: Type.String(),
    lastUsed: Type.String(),
    current: Type.Boolean(),
  },
  { additionalProperties: false },
);

/** Where the caller is signed in. */
export const sessionRoutes =
  (identity: Identity, { guard }: Pieces): FastifyPluginAsyncTypebox =>
  async (app) => {
    app.get(
      '/auth/sessions',
      {
        onRequest: [guard],
        schema: {
          summary: 'Where the account is signed in',
          querystring: numberedPages,
          response: { 200: listSchema(session) },
        },
      },
      async (request) => {
        const page = pageOf(request.query);
        const { sessions, total } = await identity.listSessions(principalOf(request), page);
        return { success: true as const, data: sessions.map(sessionView), pagination: pagination(page, total) };
      },
    );

    app.delete(
      '/auth/sessions/:id',
      {
        onRequest: [guard],
        schema: {
          summary: 'End one of your login sessions',
          params: byId,
          response: { 200: nothingSchema },
        },
      },
      async (request) => {
        await identity.endSession(principalOf(request), request.params.id);
        return success(null, 'Session ended successfully');
      },
    );
  };

const sessionView = ({ createdAt, lastUsed, ...rest }: OwnSession) => ({
  ...rest,
  createdAt: isoTime(createdAt),
  lastUsed: isoTime(lastUsed),
});
