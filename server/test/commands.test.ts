import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type TestContext } from 'node:test';
import { assertSentence, password, roleOf, stop } from './support/commands.ts';
import { createDatabase, dropDatabase, serverUrl } from './support/database.ts';
import { type Ended, runProgram, startServer, testFolder } from './support/process.ts';

const said = ({ code, out, err }: Ended) => ({ code, out, err });

test('commands on a folder without a server open its database', async (t) => {
  const folder = testFolder(t);
  const create = ['admin', 'create', '--email', 'Ada@example.org'];
  const made = await runProgram(t, create, { folder, stdin: `${password}\n` });
  assert.deepEqual(said(made), {
    code: 0,
    out: 'ada@example.org is an administrator, with the username Ada.\n',
    err: `The data folder is a new one: ${folder}\n`,
  });
  assertSentence(
    await runProgram(t, create, { folder, stdin: password }),
    /^An account with this email already exists\n$/,
  );
  const named = [...create.slice(0, 2), '--email', 'bob@example.org', '--username', 'bobby', '--password-stdin'];
  assert.match((await runProgram(t, named, { folder, stdin: password })).out, /username bobby/);
  const role = await runProgram(t, ['user', 'role', 'bob@example.org', 'guest'], { folder });
  assert.equal(role.out, 'bob@example.org has the role GUEST now.\n');
  const reset = await runProgram(t, ['user', 'reset', 'bob@example.org'], { folder });
  assert.match(reset.out, /^(\w{4}-){3}\w{4}\n$/);
  assert.match(reset.err, /^With this code bob@example\.org sets a new password/);
  assertSentence(
    await runProgram(t, ['user', 'reset', 'no@example.org'], { folder }),
    /^There is no account with the email no@example\.org\.\n$/,
  );
  const key = await runProgram(t, ['key', 'create', '--name', 'n', '--scope', 'push:send', 'a:b', '--scope', 'c'], {
    folder,
  });
  assert.match(key.out, /^rk_[\w-]{43}\n$/);
  assert.match(key.err, /"n" with push:send, a:b, c\. It is shown this once.*\nNothing asks for a:b, c: known/);

  const server = await startServer(t, { folder });
  assert.equal(await roleOf(server.url, 'ada@example.org'), 'ADMIN');
  assert.equal(await roleOf(server.url, 'bob@example.org'), 'USER');
  const body = JSON.stringify({ email: 'bob@example.org', code: reset.out.trim(), password: 'Another-Password-4' });
  const headers = { 'content-type': 'application/json' };
  assert.equal((await fetch(`${server.url}/api/v1/auth/reset`, { method: 'POST', headers, body })).status, 200);
  assert.equal(await roleOf(server.url, 'bob@example.org'), 'refused with 401');
});

test('commands on a folder whose server runs go through it, and hold at once', async (t) => {
  const folder = testFolder(t);
  const server = await startServer(t, { folder });
  assert.equal(statSync(join(folder, 'control.sock')).mode & 0o777, 0o600);
  const create = ['admin', 'create', '--email', 'ada@example.org'];
  assert.equal((await runProgram(t, create, { folder, stdin: password })).code, 0);
  assert.equal(await roleOf(server.url, 'ada@example.org'), 'ADMIN');
  assertSentence(
    await runProgram(t, create, { folder, stdin: password }),
    /^An account with this email already exists\n$/,
  );
  assertSentence(
    await runProgram(t, ['admin', 'create', '--email', 'x@example.org'], { folder, stdin: 'short' }),
    /^password must not have fewer than 8 characters\n$/,
  );
  assert.equal((await runProgram(t, ['user', 'role', 'ada@example.org', 'HR'], { folder })).code, 0);
  assert.equal(await roleOf(server.url, 'ada@example.org'), 'USER');
  assertSentence(
    await runProgram(t, ['user', 'role', 'no@example.org', 'HR'], { folder }),
    /^There is no account with the email no@example\.org\.\n$/,
  );
  assert.match(
    (await runProgram(t, ['key', 'create', '--name', 'n', '--scope', 'a'], { folder })).out,
    /^rk_[\w-]{43}\n$/,
  );
  assert.equal(server.child.exitCode, null);
});

test('several commands at a time take turns, with and without a server', async (t) => {
  const folder = testFolder(t);
  const create = (n: number) =>
    runProgram(t, ['admin', 'create', '--email', `a${n}@example.org`], { folder, stdin: password });
  const alone = await Promise.all([create(1), create(2), create(3)]);
  assert.deepEqual(
    alone.map(({ code }) => code),
    [0, 0, 0],
  );
  await startServer(t, { folder });
  const through = await Promise.all([create(4), create(5), create(6)]);
  assert.deepEqual(
    through.map(({ code }) => code),
    [0, 0, 0],
  );
});

test('the control socket of a killed server hinders neither a command nor the next server', async (t) => {
  const folder = testFolder(t);
  const first = await startServer(t, { folder });
  first.child.kill('SIGKILL');
  await first.ended;
  assert.ok(existsSync(join(folder, 'control.sock')));
  const create = ['admin', 'create', '--email', 'ada@example.org'];
  assert.equal((await runProgram(t, create, { folder, stdin: password })).code, 0);
  const second = await startServer(t, { folder });
  assert.equal((await runProgram(t, ['user', 'role', 'ada@example.org', 'HR'], { folder })).code, 0);
  assert.equal(await roleOf(second.url, 'ada@example.org'), 'USER');
  second.child.kill('SIGTERM');
  assert.equal((await second.ended).code, 0);
  assert.equal(existsSync(join(folder, 'control.sock')), false);
});

test('a folder whose path is too long for a socket is reached all the same', async (t) => {
  const folder = join(testFolder(t), 'a-folder-with-a-long-name'.repeat(4), 'and-another');
  mkdirSync(folder, { recursive: true });
  const cwd = testFolder(t);
  const server = await startServer(t, { folder, cwd });
  const create = ['admin', 'create', '--email', 'ada@example.org'];
  assert.equal((await runProgram(t, create, { folder, cwd, stdin: password })).code, 0);
  assert.equal((await runProgram(t, ['user', 'role', 'ada@example.org', 'HR'], { folder })).code, 0);
  assert.equal(await roleOf(server.url, 'ada@example.org'), 'USER');
});

/** What the server of the folder answers to a line on its control socket. */
function ask(folder: string, line: string): Promise<string> {
  const socket = createConnection({ path: join(folder, 'control.sock'), allowHalfOpen: true });
  socket.end(line);
  return text(socket);
}

test('the control socket refuses what is no command', async (t) => {
  const folder = testFolder(t);
  const server = await startServer(t, { folder });
  for (const line of [
    '',
    'null',
    '{"act":"user role","email":"a@b","role":"KING"}',
    '{"act":"constructor"}',
    'x'.repeat(9),
  ]) {
    assert.match(await ask(folder, line), /^\{"refused":/);
  }
  assert.equal(server.child.exitCode, null);
});

test('a server that ends answers the command that has arrived, and waits for nobody who says nothing', async (t) => {
  const folder = testFolder(t);
  const server = await startServer(t, { folder });
  const mute = createConnection(join(folder, 'control.sock'));
  mute.on('error', () => {});
  t.after(() => mute.destroy());
  const socket = createConnection({ path: join(folder, 'control.sock'), allowHalfOpen: true });
  socket.end(JSON.stringify({ act: 'admin create', email: 'ada@example.org', password }));
  await once(socket, 'finish');
  const reply = text(socket);
  // The server takes connections in their order: once it has refused this one, the command before it has arrived, and
  // its password is being hashed.
  assert.match(await ask(folder, 'null'), /refused/);
  server.child.kill('SIGTERM');
  assert.match(await reply, /"done"/);
  assert.equal((await server.ended).code, 0);
});

test('service keys are listed without what is secret, and revoked by id or by the key itself, at once', async (t) => {
  const folder = testFolder(t);
  const server = await startServer(t, { folder });
  const run = (...args: string[]) => runProgram(t, ['key', ...args], { folder });
  assert.equal((await run('list')).out, '');
  const make = async (name: string) => (await run('create', '--name', name, '--scope', 'push:read')).out.trim();
  const [first, second] = [await make('back end'), await make('leaked')];
  const lets = async (key: string) =>
    (await fetch(`${server.url}/api/gateway/stats`, { headers: { authorization: `Bearer ${key}` } })).status;
  const listed = async () =>
    (await run('list')).out
      .trim()
      .split('\n')
      .map((line) => line.split('\t'));
  const [one = [], two = []] = await listed();
  assert.deepEqual(
    [one.slice(2), two.slice(2)],
    [
      ['valid', 'push:read', 'back end'],
      ['valid', 'push:read', 'leaked'],
    ],
  );
  assert.deepEqual([await lets(first), await lets(second)], [200, 200]);
  assert.match((await run('revoke', two[0] ?? '')).out, /^The key "leaked" .* is revoked/);
  assert.deepEqual([await lets(first), await lets(second)], [200, 401]);
  assert.match((await run('revoke', first)).out, /"back end"/);
  assert.equal(await lets(first), 401);
  assert.match((await listed())[1]?.[2] ?? '', /^revoked 2/);
  assertSentence(await run('revoke', 'rk_nothing'), /^There is no such service key; rendezvous key list/);
});

test('only admin create makes a data folder: elsewhere a mistyped DATA_DIR is said', async (t) => {
  const cwd = testFolder(t);
  const empty = testFolder(t);
  const folder = join(cwd, 'a', 'typo');
  const missing = new RegExp(`^There is no Rendezvous data folder at ${folder}\\. DATA_DIR says where`);
  const key = ['key', 'create', '--name', 'n', '--scope', 'a'];
  assertSentence(await runProgram(t, key, { folder, cwd }), missing);
  assertSentence(await runProgram(t, ['user', 'role', 'a@example.org', 'HR'], { folder, cwd }), missing);
  assertSentence(
    await runProgram(t, key, { folder: empty }),
    /^There is no Rendezvous database in .* for data in PostgreSQL give DATABASE_URL/,
  );
  assert.deepEqual([existsSync(join(cwd, 'a')), readdirSync(empty)], [false, []]);
  const made = await runProgram(t, ['admin', 'create', '--email', 'a@example.org'], { folder, cwd, stdin: password });
  assert.deepEqual([made.code, made.err], [0, `The data folder is a new one: ${folder}\n`]);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.equal((await runProgram(t, key, { folder, cwd })).code, 0);
});

test('help names every command, setting, unit and default; a wrong command points to it', async (t) => {
  const folder = testFolder(t);
  const help = async (...args: string[]) => (await runProgram(t, [...args, '--help'], { folder })).out;
  for (const word of ['serve', 'admin', 'user', 'key', 'log', 'Examples:'])
    assert.match(await help(), new RegExp(word));
  const serve = await help('serve');
  for (const line of [
    / SOCIAL_PORT +Port .*\n.*default: 3000/,
    / ACCESS_TOKEN_SECONDS +Life .* in seconds \(default: 900\)/,
  ]) {
    assert.match(serve, line);
  }
  assert.match((await runProgram(t, ['--version'], { folder })).out, /^\d+\.\d+\.\d+\n$/);
  assert.match(await help('admin', 'create'), /--password-stdin/);
  assert.match(await help('user', 'role'), /GUEST, EMPLOYER, MANAGER, HR,\s+ADMIN/);
  const wrong = await runProgram(t, ['user', 'role', 'a@b', 'KING'], { folder });
  assertSentence(wrong, /It must be one of GUEST, EMPLOYER, MANAGER, HR, ADMIN\.\nAdd --help/);
  assertSentence(
    await runProgram(t, ['key', 'create', '--name', 'n', '--scope', 'Push It'], { folder }),
    /like push:send/,
  );
  assertSentence(
    await runProgram(t, ['admin', 'create', '--email', 'a@b'], { folder, stdin: '' }),
    /^No password came/,
  );
  assert.equal(existsSync(join(folder, 'rendezvous.db')), false);
});

test('commands work on PostgreSQL, with a server and without', { skip: serverUrl === undefined }, async (t) => {
  const env = { DATABASE_URL: await databaseUrl(t) };
  const folder = testFolder(t);
  const create = (email: string) =>
    runProgram(t, ['admin', 'create', '--email', email], { folder, env, stdin: password });
  assert.equal((await create('ada@example.org')).code, 0);
  const server = await startServer(t, { folder, env });
  assert.match(server.out(), /PostgreSQL, rendezvous_test_\w+ at/);
  assert.equal((await create('bob@example.org')).code, 0);
  assert.deepEqual(
    [await roleOf(server.url, 'ada@example.org'), await roleOf(server.url, 'bob@example.org')],
    ['ADMIN', 'ADMIN'],
  );
  await stop(server);
});

async function databaseUrl(t: TestContext): Promise<string> {
  assert.ok(serverUrl);
  const url = await createDatabase(serverUrl);
  t.after(() => dropDatabase(serverUrl ?? '', url));
  return url;
}
