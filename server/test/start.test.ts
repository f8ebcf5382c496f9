import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'node:test';
import { assertSentence, password, roleOf, stop } from './support/commands.ts';
import { runProgram, startServer, testFolder } from './support/process.ts';

test('a second server on the same folder is told who holds it', async (t) => {
  const folder = testFolder(t);
  const server = await startServer(t, { folder });
  const second = await runProgram(t, ['serve'], { folder });
  assertSentence(second, new RegExp(`is in use by process ${server.child.pid} at ${server.url}\\.`));
});

test('a port in use is named, with what to do', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  t.after(() => other.close());
  await new Promise((listening) => other.once('listening', listening));
  const address = other.address();
  assert.ok(typeof address === 'object' && address !== null);
  const env = { SOCIAL_PORT: String(address.port) };
  const ended = await runProgram(t, ['serve'], { folder: testFolder(t), env });
  assertSentence(
    ended,
    new RegExp(`^Another program uses port ${address.port} of 127\\.0\\.0\\.1\\. Stop it, or set SOCIAL_PORT`),
  );
});

test('wrong settings are named, each with what it should be; .env counts, and what is set already counts more', async (t) => {
  const folder = testFolder(t);
  writeFileSync(join(folder, '.env'), 'SOCIAL_PORT=7\nRATE_LIMIT_AUTH=often\n');
  const env = {
    SOCIAL_PORT: 'abc',
    LOG_LEVEL: 'loud',
    REPLAY_MAX: '0',
    TRUST_PROXY: 'foo',
    CORS_ORIGINS: 'https://a.example, foo',
  };
  const { code, err } = await runProgram(t, ['serve'], { folder, env });
  assert.equal(code, 1);
  assert.deepEqual(err.trim().split('\n').toSorted(), [
    'CORS_ORIGINS=https://a.example, foo cannot be used: it must be a list of origins, such as https://app.example.org (no path, no slash at the end), separated by commas.',
    'LOG_LEVEL=loud cannot be used: it must be one of fatal, error, warn, info, debug, trace, silent.',
    'RATE_LIMIT_AUTH=often cannot be used: it must be written as count/seconds, such as 5/900.',
    'REPLAY_MAX=0 cannot be used: it must be a whole number, at least 1.',
    'SOCIAL_PORT=abc cannot be used: it must be a whole number from 0 to 65535.',
    'TRUST_PROXY=foo cannot be used: it must be a list of addresses or networks, such as 10.0.0.0/8, separated by commas.',
  ]);
});

test('what else keeps a server from starting is said in one sentence, and no password with it', async (t) => {
  const folder = testFolder(t);
  const serve = (env: Record<string, string>) => runProgram(t, ['serve'], { folder, env });
  assertSentence(await serve({ NODE_ENV: 'production' }), /^JWT_SECRET is not set\. /);
  const url = 'postgres://me:hush-hush@127.0.0.1:1/house';
  const away = await serve({ DATABASE_URL: url });
  assertSentence(
    away,
    /^The database house at 127\.0\.0\.1:1 cannot be used: nothing listens there; is PostgreSQL running\?\n$/,
  );
  assert.doesNotMatch(away.err, /hush/);
  assertSentence(await serve({ DATABASE_URL: 'mysql://x' }), /^DATABASE_URL must look like postgres:/);
  const mail = await serve({ SMTP_URL: 'smtp://me:hush-hush@:x' });
  assertSentence(mail, /^SMTP_URL must look like smtp:/);
  assert.doesNotMatch(mail.err, /hush/);
  assertSentence(
    await serve({ TRUST_PROXY: 'true' }),
    /TRUST_PROXY=true cannot be used: it must be a list of addresses/,
  );
  assertSentence(await serve({ CORS_ORIGINS: ',' }), /^CORS_ORIGINS=, cannot be used: it must be a list of origins/);
  assertSentence(await serve({ ADMIN_EMAIL: 'a@example.org' }), /^ADMIN_EMAIL is set and ADMIN_PASSWORD is not/);
  const weak = { ADMIN_EMAIL: 'a@example.org', ADMIN_PASSWORD: 'short' };
  assertSentence(await serve(weak), /^ADMIN_EMAIL and ADMIN_PASSWORD make no administrator: password must not/);
  writeFileSync(join(folder, 'file'), '');
  assertSentence(await serve({ DATA_DIR: join(folder, 'file') }), /file cannot be used \(it is a file\)/);
  const broken = testFolder(t);
  writeFileSync(join(broken, 'rendezvous.db'), 'this is no database '.repeat(100));
  assertSentence(
    await serve({ DATA_DIR: broken }),
    /^The database .*rendezvous\.db cannot be used: file is not a database\.$/m,
  );
});

test('what is refused before the data folder is made leaves none, and a place where none can be made is said', async (t) => {
  const folder = join(testFolder(t), 'data');
  const cwd = testFolder(t);
  const serve = (env: Record<string, string>) => runProgram(t, ['serve'], { folder, cwd, env });
  assertSentence(await serve({ NODE_ENV: 'production' }), /^JWT_SECRET is not set\. /);
  assertSentence(await serve({ JWT_SECRET: 'short' }), /^JWT_SECRET has only 5 bytes/);
  assertSentence(await serve({ LOG_LEVEL: 'loud' }), /^LOG_LEVEL=loud/);
  assert.equal(existsSync(folder), false);
  if (process.platform === 'linux') {
    assertSentence(
      await serve({ DATA_DIR: '/proc/foo/bar' }),
      /^\/proc\/foo cannot be used \(it cannot be made there\)/,
    );
  }
});

test('a start that fails leaves no journal behind', async (t) => {
  const folder = testFolder(t);
  const env = { ADMIN_EMAIL: 'a@example.org' };
  assertSentence(await runProgram(t, ['serve'], { folder, env }), /^ADMIN_EMAIL is set/);
  assert.deepEqual(readdirSync(folder).toSorted(), ['holder', 'lock', 'rendezvous.db', 'secrets.json']);
});

const strong = 'J7xQ2mVb9RtYw4ZsLk8NfPd3HgCe6AuT';

test('ADMIN_EMAIL makes the administrator of an empty database, once; the banner keeps it to itself', async (t) => {
  const folder = testFolder(t);
  const env = { ADMIN_EMAIL: 'ada@example.org', ADMIN_PASSWORD: password, NODE_ENV: 'production', JWT_SECRET: strong };
  const server = await startServer(t, { folder, env: { ...env, HOST: '127.0.0.1' } });
  assert.equal(await roleOf(server.url, 'ada@example.org'), 'ADMIN');
  assertBanner(server.out(), { folder, profile: 'production', database: 'SQLite' });
  for (const secret of [password, strong, 'ada@']) assert.equal(server.out().includes(secret), false);
  await stop(server);
  const again = await startServer(t, { folder, env: { ...env, HOST: '127.0.0.1', ADMIN_EMAIL: 'eve@example.org' } });
  assert.match(await roleOf(again.url, 'eve@example.org'), /refused with 401/);
});

test('the banner of an empty house says what to try first', async (t) => {
  const folder = testFolder(t);
  const server = await startServer(t, { folder });
  assertBanner(server.out(), { folder, profile: 'development', database: 'SQLite' });
  assert.match(server.out(), new RegExp(`Open ${server.url} in a browser.*README\\.md`));
  assert.match(server.out(), /The first account that is made becomes the administrator/);
  await stop(server);
  const env = { NODE_ENV: 'production', JWT_SECRET: strong, HOST: '127.0.0.1' };
  assert.match(
    (await startServer(t, { folder, env })).out(),
    /no administrator yet: npx rendezvous admin create --email/,
  );
});

function assertBanner(
  out: string,
  { folder, profile, database }: Record<'folder' | 'profile' | 'database', string>,
): void {
  assert.ok(out.includes(`data     ${folder}  ${database}`), out);
  assert.ok(out.includes(`profile  ${profile}`), out);
  assert.equal(out.includes('\u001b'), false, 'colour codes in a stream that is no terminal');
}
