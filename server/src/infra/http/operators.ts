import { hash, timingSafeEqual } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { bearerToken, type Hook } from './guard.ts';
import { loopbackAddress } from './origin.ts';

export type OperatorSettings = Readonly<{ NODE_ENV: 'development' | 'production'; METRICS_TOKEN?: string | undefined }>;

/** Headers of a proxy: the address that connects is then not that of who asks. */
const forwarding = /^(forwarded|via|x-forwarded-.+|x-real-ip|x-client-ip|true-client-ip|cf-.+)$/;

/**
 * Lets in who operates the server: in development everybody, because it listens on this machine only; in production who
 * brings METRICS_TOKEN as bearer token or, as long as none is set, who asks on this machine without a proxy between.
 */
export function operatorsOnly({ NODE_ENV, METRICS_TOKEN }: OperatorSettings): Hook {
  return async (request) => {
    if (NODE_ENV === 'development') return;
    const passes = METRICS_TOKEN === undefined ? isOnThisMachine(request) : bears(request, METRICS_TOKEN);
    if (!passes) throw new Refusal(commonErrors.UNAUTHENTICATED);
  };
}

const isOnThisMachine = ({ headers, socket }: FastifyRequest): boolean =>
  loopbackAddress.test(socket.remoteAddress ?? '') && !Object.keys(headers).some((name) => forwarding.test(name));

/** Hashed first, so that both have the same length and the comparison takes the same time. */
function bears({ headers }: FastifyRequest, token: string): boolean {
  const [given, wanted] = [bearerToken(headers.authorization), token].map((text) => hash('sha256', text, 'buffer'));
  return given !== undefined && wanted !== undefined && timingSafeEqual(given, wanted);
}
