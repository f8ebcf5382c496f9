import { readFileSync } from 'node:fs';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifySchema, RouteOptions } from 'fastify';
import { needsToken } from '../../infra/http/guard.ts';

const { version }: { version: string } = JSON.parse(
  readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
);

const failure = {
  type: 'object',
  properties: { success: { const: false }, message: { type: 'string' }, code: { type: 'string' } },
  required: ['success', 'message', 'code'],
} as const;

/** What this door's refusals mean, in the words of its document. */
const refusals = {
  400: 'Validation error or malformed request',
  401: 'Missing or invalid authentication token',
  403: 'Insufficient permissions',
  404: 'Resource not found',
  409: 'Resource conflict',
  429: 'Rate limit exceeded',
  500: 'Server error',
} as const;

const root = '/api/docs';

/**
 * The page about the API at `/api/docs`, and what it shows as OpenAPI at `/api/docs-json`: made of the schemas that check
 * and write every request. Must be called before the routes are made.
 *
 * It is made when somebody asks: its code takes longer to load than the server to start, and with what it keeps in
 * memory every request to a server whose page nobody reads took a fifth longer.
 */
export function describeApi(app: FastifyInstance): void {
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    if (route.method !== 'HEAD' && !route.url.startsWith(root)) routes.push(route);
  });
  let making: Promise<FastifyInstance> | undefined;
  const answer = async ({ raw }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    making ??= makePage(routes);
    const { statusCode, headers, rawPayload } = await (await making).inject({ url: raw.url ?? root });
    if (statusCode !== 404) return reply.code(statusCode).headers(headers).send(rawPayload);
    reply.callNotFound();
    return undefined;
  };
  for (const url of [root, `${root}/*`, `${root}-json`]) app.get(url, answer);
}

/** A server that never listens: the routes as they are described, and the page that shows them. */
async function makePage(routes: readonly RouteOptions[]): Promise<FastifyInstance> {
  const [{ fastify }, { default: swagger }, { default: page }] = await Promise.all([
    import('fastify'),
    import('@fastify/swagger'),
    import('@fastify/swagger-ui'),
  ]);
  const app = fastify({ exposeHeadRoutes: false });
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Rendezvous',
        version,
        description:
          'Make an account with POST /api/v1/auth/register, or sign in with POST /api/v1/auth/login. Copy `data.accessToken` ' +
          'of the answer into “Authorize”, and again when it has expired. What to mend after a refusal stands in its `message`.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    hideUntagged: true,
  });
  await app.register(page, {
    routePrefix: root,
    // Without its bar on top, which opens any other address and breaks our policy for styles.
    uiConfig: { layout: 'BaseLayout', docExpansion: 'list' },
    theme: { title: 'Rendezvous API' },
  });
  for (const route of routes) {
    const { method, url, schema = {} } = route;
    app.route({ method, url, schema: described(forReaders(schema), url, route), handler: nothing });
  }
  app.get(`${root}-json`, { schema: { hide: true } }, async () => app.swagger());
  await app.ready();
  return app;
}

const nothing = async (): Promise<void> => {};

/** Without the words for what breaks a pattern or format, which are for our own refusals and no keyword of OpenAPI. */
const forReaders = (schema: FastifySchema): FastifySchema =>
  JSON.parse(JSON.stringify(schema, (key, value) => (key === 'x-fault' ? undefined : value)));

/** A route's schema with what follows from where it stands and who may use it. What is of no API has no tag. */
function described(schema: FastifySchema, url: string, route: RouteOptions): FastifySchema {
  const [, api, door, area] = url.split('/');
  if (api !== 'api' || door === undefined || door.startsWith('docs')) return schema;
  const guarded = [route.onRequest ?? []].flat().some(needsToken);
  const told: FastifySchema = {
    ...schema,
    tags: schema.tags ?? [area ?? door],
    ...(guarded ? { security: [{ token: [] }] } : {}),
  };
  const refused = door === 'v1' ? answersOf(schema, { guarded, route }) : {};
  return { ...told, response: { ...refused, ...withWords(schema) } };
}

/** The refusals that a route can answer with. */
function answersOf(
  { body, headers, params, querystring }: FastifySchema,
  at: { guarded: boolean; route: RouteOptions },
) {
  const changes = body !== undefined || headers !== undefined;
  const names = params !== undefined || changes;
  const possible: Record<keyof typeof refusals, boolean> = {
    400: names || querystring !== undefined,
    401: at.guarded || at.route.url.includes('/auth/'),
    403: at.guarded && names,
    404: at.guarded && names,
    409: changes,
    429: !at.route.url.includes('/health'),
    500: true,
  };
  const statuses = Object.entries(refusals).filter(([status]) => possible[Number(status) as keyof typeof refusals]);
  return Object.fromEntries(statuses.map(([status, description]) => [status, { ...failure, description }]));
}

/** The answers that the route itself declares; the plugin's own words for one say nothing. */
function withWords({ response }: FastifySchema): Record<string, unknown> {
  const declared = Object.entries((response ?? {}) as Record<string, object>);
  const words: Readonly<Record<string, string>> = { ...refusals, 413: 'Larger than it may be' };
  const told = declared.map(([status, schema]) => [status, { description: words[status] ?? 'As asked', ...schema }]);
  return Object.fromEntries(told);
}
