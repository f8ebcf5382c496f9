import type { FastifyRequest } from 'fastify';

/** From where somebody asks; `foreign`: by a page that is not of this machine. */
type Origin = Readonly<{ address: string; device: string | null; foreign: boolean }>;

export const originOf = (request: FastifyRequest): Origin => ({
  address: request.ip,
  device: request.headers['user-agent'] ?? null,
  foreign: isForeign(request.headers.origin),
});

/** The address of a connection from this machine. */
export const loopbackAddress = /^(127\.\d+\.\d+\.\d+|::1|::ffff:127\.\d+\.\d+\.\d+)$/;

/** A host, with or without a port, that is this machine whoever asks. */
export const loopbackHost = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/;

/**
 * Whether a page from elsewhere asks. A browser names the page's origin with every POST, programs name none. The Host
 * header does not make an origin our own: who points a name at 127.0.0.1 decides both.
 */
const isForeign = (origin: string | undefined): boolean =>
  origin !== undefined && !loopbackHost.test(URL.parse(origin)?.host ?? '');
