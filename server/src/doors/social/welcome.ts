import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { loopbackAddress, loopbackHost } from '../../infra/http/origin.ts';
import { errorTable, Refusal } from '../../kernel/errors.ts';
import type { Identity, SignedIn } from '../../modules/identity/index.ts';
import { documentCards, documentRoutes, escapeHtml } from './documents.ts';
import { answerSchema, success } from './envelope.ts';

export type WelcomeNeeds = Readonly<{
  identity: Pick<Identity, 'provision'>;
  /** The settings that the page shows, named as in the configuration. */
  config: Readonly<{ NODE_ENV: 'development' | 'production'; DATA_DIR: string; DATABASE_URL?: string | undefined }>;
  /** Whether the page about the API is on. */
  apiDocs: boolean;
}>;

const errors = errorTable({
  NOT_FROM_HERE: { kind: 'forbidden', message: 'The demo people are for this machine and this page only' },
});

const web = fileURLToPath(new URL('../../../../web/', import.meta.url));

/** The stock client as the Socket.IO server's package brings it. */
const stockClient = resolve(
  dirname(fileURLToPath(import.meta.resolve('socket.io/package.json'))),
  'client-dist/socket.io.esm.min.js',
);

/** Accounts without a password: nobody can log in as them, and they are never the first person. */
const demoPeople = [
  { username: 'demo_ada', email: 'ada@demo.invalid' },
  { username: 'demo_grace', email: 'grace@demo.invalid' },
];

const person = Type.Object(
  { id: Type.String(), username: Type.String(), accessToken: Type.String() },
  { additionalProperties: false },
);
const pairSchema = Type.Object({ ada: person, grace: person }, { additionalProperties: false });

/** What a person sees who opens the server's address: the start page, the documentation, in development the demo. */
export const welcomeRoutes =
  ({ identity, config, apiDocs }: WelcomeNeeds): FastifyPluginAsyncTypebox =>
  async (app) => {
    await app.register(fastifyStatic, { root: resolve(web, 'assets'), prefix: '/assets/', index: false });
    const client = readFileSync(stockClient, 'utf8');
    app.get('/assets/socket.io-client.js', async (_request, reply) =>
      reply.type('text/javascript; charset=utf-8').header('cache-control', 'public, max-age=86400').send(client),
    );
    await app.register(documentRoutes(readFileSync(resolve(web, 'document.html'), 'utf8')));
    const page = pageFor(config, apiDocs);
    app.get('/', async (request, reply) => reply.type('text/html; charset=utf-8').send(page(request)));
    if (config.NODE_ENV !== 'development') return;

    app.post('/demo/pair', { schema: { response: { 200: answerSchema(pairSchema) } } }, async (request, reply) => {
      refuseStrangers(request);
      const [ada, grace] = await identity.provision(demoPeople);
      if (ada === undefined || grace === undefined) throw new Error('The demo people are missing');
      reply.header('cache-control', 'no-store');
      return success({ ada: personView(ada), grace: personView(grace) });
    });
  };

const personView = ({ profile, accessToken }: SignedIn) => ({
  id: profile.id,
  username: profile.username,
  accessToken,
});

/**
 * Tokens without a password go to this machine only. A browser names the page that asks (Origin); a page elsewhere that
 * has pointed its own name at this address is known by the Host. The socket's own address counts, not a proxy's word.
 */
function refuseStrangers({ headers, socket }: FastifyRequest): void {
  const host = headers.host ?? '';
  const ownPage = headers.origin === undefined || headers.origin === `http://${host}`;
  if (ownPage && loopbackHost.test(host) && loopbackAddress.test(socket.remoteAddress ?? '')) return;
  throw new Refusal(errors.NOT_FROM_HERE);
}

/** The page for one profile; only the address in it depends on the request. */
function pageFor(
  { NODE_ENV, DATA_DIR, DATABASE_URL }: WelcomeNeeds['config'],
  apiDocs: boolean,
): (request: FastifyRequest) => string {
  const other = NODE_ENV === 'development' ? 'production' : 'development';
  const facts: Record<string, string> = {
    profile: NODE_ENV,
    database: databaseName(DATABASE_URL),
    folder: escapeHtml(resolve(DATA_DIR)),
    documents: documentCards({ apiDocs }),
  };
  const template = readFileSync(resolve(web, 'index.html'), 'utf8')
    .replaceAll(new RegExp(`\\s*<!-- ${other} -->.*?<!-- /${other} -->`, 'gs'), '')
    .replaceAll(/\s*<!-- \/?\w+ -->/g, '');
  return (request) =>
    template.replaceAll(/\{\{(\w+)\}\}/g, (_, name: string) =>
      name === 'origin' ? escapeHtml(originFor(request)) : (facts[name] ?? ''),
    );
}

/** The engine only: where a database server stands is nothing for a page. */
const databaseName = (url: string | undefined): string =>
  url === undefined ? 'SQLite, in the data folder' : 'PostgreSQL';

/** The address under which the browser came; what looks like no host is never put into a command to paste. */
function originFor({ host, protocol }: FastifyRequest): string {
  return `${protocol}://${/^([\w.-]+|\[[\da-f:]+\])(:\d+)?$/i.test(host) ? host : 'localhost'}`;
}
