import assert from 'node:assert/strict';
import { connect } from 'node:net';
import test, { type TestContext } from 'node:test';
import { table } from '../authorization/table.ts';
import { openWorld, type Person } from '../authorization/world.ts';
import { startServer } from '../support/server.ts';

const production = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  JWT_SECRET: 'aB3kX9mQ7wE2rT6yU1iO5pL8sD4fG0hJ',
  METRICS_TOKEN: 'a token of sixteen letters and more',
};

/** An answer to bytes, as bytes: no client in between makes an address proper. */
function exchange(url: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(text, 'latin1'));
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(answer));
  });
}

const targets = [
  ...[
    '//evil.example',
    '//evil.example/',
    '///evil.example/..',
    '/\\evil.example',
    '/\\\\evil.example',
    '/%5cevil.example',
  ],
  ...['/https:evil.example', '/https:/evil.example', 'https://evil.example/', '/.evil.example', '/..//evil.example'],
  ...['/%2f%2fevil.example', '/%0d%0aLocation:%20//evil.example', '/?next=//evil.example', '/docs//evil.example'],
  ...[
    '/assets//evil.example',
    '/assets/..%2f..%2fpackage.json',
    '/assets/../package.json',
    '/docs',
    '/assets',
    '/api/docs',
  ],
  ...['/assets/%0d%0aSet-Cookie:%20a=b', '/health/?redirect_uri=https://evil.example', '/socket.io//evil.example'],
];

test('threat G-9: no address leads elsewhere, and in production nothing of the inside is shown to strangers', async (t) => {
  const server = await startServer(t, production);
  for (const target of targets) {
    for (const host of ['127.0.0.1', 'evil.example']) {
      const answer = await exchange(server.url, `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      const [head = '', body = ''] = answer.split('\r\n\r\n');
      assert.match(head, /^HTTP\/1\.1 (200|400|404|403|429|301|302|308) /, target);
      assert.doesNotMatch(head, /^(location|set-cookie|refresh):/im, `${target}: ${head}`);
      assert.doesNotMatch(body, /\.ts:\d+|node_modules|at \w+ \(|"dependencies"/, target);
    }
  }
  for (const path of ['/metrics', '/api/v1/metrics']) assert.equal((await server.call('GET', path)).status, 401);
  for (const path of ['/api/docs', '/api/docs/json', '/debug', '/debug/pprof', '/.env', '/server-status', '/admin']) {
    assert.equal((await server.call('GET', path)).status, 404, path);
  }
});

const deep = (open: string, close: string): string => `${open.repeat(10_000)}1${close.repeat(10_000)}`;
/** What stands in the place of one field, as JSON. */
const values = [
  ...['null', 'true', '-0', '1e999', '-1', '123456789012345678901234567890', '0.1', '""', '" "', '[]', '{}', '[null]'],
  ...['{"$gt":""}', '{"$where":"1"}', '["a","b"]', '{"length":1}', '{"toString":"x"}', '{"then":"x"}', '"__proto__"'],
  ...['"\\u0000"', '"\\ud800"', '"\\u202e"', '"constructor"', '"9007199254740993"', `"${'x'.repeat(70_000)}"`],
  ...['{"__proto__":{"role":"ADMIN"}}', '{"constructor":{"prototype":{"role":"ADMIN"}}}', deep('[', ']')],
];
/** Whole bodies. */
const bodies = [
  '',
  ' ',
  'null',
  '[]',
  '"text"',
  '7',
  '{',
  '{"a":1}{"b":2}',
  '\ufeff{}',
  deep('{"a":', '}'),
  deep('[', ']'),
];
const types = [
  ...[
    'application/json\t',
    'application/json\t;x',
    'application/json; charset=utf-7',
    'application/json;charset=utf-16le',
  ],
  ...[
    'application/jsonx',
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
  ],
  ...['application/json, text/plain', 'APPLICATION/JSON; CHARSET=x', 'application/vnd.api+json', ''],
];

async function open(t: TestContext) {
  const server = await startServer(t);
  const sign = async (count: number): Promise<Person[]> =>
    (await server.people(count)).map(({ principal, accessToken, refreshToken }) => ({
      id: principal.id,
      token: accessToken,
      refreshToken,
    }));
  // The first person is an administrator: nobody of those below is.
  const first = { username: 'first', email: 'first@example.org', password: 'Correct-horse-9' };
  assert.equal((await server.call('POST', '/api/v1/auth/register', { body: first })).status, 201);
  const [admin] = await sign(1);
  assert.ok(admin);
  const world = await openWorld({ url: server.url, sign, admin });
  // Whoever asks is spared what would end their own session.
  const ending = /logout|DELETE \/api\/v1\/users\/:id$|sessions|demo/;
  const rows = table.filter(({ name }) => /^(POST|PUT|PATCH|DELETE) /.test(name) && !ending.test(name));
  const requests = new Map<string, { method: string; path: string; body: Record<string, unknown> }>();
  for (const { name, ask } of rows) {
    const [method = '', path = ''] = name.split(' ');
    const { params = {}, body = {} } = await ask(world, 'member');
    const place = path.replaceAll(/:(\w+)/g, (_, field: string) => params[field] ?? 'x');
    requests.set(name, { method, path: place, body: { ...body } });
  }
  return { server, token: world.people.stranger.token, requests: [...requests.values()] };
}

/** The ordinary body with one field that is another, one too many or said twice. */
function spoiltBodies(body: Record<string, unknown>): string[] {
  const names = [...new Set([...Object.keys(body), 'role', '__proto__', 'constructor', 'id'])];
  return names.flatMap((name) =>
    values.map((value) => {
      const rest = JSON.stringify({ ...body, [name]: undefined }).slice(1, -1);
      const field = `${JSON.stringify(name)}:${value}`;
      return `{${[rest, field, ...(value === 'null' ? [field] : [])].filter((part) => part !== '').join()}}`;
    }),
  );
}

test('threat X-1: no body, type of body, repeated field or query of any route brings a failure or changes what an object is', async (t) => {
  const { server, token, requests } = await open(t);
  assert.ok(requests.length > 25);
  const found: string[] = [];
  let sent = 0;
  const post = async (method: string, path: string, { body, type }: { body: string; type: string }) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': type };
    const response = await fetch(`${server.url}${path}`, { method, headers, body });
    const text = await response.text();
    sent += 1;
    if (response.status >= 500 || text.includes('"role":"ADMIN"'))
      found.push(`${response.status} ${method} ${path} ${body.slice(0, 80)}`);
    return response.status;
  };
  for (const { method, path, body } of requests) {
    for (const strange of spoiltBodies(body)) await post(method, path, { body: strange, type: 'application/json' });
    for (const whole of bodies) await post(method, path, { body: whole, type: 'application/json' });
    for (const type of types) await post(method, path, { body: JSON.stringify(body), type });
    await post(method, `${path}?id=1&id=2&role=ADMIN&__proto__[role]=ADMIN&a[b]=c`, {
      body: JSON.stringify(body),
      type: 'application/json',
    });
  }
  assert.deepEqual(found, []);
  assert.ok(sent > 3_000, String(sent));
  assert.equal(Object.getOwnPropertyNames(Object.prototype).includes('role'), false);
  const people = await server.call('GET', '/api/v1/auth/me', { token });
  assert.equal((people.body['data'] as { role: string }).role, 'USER');
});

const queries = [
  ...['page=1&page=2', 'limit=1&limit=2', 'page[]=1', 'page[$gt]=1', 'page=1e9', 'limit=-1', 'page=0x10', 'page=%00'],
  ...['before=%00', 'after=%00', 'before=a&before=b', 'type=%00', '__proto__[page]=1', 'constructor=x', '%00=1', '='],
];

test('threat X-1: what stands twice in an address, is no number or no text is refused or means nothing', async (t) => {
  const { server, token } = await open(t);
  const lists = ['groups', 'users', 'users/blocked', 'calls', 'conversations', 'messages/search', 'auth/sessions'];
  const paths = lists.flatMap((list) => [...queries, 'query=%00', 'query=a%00b'].map((query) => `${list}?${query}`));
  const words = lists.flatMap((list) => queries.map((query) => `${list}?query=word&${query}`));
  const pieces = ['users/%00', 'users/%00/presence', 'messages/%00', 'messages/direct/%00', 'messages/group/%00'];
  const more = ['groups/%00', 'groups/%00/members', 'calls/%00', 'users/__proto__', 'groups/constructor'];
  for (const path of [...paths, ...words, ...pieces, ...more]) {
    const { status, text } = await server.call('GET', `/api/v1/${path}`, { token });
    assert.ok([200, 400, 404].includes(status), `${path}: ${status} ${text}`);
  }
});
