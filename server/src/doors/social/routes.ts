import type { FastifyPluginAsync } from 'fastify';
import type { Limits } from '../../infra/limits/limits.ts';
import { type AuthNeeds, authRoutes } from './auth.routes.ts';
import { signedInOnly } from './guard.ts';
import { type HealthNeeds, healthRoutes } from './health.routes.ts';
import { type LimitSettings, socialLimits } from './limits.ts';
import type { Pieces } from './pieces.ts';

export type { Pieces } from './pieces.ts';

export type SocialNeeds = AuthNeeds &
  HealthNeeds &
  Readonly<{
    limits: Limits;
    config: LimitSettings;
    /** Further groups of routes: messages, groups. */
    others?: readonly ((pieces: Pieces) => FastifyPluginAsync)[];
  }>;

/** The REST part of the social door, to be registered under `/api/v1`. */
export const socialRoutes =
  (needs: SocialNeeds): FastifyPluginAsync =>
  async (app) => {
    const limits = socialLimits(needs.limits, needs.config, needs.clock);
    const pieces: Pieces = { guard: signedInOnly(needs.identity), limits };
    // Put on each route when it is made: asking each request for its route's settings costs more than counting it.
    app.addHook('onRoute', (route) => {
      if (route.config?.uncounted !== true) route.onRequest = [limits.general, ...[route.onRequest ?? []].flat()];
    });
    app.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });
    await app.register(healthRoutes(needs));
    await app.register(authRoutes(needs, pieces));
    for (const routes of needs.others ?? []) await app.register(routes(pieces));
  };
