import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import cors from '@fastify/cors';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchemaCompiler,
  LogController,
} from 'fastify';
import type { TSchema } from 'typebox';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { sentence, wordFaults } from '../../kernel/schema.ts';
import { type Envelope, failureOf } from './failure.ts';
import { isNetwork, listOf, originsOf } from './lists.ts';
import { loggableUrl } from './logger.ts';
import { securityHeaders } from './security-headers.ts';

export type HttpOptions = Readonly<{
  logger: FastifyBaseLogger;
  /** CIDR list of proxies whose X-Forwarded-For is believed, separated by commas; without it nobody's. */
  trustProxy?: string | undefined;
  /** Origins that browsers may call from, separated by commas; without it any, without credentials. */
  corsOrigins?: string | undefined;
  /** How long a connection may say nothing before its first request, in seconds. */
  silentSeconds?: number;
}>;

export interface Http {
  readonly app: FastifyInstance;
  /** Every route that has been registered so far, as in `GET /api/v1/health`; each once, without HEAD and OPTIONS. */
  routes(): string[];
  /** The longest prefix of the path decides. Also what the framework itself refuses is said in it. */
  setEnvelope(prefix: string, envelope: Envelope): void;
}

const bodyLimit = 1_048_576;
const saneId = /^[\w.-]{1,64}$/;

/** One HTTP server: request ids, logs without secrets, strict JSON, security headers, failures in the doors' words. */
export function createHttp(options: HttpOptions): Http {
  const envelopes: { prefix: string; envelope: Envelope }[] = [];
  const envelopeOf = (url: string): Envelope =>
    envelopes.find(({ prefix }) => isUnder(url, prefix))?.envelope ?? plainEnvelope;
  const fail = (error: unknown, request: FastifyRequest, reply: FastifyReply) =>
    answerFailure(error, request, reply, envelopeOf(request.url));
  const proxies = proxiesOf(options.trustProxy);
  const app: FastifyInstance = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: ({ headers }) => idOf(headers['x-request-id']),
    trustProxy: proxies.length === 0 ? false : proxies,
    bodyLimit,
    requestTimeout: 60_000,
    // Node counts a new connection as one whose headers have not come; looked at twice within the time.
    http: {
      headersTimeout: (options.silentSeconds ?? 20) * 1_000,
      connectionsCheckingInterval: 500,
      // An offer of HTTP/2 is no upgrade: the request is answered as it is.
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    frameworkErrors: fail,
    clientErrorHandler: (error, socket) => answerUnreadable(error.code, socket, envelopeOf('/')),
  });
  app.setValidatorCompiler(compileWorded);
  app.setErrorHandler(fail);
  app.setNotFoundHandler((request, reply) => {
    const message = `Nothing answers ${request.method} at this address: look at the path and the method`;
    return fail(new Refusal(commonErrors.NOT_FOUND, { message }), request, reply);
  });
  const routes = new Set<string>();
  app.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD' && one !== 'OPTIONS') routes.add(`${one} ${url}`);
  });
  acceptOnlyJson(app);
  addHeaders(app, originsOf(options.corsOrigins));
  logRequests(app);
  return {
    app,
    routes: () => [...routes],
    setEnvelope(prefix, envelope) {
      envelopes.push({ prefix, envelope });
      envelopes.sort((left, right) => right.prefix.length - left.prefix.length);
    },
  };
}

/** Refuses in words for a person, where the compiler's own would show patterns and every alternative. */
const compileWorded: FastifySchemaCompiler<TSchema> = (route) => {
  const validate = TypeBoxValidatorCompiler(route);
  const changeable = route.httpPart === 'body' && /^(?:PATCH|PUT)$/.test(route.method) ? fieldsOf(route.schema) : [];
  return (value: unknown) => {
    if (changeable.length > 0 && knowsNone(changeable, value)) {
      const message = `The body has none of the fields that can be changed here: ${changeable.join(', ')}`;
      return { error: new Refusal(commonErrors.INVALID_INPUT, { message }) };
    }
    const verdict = validate(value);
    if (typeof verdict !== 'object' || !('error' in verdict) || !Array.isArray(verdict.error)) return verdict;
    const message = sentence(wordFaults(route.schema, verdict.error), route.httpPart);
    return { error: new Refusal(commonErrors.INVALID_INPUT, { message }) };
  };
};

/** The fields of a form that needs none of them. */
function fieldsOf(schema: TSchema): string[] {
  const { properties, required } = schema as { properties?: object; required?: readonly string[] };
  return required === undefined || required.length === 0 ? Object.keys(properties ?? {}) : [];
}

/**
 * Fields that nobody knows are passed over, beside those that count. Where there are only such, a mistyped name would look
 * like a change that was made. `{}` asks for nothing and is no mistake.
 */
const knowsNone = (fields: readonly string[], value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).length > 0 &&
  !fields.some((field) => Object.hasOwn(value, field));

const isUnder = (url: string, prefix: string): boolean =>
  url.startsWith(prefix) && (prefix.endsWith('/') || /^(?:[/?#]|$)/.test(url.slice(prefix.length)));

const plainEnvelope: Envelope = ({ kind, message }) => ({
  status: kind === 'internal' ? 500 : kind === 'not_found' ? 404 : 400,
  body: { message },
});

/** A wrong entry would be dangerous in silence: `true` or a number of hops believes whoever connects. */
function proxiesOf(text: string | undefined): string[] {
  const proxies = listOf(text);
  const wrong = proxies.find((proxy) => !isNetwork(proxy));
  if (wrong !== undefined) {
    throw new Error(`TRUST_PROXY must be a list of addresses or networks (10.0.0.0/8), not "${wrong}"`);
  }
  return proxies;
}

const idOf = (given: string | string[] | undefined): string =>
  typeof given === 'string' && saneId.test(given) ? given : randomUUID();

/** JSON only, no prototype poisoning; an empty body is no body, because many clients always send the header. */
function acceptOnlyJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body: string, done) => {
    if (body === '') done(null, undefined);
    else void parse(request, body, done);
  });
}

/** Bearer tokens instead of cookies make `*` safe; credentials only for origins that the operator names. */
function addHeaders(app: FastifyInstance, origins: string[] | '*'): void {
  void app.register(cors, {
    origin: origins,
    credentials: origins !== '*',
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset', 'Retry-After', 'X-Request-Id'],
    maxAge: 600,
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(securityHeaders).header('x-request-id', request.id);
  });
}

function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const { method, url, ip } = request;
    const took = Math.round(reply.elapsedTime * 10) / 10;
    request.log.info({ method, url: loggableUrl(url), status: reply.statusCode, ms: took, address: ip }, 'request');
  });
}

function answerFailure(error: unknown, request: FastifyRequest, reply: FastifyReply, envelope: Envelope): FastifyReply {
  const failure = failureOf(error);
  const { status, body } = envelope(failure);
  if (failure.kind === 'internal') request.log.error({ err: error, url: loggableUrl(request.url) }, 'request failed');
  if (failure.kind === 'unavailable') request.log.warn({ err: error, url: loggableUrl(request.url) }, 'unavailable');
  reply.header('x-request-id', request.id);
  if (failure.retryAfter !== undefined) reply.header('retry-after', failure.retryAfter);
  return reply.code(status).type('application/json; charset=utf-8').serializer(JSON.stringify).send(body);
}

/** What Node's parser could not read has no request; the connection is over after the answer. */
function answerUnreadable(code: string, socket: Socket, envelope: Envelope): void {
  if (code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const late = code === 'ERR_HTTP_REQUEST_TIMEOUT';
    const message = late ? 'The request did not arrive in time' : 'The request could not be read';
    const body = JSON.stringify(envelope({ ...commonErrors.INVALID_INPUT, message }).body);
    const line = late ? '408 Request Timeout' : '400 Bad Request';
    socket.write(
      `HTTP/1.1 ${line}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy();
}
