import type { FastifyRequest } from 'fastify';
import { bearerToken, type Hook, withToken } from '../../infra/http/guard.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { type Identity, isServiceKey } from '../../modules/identity/index.ts';
import type { Pusher } from '../../modules/push/index.ts';

const pusher = Symbol('pusher');

declare module 'fastify' {
  interface FastifyRequest {
    [pusher]?: Pusher;
  }
}

/** Lets in who has a live access token, or a service key, in the header `Authorization: Bearer …`. */
export const pushersOnly = ({
  authenticate,
  authenticateKey,
}: Pick<Identity, 'authenticate' | 'authenticateKey'>): Hook =>
  withToken(async (request) => {
    const given = bearerToken(request.headers.authorization);
    request[pusher] = isServiceKey(given)
      ? { kind: 'key', key: await authenticateKey(given) }
      : { kind: 'account', principal: await authenticate(given) };
  });

/** The caller, on a route that has the guard. */
export function pusherOf(request: FastifyRequest): Pusher {
  const caller = request[pusher];
  if (caller === undefined) throw new Refusal(commonErrors.UNAUTHENTICATED);
  return caller;
}
