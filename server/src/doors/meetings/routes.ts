import type { FastifyPluginAsync } from 'fastify';
import { signedInOnly } from '../../infra/http/guard.ts';
import type { Identity } from '../../modules/identity/index.ts';
import type { MeetingsLimits } from './limits.ts';
import type { Pieces } from './pieces.ts';

export type MeetingsNeeds = Readonly<{
  identity: Pick<Identity, 'authenticate'>;
  limits: MeetingsLimits;
  groups: readonly ((pieces: Pieces) => FastifyPluginAsync)[];
}>;

/** The REST part of the meetings door, to be registered under `/api/v1/meetings`. */
export const meetingsRoutes =
  ({ identity, limits, groups }: MeetingsNeeds): FastifyPluginAsync =>
  async (app) => {
    const pieces: Pieces = { guard: signedInOnly((token) => identity.authenticate(token)), limits };
    app.setErrorHandler(limits.refused);
    app.addHook('onSend', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
    });
    for (const routes of groups) await app.register(routes(pieces));
  };
