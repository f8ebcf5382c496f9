import { readdirSync, readFileSync } from 'node:fs';
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

/** One file of the page, as it is answered each time. */
type File = Readonly<{ type: string; content: Buffer }>;

/**
 * The page about the API at `/api/docs`, and what it shows as OpenAPI at `/api/docs-json`: made of the schemas that check
 * and write every request. Must be called before the routes are made.
 *
 * It is made when somebody asks: its code takes longer to load than the server to start, and with what it keeps in
 * memory every request to a server whose page nobody reads took a fifth longer. What is left of it is its files.
 */
export function describeApi(app: FastifyInstance): void {
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    if (route.method !== 'HEAD' && !route.url.startsWith(root)) routes.push(route);
  });
  let making: Promise<ReadonlyMap<string, File>> | undefined;
  const made = (): Promise<ReadonlyMap<string, File>> => {
    making ??= makeFiles(routes).catch((error) => {
      making = undefined;
      throw error;
    });
    return making;
  };
  const answer = async ({ url }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const file = (await made()).get(url.split('?', 1)[0] ?? '');
    if (file !== undefined) return reply.type(file.type).send(file.content);
    reply.callNotFound();
    return undefined;
  };
  for (const url of [root, `${root}/*`, `${root}-json`]) app.get(url, answer);
}

/** Everything that the page is made of, by its path: asked for once, of a server that never listens. */
async function makeFiles(routes: readonly RouteOptions[]): Promise<ReadonlyMap<string, File>> {
  const { fastify } = await import('fastify');
  const app = fastify({ exposeHeadRoutes: false });
  const paths = new Set<string>();
  app.addHook('onRoute', ({ url }) => {
    if (url.startsWith(root) && !/[*:]/.test(url)) paths.add(url);
  });
  await addPage(app, routes);
  for (const name of readdirSync(new URL('static/', import.meta.resolve('@fastify/swagger-ui')))) {
    paths.add(`${root}/static/${name}`);
  }
  const files = new Map<string, File>();
  for (const path of paths) {
    const { statusCode, headers, rawPayload } = await app.inject({ url: path });
    if (statusCode === 200) files.set(path, { type: String(headers['content-type']), content: rawPayload });
  }
  await app.close();
  return files;
}

/** The routes as they are described, and the page that shows them. */
async function addPage(app: FastifyInstance, routes: readonly RouteOptions[]): Promise<void> {
  const [{ default: swagger }, { default: page }] = await Promise.all([
    import('@fastify/swagger'),
    import('@fastify/swagger-ui'),
  ]);
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
    app.route({ method, url, schema: described(forReaders(schema), url, route), handler: async () => {} });
  }
  app.get(`${root}-json`, { schema: { hide: true } }, async () => app.swagger());
  await app.ready();
}

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
