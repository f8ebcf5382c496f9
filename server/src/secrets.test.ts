import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { parseEnv } from 'node:util';
import { readSecrets, StartRefused } from './secrets.ts';

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'rendezvous-secrets-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return join(made, 'data');
}

test('development makes a secret once and keeps it for its owner alone', (t) => {
  const DATA_DIR = folder(t);
  const first = readSecrets({ NODE_ENV: 'development', DATA_DIR });
  assert.ok(first.tokens.length >= 32);
  assert.equal(statSync(join(DATA_DIR, 'secrets.json')).mode & 0o777, 0o600);
  assert.deepEqual(readSecrets({ NODE_ENV: 'development', DATA_DIR }).tokens, first.tokens);
  const elsewhere = readSecrets({ NODE_ENV: 'development', DATA_DIR: folder(t) });
  assert.notDeepEqual(elsewhere.tokens, first.tokens);
});

test('keys for other purposes differ by label and never are the secret itself', (t) => {
  const { tokens, keyFor } = readSecrets({ NODE_ENV: 'development', DATA_DIR: folder(t) });
  assert.equal(keyFor('resume').length, 32);
  assert.deepEqual(keyFor('resume'), keyFor('resume'));
  assert.notDeepEqual(keyFor('resume'), keyFor('other'));
  assert.notDeepEqual(Buffer.from(keyFor('resume')), Buffer.from(tokens.subarray(0, 32)));
});

test('production refuses to start without a secret, and writes none', (t) => {
  const DATA_DIR = folder(t);
  assert.throws(() => readSecrets({ NODE_ENV: 'production', DATA_DIR }), StartRefused);
  assert.throws(() => readFileSync(join(DATA_DIR, 'secrets.json')), { code: 'ENOENT' });
});

test('short, well-known and repeated secrets are refused in both profiles, good ones are taken', (t) => {
  const DATA_DIR = folder(t);
  const weak = [
    'secret',
    'changeme',
    'x'.repeat(31),
    'a'.repeat(64),
    'abababababababababababababababababab',
    'abcdefgh'.repeat(4),
    'kX9#vLq2!mZr'.repeat(3),
    'kX9#vLq2!mZr8@wTn5$'.repeat(2),
    '123456789'.repeat(4).slice(0, 33),
    'your-super-secret-jwt-token-with-at-least-32-characters-long',
    'YOUR-SUPER-SECRET-JWT-TOKEN-WITH-AT-LEAST-32-CHARACTERS-LONG',
    'secret-secret-secret-secret-secret-secret',
    'changeme1234567890changeme1234567890',
    '01234567890123456789012345678901234567',
    '(the output of: openssl rand -base64 48)',
    '$(openssl rand -base64 48)-and-some-more-text',
  ];
  for (const NODE_ENV of ['development', 'production'] as const) {
    for (const JWT_SECRET of weak) {
      assert.throws(() => readSecrets({ NODE_ENV, DATA_DIR, JWT_SECRET }), StartRefused, JWT_SECRET);
    }
    const good = 'kX9#vLq2!mZr8@wTn5$yBc7%hJd4^fGp';
    for (const JWT_SECRET of [good, good.repeat(2), `${good}kX9`, '83920174650918273640519283746501928374']) {
      assert.equal(Buffer.from(readSecrets({ NODE_ENV, DATA_DIR, JWT_SECRET }).tokens).toString(), JWT_SECRET);
    }
  }
});

test('the production sample of docs/operate.md does not start as pasted, and does with the line that follows it', (t) => {
  const document = readFileSync(new URL('../../docs/operate.md', import.meta.url), 'utf8');
  const sample = /^```ini\n(.*?)^```$/ms.exec(document)?.[1];
  const line = /^echo "JWT_SECRET=.*>> \.env$/m.exec(document)?.[0];
  assert.ok(sample !== undefined && line !== undefined, 'docs/operate.md has lost its sample');
  const DATA_DIR = folder(t);
  const cwd = mkdtempSync(join(tmpdir(), 'rendezvous-sample-'));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  const file = join(cwd, '.env');
  writeFileSync(file, sample);
  // As readConfig does: an empty setting is one that was not given.
  const given = () => parseEnv(readFileSync(file, 'utf8'))['JWT_SECRET'] || undefined;
  assert.throws(() => readSecrets({ NODE_ENV: 'production', DATA_DIR, JWT_SECRET: given() }), StartRefused);
  execFileSync('bash', ['-c', line], { cwd });
  assert.ok(readSecrets({ NODE_ENV: 'production', DATA_DIR, JWT_SECRET: given() }).tokens.length >= 64);
});

test('a refused secret is told what is wrong with it', (t) => {
  const DATA_DIR = folder(t);
  const said = (JWT_SECRET: string) => {
    try {
      readSecrets({ NODE_ENV: 'production', DATA_DIR, JWT_SECRET });
    } catch (error) {
      return error instanceof StartRefused ? error.message : String(error);
    }
    return 'taken';
  };
  assert.match(
    said('abcdefgh'.repeat(4)),
    /^JWT_SECRET has only 8 different characters\. Use at least 32 random bytes/,
  );
  assert.match(said('kX9#vLq2!mZr'.repeat(3)), /^JWT_SECRET repeats a piece of 12 characters\. /);
  assert.match(said('secret-secret-secret-0123456789-secret'), /^JWT_SECRET is a well-known text\. /);
});

test('a broken secrets file is said and not replaced in silence: that would end every session', (t) => {
  const DATA_DIR = folder(t);
  readSecrets({ NODE_ENV: 'development', DATA_DIR });
  for (const broken of ['', '{}', '{"tokens":"short"}', '[', 'null']) {
    writeFileSync(join(DATA_DIR, 'secrets.json'), broken);
    assert.throws(() => readSecrets({ NODE_ENV: 'development', DATA_DIR }), StartRefused);
  }
});

test('the secret for calls: given, made in development, absent in production, and never the one that signs people in', (t) => {
  const DATA_DIR = folder(t);
  const [JWT_SECRET, JITSI_APP_SECRET] = [0, 1].map(() => randomBytes(32).toString('base64url'));
  const made = readSecrets({ NODE_ENV: 'development', DATA_DIR });
  assert.deepEqual(made.jitsi, readSecrets({ NODE_ENV: 'development', DATA_DIR }).jitsi);
  assert.notDeepEqual(made.jitsi, made.tokens);
  assert.equal(readSecrets({ NODE_ENV: 'production', DATA_DIR, JWT_SECRET }).jitsi, undefined);
  const given = readSecrets({ NODE_ENV: 'production', DATA_DIR, JWT_SECRET, JITSI_APP_SECRET }).jitsi;
  assert.equal(Buffer.from(given ?? []).toString(), JITSI_APP_SECRET);
  for (const NODE_ENV of ['development', 'production'] as const) {
    for (const unfit of ['short', JWT_SECRET]) {
      const settings = { NODE_ENV, DATA_DIR, JWT_SECRET, JITSI_APP_SECRET: unfit };
      assert.throws(() => readSecrets(settings), /^StartRefused: JITSI_APP_SECRET/);
    }
  }
});

test('the secret of LiveKit is strong in production, short where --dev is meant, and never the one of tokens', (t) => {
  const DATA_DIR = folder(t);
  const JWT_SECRET = 'wq9vT4mZ1xR7bK2nY8pL5cJ3hF6dS0gA-tokens';
  const read = (NODE_ENV: 'development' | 'production', LIVEKIT_API_SECRET: string) =>
    readSecrets({ NODE_ENV, DATA_DIR, JWT_SECRET, LIVEKIT_API_SECRET });
  for (const profile of ['development', 'production'] as const) {
    assert.throws(() => read(profile, JWT_SECRET), /^StartRefused: LIVEKIT_API_SECRET/);
    assert.doesNotThrow(() => read(profile, 'Zx8-LiveKit-has-a-secret-of-its-own-4711'));
  }
  assert.doesNotThrow(() => read('development', 'secret'));
  assert.throws(() => read('production', 'secret'), /^StartRefused: LIVEKIT_API_SECRET/);
});
