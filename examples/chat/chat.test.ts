import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer } from '../../server/test/support/server.ts';

const program = fileURLToPath(new URL('./chat.ts', import.meta.url));
const run = promisify(execFile);

test('the chat example: what the second person missed arrives in order, once', async (t) => {
  const { url } = await startServer(t);
  const { stdout } = await run(process.execPath, [program, url], { timeout: 30_000 });
  const lines = stdout.trim().split('\n');
  const away = lines.findIndex((line) => line.includes('tunnel'));
  const back = lines.findIndex((line) => line.includes('is back, recovered: true'));
  assert.ok(away > 0 && back > away, stdout);
  const heard = (part: readonly string[]) => part.filter((line) => line.startsWith('Grace hears: '));
  assert.deepEqual(heard(lines.slice(0, away)), ['Grace hears: Are you there?']);
  assert.deepEqual(heard(lines.slice(away)), [
    'Grace hears: Bring the notes.',
    'Grace hears: And the moth.',
    'Grace hears: See you at nine!',
  ]);
});

test('the chat example says what it needs when the server has no demo people', async (t) => {
  const secret = 'an Example of 32 bytes and more, 7 digits';
  const { url } = await startServer(t, { NODE_ENV: 'production', HOST: '127.0.0.1', JWT_SECRET: secret });
  await assert.rejects(run(process.execPath, [program, url], { timeout: 30_000 }), /development profile/);
});

test('the chat example says in one line that there is no server', async () => {
  const failed = await run(process.execPath, [program, 'http://127.0.0.1:1'], { timeout: 30_000 }).catch(
    (error) => error,
  );
  assert.equal(failed.stderr, 'No server at http://127.0.0.1:1; start it with npm start.\n');
  assert.equal(failed.code, 1);
});
