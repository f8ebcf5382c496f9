// The page about the API and what it is made of, for both doors.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import { openBrowser, skip } from './support/browser.ts';
import { startServer } from './support/server.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const production = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  JWT_SECRET: 'aB3kX9mQ7wE2rT6yU1iO5pL8sD4fG0hJ',
};

type Schema = Record<string, unknown>;
type Operation = {
  summary?: string;
  tags?: string[];
  security?: object[];
  requestBody?: { content: Record<string, { schema: { properties: Record<string, Schema> } }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
};

async function open(t: TestContext, settings: Readonly<Record<string, string>> = {}) {
  const server = await startServer(t, settings);
  const { status, body } = await server.call('GET', '/api/docs-json');
  assert.equal(status, 200);
  const paths = body['paths'] as Record<string, Record<string, Operation>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  return { server, operations, paths, body };
}

test('every route of both doors is described: in words, with its area, its answers and whether it needs a token', async (t) => {
  const { server, operations, body } = await open(t);
  assert.match(String(body['openapi']), /^3\.1\./);
  assert.ok(operations.length > 40, `${operations.length} operations`);
  for (const { path, method, operation } of operations) {
    const { summary, tags, security, responses } = operation;
    const name = `${method} ${path}`;
    assert.match(path, /^\/api\/(v1|gateway)\//, name);
    assert.ok(summary !== undefined && summary.length > 3, `${name} has no summary`);
    assert.equal(tags?.length, 1, name);
    const good = Object.keys(responses).filter((status) => status.startsWith('2'));
    // Who joins a meeting is in it, or waits.
    assert.equal(good.length, name === 'POST /api/v1/meetings/{id}/join' ? 2 : 1, name);
    const failures = Object.entries(responses).filter(([status]) => /^[45]/.test(status));
    assert.ok(failures.length > 0, name);
    for (const [status, { description, content }] of failures) {
      assert.ok(description.length > 3, `${name} ${status}`);
      assert.ok(content?.['application/json'], `${name} ${status}`);
    }
    const payload = method === 'GET' ? {} : { body: {} };
    const answer = await server.call(method, path.replaceAll(/\{\w+\}/g, nobody), payload);
    assert.equal(answer.status === 401, security !== undefined, `${name} without a token: ${answer.status}`);
    assert.ok(String(answer.status) in responses, `${name} answers ${answer.status}, which is not described`);
  }
});

test('what is described is what is checked and written', async (t) => {
  const { server, paths } = await open(t);
  const [ada] = await server.people(1);
  const { title } =
    paths['/api/v1/groups']?.['post']?.requestBody?.content['application/json']?.schema.properties ?? {};
  const longest = Number(title?.['maxLength']);
  for (const [length, status] of [
    [longest, 201],
    [longest + 1, 400],
  ] as const) {
    const body = { title: 'x'.repeat(length) };
    assert.equal((await server.call('POST', '/api/v1/groups', { token: ada?.accessToken ?? '', body })).status, status);
  }
});

test('the examples that are tried out are taken as they are; no keyword is our own, and every answer has words', async (t) => {
  const { server, paths, operations, body } = await open(t);
  const example = (path: string) => {
    const { example: given } = Object(paths[path]?.['post']?.requestBody?.content['application/json']);
    assert.ok(given, path);
    return given as object;
  };
  const post = (path: string, given = example(path), token = '') => server.call('POST', path, { body: given, token });
  assert.equal((await post('/api/v1/auth/register')).status, 201);
  assert.equal((await post('/api/v1/auth/login')).status, 200);
  const [ada, bob] = await server.people(2);
  assert.ok(ada && bob);
  const message = { ...example('/api/v1/messages'), receiverId: bob.principal.id };
  assert.equal((await post('/api/v1/messages', message, ada.accessToken)).status, 201);
  assert.doesNotMatch(JSON.stringify(body), /"(x-)?fault"/);
  for (const { path, operation } of operations)
    for (const { description } of Object.values(operation.responses))
      assert.notEqual(description, 'Default Response', path);
});

test('every body begins with an example that is taken for its form', async (t) => {
  const { server, operations } = await open(t);
  const [ada] = await server.people(1);
  const token = ada?.accessToken ?? '';
  let tried = 0;
  for (const { path, method, operation } of operations) {
    if (operation.requestBody === undefined) continue;
    const { example } = Object(operation.requestBody.content['application/json']);
    const name = `${method} ${path}`;
    assert.ok(example, `${name} has no example`);
    // What it is about exists for nobody: what is refused is that, and not how it is written.
    const answer = await server.call(method, path.replaceAll(/\{\w+\}/g, nobody), { body: example, token });
    assert.notEqual(answer.status, 400, `${name}: ${JSON.stringify(answer.body)}`);
    tried += 1;
  }
  assert.ok(tried > 15, `${tried} bodies`);
});

test('[social:Swagger UI /api/docs] the page shows the routes, and tries one out', { skip }, async (t) => {
  const server = await startServer(t);
  const { page, complaints } = await openBrowser(t);
  const answer = await page.goto(`${server.url}/api/docs`);
  assert.equal(answer?.status(), 200);
  assert.match(answer?.headers()['content-type'] ?? '', /^text\/html/);
  await page.getByRole('heading', { name: 'Rendezvous' }).waitFor();
  await page.getByText('Whether the process is alive').click();
  await page.getByRole('button', { name: 'Try it out' }).click();
  await page.getByRole('button', { name: 'Execute' }).click();
  await page.getByText('Service is healthy').first().waitFor();
  assert.deepEqual(complaints, []);
});

test('production has no such page unless it is switched on', async (t) => {
  const closed = await startServer(t, production);
  for (const path of ['/api/docs', '/api/docs/', '/api/docs/json', '/api/docs-json', '/api/docs/static/index.html']) {
    assert.equal((await closed.call('GET', path)).status, 404, path);
  }
  const { operations } = await open(t, { ...production, API_DOCS: 'on' });
  assert.ok(operations.length > 40);
});

test('the files of the page are the only thing below its address, answered once each without keeping them', async (t) => {
  const server = await startServer(t);
  for (const path of [
    '/api/docs/..%2fv1/auth/me',
    '/api/docs/nothing',
    '/api/docs/static/../../v1/groups',
    '/api/docs/json/',
  ]) {
    const { status, body } = await server.call('GET', path);
    assert.ok(status === 404 || status === 401, `${path}: ${status}`);
    assert.equal(body['success'], false);
  }
  const { port } = new URL(server.url);
  const socket = connect(Number(port), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.end('GET /api/docs/static/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const [head] = (await once(socket, 'data')) as [Buffer];
  assert.match(head.toString(), /^HTTP\/1.1 200 /);
  assert.match(head.toString(), /\r\nconnection: close\r\n/i);
  const before = process.memoryUsage.rss();
  const stalled = connect(Number(port), '127.0.0.1').pause();
  t.after(() => stalled.destroy());
  stalled.write('GET /api/docs/static/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(300));
  for (let n = 0; n < 20; n += 1) assert.equal((await server.call('GET', '/api/v1/health')).status, 200);
  assert.ok(process.memoryUsage.rss() - before < 300_000_000, 'three hundred answers that nobody reads');
});
