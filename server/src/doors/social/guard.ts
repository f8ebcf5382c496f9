import type { FastifyReply, FastifyRequest } from 'fastify';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Identity, Origin } from '../../modules/identity/index.ts';

/** A hook for routes. */
export type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const principal = Symbol('principal');

declare module 'fastify' {
  interface FastifyRequest {
    [principal]?: Principal;
  }
}

/** Lets in who has a live access token in the header `Authorization: Bearer …`; the route reads `principalOf`. */
export const signedInOnly =
  (identity: Pick<Identity, 'authenticate'>): Hook =>
  async (request) => {
    request[principal] = await identity.authenticate(bearerToken(request.headers.authorization));
  };

/** The caller, on a route that has the guard. */
export function principalOf(request: FastifyRequest): Principal {
  const caller = request[principal];
  if (caller === undefined) throw new Refusal(commonErrors.UNAUTHENTICATED);
  return caller;
}

function bearerToken(header: string | undefined): string {
  const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) throw new Refusal(commonErrors.UNAUTHENTICATED);
  return token;
}

export const originOf = (request: FastifyRequest): Origin => ({
  address: request.ip,
  device: request.headers['user-agent'] ?? null,
});
