import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { everybody, inProduction, publicPaths, type Row, table } from './authorization/table.ts';
import { answersTo, lineOf } from './authorization/walk.ts';
import { openWorld, type Person } from './authorization/world.ts';
import { startServer } from './support/server.ts';

async function open(t: TestContext, settings: Readonly<Record<string, string>> = {}) {
  const server = await startServer(t, settings);
  const sign = async (count: number): Promise<Person[]> =>
    (await server.people(count)).map(({ principal, accessToken, refreshToken }) => ({
      id: principal.id,
      token: accessToken,
      refreshToken,
    }));
  const [admin] = await server.people(1);
  assert.ok(admin);
  await server.app.identity.setRole(admin.profile.email, 'ADMIN');
  const { principal, accessToken: token, refreshToken } = admin;
  return {
    server,
    world: await openWorld({ url: server.url, sign, admin: { id: principal.id, token, refreshToken } }),
  };
}

/** Compares all rows at once: one list says everything that is otherwise. */
async function demand(t: TestContext, world: Parameters<typeof answersTo>[1], rows: readonly Row[]): Promise<void> {
  const found: string[] = [];
  for (const row of rows) found.push(lineOf(row, await answersTo(t, world, row)));
  assert.deepEqual(
    found,
    rows.map((row) => lineOf(row, row.answers)),
  );
}

test('every route and every event is listed, with who may use it', async (t) => {
  const { server } = await open(t);
  const listed = new Set(table.map(({ name }) => name));
  const { routes, events } = server.app.surface;
  assert.ok(routes.length > 50 && events.length > 5);
  const isPublic = (route: string): boolean => publicPaths.some((path) => route.startsWith(path));
  const missing = [...routes, ...events].filter((name) => !listed.has(name) && !isPublic(name));
  assert.deepEqual(missing, [], 'say in server/test/authorization/table.ts who may use these');
  const gone = [...listed].filter((name) => !routes.includes(name) && !events.includes(name));
  assert.deepEqual(gone, [], 'these are listed and exist no more');
});

test('everybody gets what the table says: no token, a stranger, somebody blocked, a former member, a member, the owner, an administrator', {
  timeout: 120_000,
}, async (t) => {
  const { world } = await open(t);
  await demand(t, world, table);
});

test('pages and files are for everybody', async (t) => {
  const { server, world } = await open(t);
  const routes = server.app.surface.routes.filter((route) => !route.includes('*'));
  const pages = routes.filter((route) => publicPaths.some((path) => route.startsWith(path)));
  assert.ok(pages.length > 10);
  await demand(
    t,
    world,
    pages.map((name) => ({ name, on: '', answers: everybody, ask: () => ({}) })),
  );
});

test('production: the push door is for administrators', async (t) => {
  const { world } = await open(t, {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    JWT_SECRET: 'The table of who may is tested with 46 letters',
    JITSI_DOMAIN: 'meet.example.org',
    JITSI_APP_ID: 'rendezvous',
    JITSI_APP_SECRET: 'Calls are signed with these forty-six letters',
  });
  await demand(t, world, inProduction);
});
