import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

/** Makes the Node that runs the command believe it is an old one. */
const PRETEND_OLD = `data:text/javascript,${encodeURIComponent(
  "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })",
)}`;

/** An installed copy of the command with a `main.ts` of the given text; `pinned`: Node 24 is among its packages. */
function installCommand(t: test.TestContext, main: string, { pinned }: { pinned: boolean }): string {
  const base = mkdtempSync(join(tmpdir(), 'command-'));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  for (const folder of ['server/bin', 'server/src', 'node_modules/node/bin']) {
    mkdirSync(join(base, folder), { recursive: true });
  }
  copyFileSync(fileURLToPath(new URL('./rendezvous.js', import.meta.url)), join(base, 'server/bin/rendezvous.js'));
  writeFileSync(join(base, 'server/package.json'), '{"type":"module"}');
  writeFileSync(join(base, 'server/src/main.ts'), main);
  if (pinned) {
    const node = join(base, 'node_modules/node/bin/node');
    writeFileSync(node, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`, { mode: 0o755 });
  }
  return join(base, 'server/bin/rendezvous.js');
}

function start(t: test.TestContext, command: string, { old }: { old: boolean }): ChildProcess {
  const child = spawn(process.execPath, [...(old ? ['--import', PRETEND_OLD] : []), command, 'serve', 'two words']);
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Waits for the end of the process: its exit code and what it wrote. */
async function ended(child: ChildProcess) {
  const out: string[] = [];
  const err: string[] = [];
  child.stdout?.on('data', (chunk) => out.push(String(chunk)));
  child.stderr?.on('data', (chunk) => err.push(String(chunk)));
  const [code, signal] = await once(child, 'close');
  return { code, signal, out: out.join(''), err: err.join('') };
}

const SAY_ARGUMENTS = 'const said: string = JSON.stringify(process.argv.slice(2));\nconsole.log(said);\n';

test('a Node that is new enough runs the program itself', async (t) => {
  const command = installCommand(t, SAY_ARGUMENTS, { pinned: false });
  const { code, out, err } = await ended(start(t, command, { old: false }));
  assert.deepEqual({ code, out, err }, { code: 0, out: '["serve","two words"]\n', err: '' });
});

test('an old Node hands over to the installed one, with arguments and exit code', async (t) => {
  const command = installCommand(t, `${SAY_ARGUMENTS}process.exit(7);\n`, { pinned: true });
  const { code, out, err } = await ended(start(t, command, { old: true }));
  assert.deepEqual({ code, out, err }, { code: 7, out: '["serve","two words"]\n', err: '' });
});

test('an old Node without the installed one says in one sentence what to do', async (t) => {
  const command = installCommand(t, SAY_ARGUMENTS, { pinned: false });
  const { code, out, err } = await ended(start(t, command, { old: true }));
  assert.equal(code, 1);
  assert.equal(out, '');
  assert.match(err, /^Rendezvous needs Node 24 and this is Node 20\.20\.2: run "npm ci [^\n]+\.\n$/);
});

for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
  test(`${signal} reaches the program behind an old Node, which ends as the program does`, async (t) => {
    const main = `process.on('${signal}', () => process.exit(42));\nsetInterval(() => {}, 1000);\nconsole.log('ready');\n`;
    const child = start(t, installCommand(t, main, { pinned: true }), { old: true });
    const end = ended(child);
    assert.ok(child.stdout);
    await once(child.stdout, 'data');
    child.kill(signal);
    assert.equal((await end).code, 42);
  });
}

test('a program killed by a signal ends the command with 128 and its number', async (t) => {
  const command = installCommand(t, "process.kill(process.pid, 'SIGKILL');\n", { pinned: true });
  assert.equal((await ended(start(t, command, { old: true }))).code, 137);
});
