import type { FastifyReply, FastifyRequest } from 'fastify';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';

/** A hook for routes. */
export type Hook = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

const principal = Symbol('principal');

declare module 'fastify' {
  interface FastifyRequest {
    [principal]?: Principal;
  }
}

const needing = Symbol('needs a token');

/** Marks a hook that lets nobody in without a token in the header Authorization; the API's description says so. */
export const withToken = (hook: Hook): Hook => Object.assign(hook, { [needing]: true });

export const needsToken = (hook: object): boolean => needing in hook;

/** Lets in who has a live access token in the header `Authorization: Bearer …`; the route reads `principalOf`. */
export const signedInOnly = (authenticate: (token: string) => Promise<Principal>): Hook =>
  withToken(async (request) => {
    request[principal] = await authenticate(bearerToken(request.headers.authorization));
  });

/** The caller, on a route that has the guard. */
export function principalOf(request: FastifyRequest): Principal {
  const caller = request[principal];
  if (caller === undefined) throw new Refusal(commonErrors.UNAUTHENTICATED);
  return caller;
}

/** What stands behind `Bearer` in the header Authorization; refuses UNAUTHENTICATED. */
export function bearerToken(header: string | undefined): string {
  const token = /^Bearer +(\S+)$/i.exec(header ?? '')?.[1];
  if (token === undefined) throw new Refusal(commonErrors.UNAUTHENTICATED);
  return token;
}
