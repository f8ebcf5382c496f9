import { readFileSync } from 'node:fs';
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify';
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

/**
 * The page about the API at `/api/docs`, and what it shows as OpenAPI at `/api/docs-json`: made of the schemas that check
 * and write every request. Must be called before the routes are made.
 */
export async function describeApi(app: FastifyInstance): Promise<void> {
  // Only where the page is on: their code takes longer to load than the server to start.
  const [{ default: swagger }, { default: page }] = await Promise.all([
    import('@fastify/swagger'),
    import('@fastify/swagger-ui'),
  ]);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Rendezvous',
        version,
        description: 'Sign in with POST /api/v1/auth/login, then give the access token to “Authorize”.',
      },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
    },
    hideUntagged: true,
    transform: ({ schema, url, route }) => ({ schema: described(schema ?? {}, url, route), url }),
  });
  await app.register(page, {
    routePrefix: '/api/docs',
    // Without its bar on top, which opens any other address and breaks our policy for styles.
    uiConfig: { layout: 'BaseLayout', docExpansion: 'list' },
    theme: { title: 'Rendezvous API' },
  });
  app.get('/api/docs-json', async () => app.swagger());
}

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
