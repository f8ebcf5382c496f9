import type { FastifyPluginAsync } from 'fastify';
import { signedInOnly } from '../../infra/http/guard.ts';
import { type AuthNeeds, authRoutes } from './auth.routes.ts';
import { type HealthNeeds, healthRoutes } from './health.routes.ts';
import type { SocialLimits } from './limits.ts';
import { type PasswordNeeds, passwordRoutes } from './passwords.routes.ts';
import type { Pieces } from './pieces.ts';
import { sessionRoutes } from './sessions.routes.ts';
import { blockRoutes, userRoutes } from './users.routes.ts';

export type SocialNeeds = AuthNeeds &
  PasswordNeeds &
  HealthNeeds &
  Readonly<{
    limits: SocialLimits;
    /** Further groups of routes: messages, groups. */
    others?: readonly ((pieces: Pieces) => FastifyPluginAsync)[];
  }>;

/** The REST part of the social door, to be registered under `/api/v1`. */
export const socialRoutes =
  (needs: SocialNeeds): FastifyPluginAsync =>
  async (app) => {
    const { limits } = needs;
    const pieces: Pieces = { guard: signedInOnly((token) => needs.identity.authenticate(token)), limits };
    // Put on each route when it is made: asking each request for its route's settings costs more than counting it.
    app.addHook('onRoute', (route) => {
      if (route.config?.uncounted !== true) route.onRequest = [limits.general, ...[route.onRequest ?? []].flat()];
    });
    app.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });
    await app.register(healthRoutes(needs));
    await app.register(authRoutes(needs, pieces));
    await app.register(passwordRoutes(needs, pieces));
    await app.register(sessionRoutes(needs.identity, pieces));
    await app.register(userRoutes(needs.identity, pieces));
    await app.register(blockRoutes(needs.identity, pieces));
    for (const routes of needs.others ?? []) await app.register(routes(pieces));
  };
