import assert from 'node:assert/strict';
import { request } from 'node:http';
import test from 'node:test';
import { startServer } from '../../../test/support/server.ts';

const production = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  JWT_SECRET: 'Tests sign with these 40 bytes or more..',
};

const pageOf = async (url: string, path = '/'): Promise<string> => (await fetch(new URL(path, url))).text();

/** What this page links to on its own server. */
const linksOf = (html: string): string[] =>
  [...html.matchAll(/(?:href|src)="(\/[^"#]*)[^"]*"/g)].map(([, path]) => path ?? '');

/** A POST with headers that fetch does not let anybody set. */
function post(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: 'POST', headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('error', reject);
    sent.end();
  });
}

test('the start page says where the server listens, what it stores and where', async (t) => {
  const { url } = await startServer(t);
  const response = await fetch(url);
  const page = await response.text();
  assert.equal(response.status, 200);
  assert.match(response.headers.get('content-type') ?? '', /^text\/html/);
  assert.ok(page.includes(`<code>${url}</code>`) && page.includes('development') && page.includes('Data folder'));
  assert.match(page, /<dd>(SQLite|PostgreSQL)/);
  assert.ok(!page.includes('{{') && !page.includes('<!--'), 'a placeholder was left in the page');
});

test('pages run nothing but their own files', async (t) => {
  const { url } = await startServer(t);
  for (const path of ['/', '/docs/readme']) {
    const response = await fetch(new URL(path, url));
    assert.equal(response.status, 200);
    const policy = response.headers.get('content-security-policy') ?? '';
    assert.ok(policy.includes("script-src 'self';") && policy.includes("default-src 'none'"), policy);
    const page = await response.text();
    assert.doesNotMatch(page, /<script(?![^>]*\bsrc="\/)|<style| style=| on\w+=/);
    assert.doesNotMatch(page, /(?:src|<link[^>]*href)="https?:/);
  }
});

test('a Host that is none never gets into a command to paste', async (t) => {
  const { url } = await startServer(t);
  const page = await new Promise<string>((resolve, reject) => {
    request(url, { headers: { host: 'x";rm -rf ~;"' } }, async (response) => {
      resolve((await response.toArray()).join(''));
    })
      .on('error', reject)
      .end();
  });
  assert.ok(!page.includes('rm -rf'));
});

test('the demo pair: the same two people each time, who are never the first person', async (t) => {
  const { call } = await startServer(t);
  const people = async () => {
    const { status, body, headers } = await call('POST', '/demo/pair');
    assert.equal(status, 200);
    assert.equal(headers.get('cache-control'), 'no-store');
    return body['data'] as Record<'ada' | 'grace', { id: string; accessToken: string }>;
  };
  const [before, after] = [await people(), await people()];
  assert.equal(before.ada.id, after.ada.id);
  assert.equal(before.grace.id, after.grace.id);
  assert.notEqual(before.ada.id, before.grace.id);
  const me = await call('GET', '/api/v1/auth/me', { token: after.grace.accessToken });
  assert.equal((me.body['data'] as { role: string }).role, 'USER');
  const account = { username: 'somebody', email: 'somebody@example.org', password: 'Correct-Horse-1' };
  const made = await call('POST', '/api/v1/auth/register', { body: account });
  assert.equal((made.body['data'] as { role: string }).role, 'ADMIN');
});

test('the demo pair is not for other pages, nor for a name that was pointed at this machine', async (t) => {
  const { url } = await startServer(t);
  const own = `${url}/demo/pair`;
  assert.equal(await post(own, { origin: url }), 200);
  assert.equal(await post(own, { origin: 'https://elsewhere.example' }), 403);
  assert.equal(await post(own, { origin: 'null' }), 403);
  assert.equal(await post(own, { host: 'elsewhere.example', origin: 'http://elsewhere.example' }), 403);
});

test('production shows no folder and has no demo people', async (t) => {
  const { url, call } = await startServer(t, production);
  const page = await pageOf(url);
  assert.ok(page.includes('production'));
  assert.doesNotMatch(page, /<dt>Data folder|demo\/pair|<script/);
  const { status, body } = await call('POST', '/demo/pair');
  assert.deepEqual([status, body['code']], [404, 'NOT_FOUND']);
});

test('every link on the start page and in the documents leads somewhere', async (t) => {
  const { url } = await startServer(t);
  const seen = new Set(['/']);
  for (const path of seen) {
    const response = await fetch(new URL(path, url));
    assert.equal(response.status, 200, path);
    if (response.headers.get('content-type')?.startsWith('text/html')) {
      for (const link of linksOf(await response.text())) seen.add(link);
    }
  }
  for (const wanted of ['/docs/readme', '/docs/architecture', '/docs/operate', '/assets/page.js']) {
    assert.ok(seen.has(wanted), `nothing links to ${wanted}`);
  }
});

test('links inside a document lead to its headings', async (t) => {
  const { url } = await startServer(t);
  for (const path of ['/docs/readme', '/docs/architecture', '/docs/operate']) {
    const page = await pageOf(url, path);
    for (const [, anchor] of page.matchAll(/href="#([^"]+)"/g))
      assert.ok(page.includes(`id="${anchor}"`), `${path}#${anchor}`);
  }
});

test('only listed files are served', async (t) => {
  const { url } = await startServer(t);
  const paths = ['/docs/package.json', '/docs/..%2fpackage.json', '/assets/..%2findex.html', '/assets/', '/docs/'];
  for (const path of paths) {
    const { status } = await fetch(url + path);
    assert.ok(status === 404 || status === 400, `${path}: ${status}`);
  }
});
