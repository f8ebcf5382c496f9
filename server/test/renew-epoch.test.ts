import assert from 'node:assert/strict';
import { once } from 'node:events';
import test, { type TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { createDatabase, dropDatabase, serverUrl } from './support/database.ts';
import { runProgram, startServer, testFolder } from './support/process.ts';
import { caller } from './support/social.ts';

async function databaseOf(t: TestContext): Promise<Record<string, string>> {
  if (serverUrl === undefined) return {};
  const server = serverUrl;
  const url = await createDatabase(server);
  t.after(() => dropDatabase(server, url));
  return { DATABASE_URL: url };
}

/** What a client is told first that comes with this place in the log. */
async function comeWith(t: TestContext, url: string, query: Record<string, string>): Promise<string> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?${new URLSearchParams(query)}`);
  t.after(() => socket.terminate());
  const [first] = await once(socket, 'message');
  return String(first);
}

test('a restored log gets a new epoch by a command, which a running server refuses', async (t) => {
  const folder = testFolder(t);
  const env = await databaseOf(t);
  const renew = () => runProgram(t, ['log', 'renew-epoch'], { folder, env });
  const first = await startServer(t, { folder, env });
  const body = { username: 'ada', email: 'ada@example.org', password: 'Password123' };
  const { text } = await caller(first.url)('POST', '/api/v1/auth/register', { body });
  const token = /"accessToken":"([^"]+)"/.exec(text)?.[1] ?? '';
  const since = /"offset":"([^"]+)"/.exec(await comeWith(t, first.url, { token }))?.[1] ?? '';
  assert.match(since, /^[\w-]+\.\d+$/);
  assert.match(await comeWith(t, first.url, { token, since }), /"recovered":true/);

  const refused = await renew();
  assert.equal(refused.code, 1);
  assert.match(
    refused.err,
    /^A server runs on this data folder, .* Stop it, run this command again, then start it\.\n$/,
  );
  first.child.kill('SIGTERM');
  assert.equal((await first.ended).code, 0);
  const renewed = await renew();
  assert.deepEqual(
    [renewed.code, renewed.out, renewed.err],
    [0, 'The log has a new epoch: no client goes on from a place in the old one.\n', ''],
  );

  const second = await startServer(t, { folder, env });
  const told = await comeWith(t, second.url, { token, since });
  assert.match(told, /"recovered":false/);
  const fresh = /"offset":"([^"]+)"/.exec(told)?.[1] ?? '';
  assert.notEqual(fresh.split('.')[0], since.split('.')[0]);
  assert.match(await comeWith(t, second.url, { token, since: fresh }), /"recovered":true/);
});

test('the epoch of a restored PostgreSQL database is renewed before there is a data folder', {
  skip: serverUrl === undefined ? 'an SQLite database lies in its data folder' : false,
}, async (t) => {
  const folder = `${testFolder(t)}/new`;
  const env = await databaseOf(t);
  const { code, err } = await runProgram(t, ['log', 'renew-epoch'], { folder, env, cwd: testFolder(t) });
  assert.deepEqual([code, err], [0, `The data folder is a new one: ${folder}\n`]);
});
