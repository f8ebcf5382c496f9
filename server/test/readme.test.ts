// What README.md says is tried: its commands as pasted, its settings and scripts against the program.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { settings } from '../src/config.ts';
import { startServer } from './support/server.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string): string => readFileSync(root + file, 'utf8');
const readme = read('README.md');

/** Blocks marked `bash` are for a running server; `sh` ones install and start it. */
const pasted = [...readme.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, commands]) => commands ?? '');

/** What stands between two marks in README.md. */
function section(name: string): string {
  const found = new RegExp(`<!-- ${name} -->\n(.*?)<!-- /${name} -->`, 's').exec(readme)?.[1];
  assert.ok(found !== undefined, `README.md has lost the marks of its ${name}`);
  return found;
}

/** A server with the limits that README's reader has. */
const asInstalled = {
  RATE_LIMIT_AUTH: '5/900',
  RATE_LIMIT_MESSAGES: '30/60',
  RATE_LIMIT_GENERAL: '100/900',
  LOGIN_ATTEMPTS: '10/900',
  SOCKET_EVENTS: '1000/10',
};

test('the commands of the first message work as pasted, also a second time', async (t) => {
  assert.equal(pasted.length, 3);
  const { url } = await startServer(t, asInstalled);
  const stdout = await paste(`${pasted.join('\n')}\n${pasted.join('\n')}`, { SOCIAL_PORT: new URL(url).port });
  assert.equal([...stdout.matchAll(/"success":true.*"content":"Hello, Omar"/g)].length, 2, stdout);
  assert.equal([...stdout.matchAll(/^Omar reads: Hello, Omar$/gm)].length, 2, stdout);
});

test('where the server refuses, the first message says why in its words, and ends', async (t) => {
  const { url } = await startServer(t, { ...asInstalled, RATE_LIMIT_AUTH: '1/900' });
  const printed = await paste(`exec 2>&1\n${pasted.join('\n')}`, { SOCIAL_PORT: new URL(url).port });
  assert.match(printed, /^Too many /m);
  assert.doesNotMatch(printed, /TypeError|SyntaxError/);
});

/** What a shell prints, which ends with all that it started: a client left in the background would keep its output open. */
async function paste(commands: string, environment: Record<string, string>): Promise<string> {
  const shell = spawn('bash', ['-c', commands], {
    cwd: root,
    env: { ...process.env, ...environment },
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const endAll = setTimeout(() => shell.pid !== undefined && process.kill(-shell.pid), 60_000);
  try {
    return await text(shell.stdout);
  } finally {
    clearTimeout(endAll);
  }
}

/** The table as it must stand in README.md. */
function settingsTable(): string {
  const rows = Object.entries(settings.properties).map(([name, schema]) => {
    const value = 'default' in schema ? `\`${String(schema.default)}\`` : '';
    return `| \`${name}\` | ${value} | ${'description' in schema ? schema.description : ''} |`;
  });
  return ['| variable | default | meaning |', '|---|---|---|', ...rows, ''].join('\n');
}

test('the table of settings is that of config.ts', () => {
  assert.equal(section('settings'), settingsTable(), `put this between the marks:\n\n${settingsTable()}`);
});

test('every command that is listed has its help, and none is forgotten', async () => {
  const listed = [...section('commands').matchAll(/^\| `rendezvous ([a-z]+(?: [a-z-]+)?)/gm)].map(
    ([, words]) => words ?? '',
  );
  const offered = await commandsOf([]);
  assert.deepEqual(listed.toSorted(), offered.toSorted());
});

/** Every command that the help offers, below the words given. */
async function commandsOf(words: readonly string[]): Promise<string[]> {
  const { stdout } = await run(process.execPath, [`${root}server/bin/rendezvous.js`, ...words, '--help']);
  const list = stdout.split(/^Commands:$/m)[1]?.split('\n\n')[0];
  if (list === undefined) return [words.join(' ')];
  const names = [...list.matchAll(/^ {2}([a-z][a-z-]*)/gm)]
    .map(([, name]) => name ?? '')
    .filter((name) => name !== 'help');
  return (await Promise.all(names.map((name) => commandsOf([...words, name])))).flat();
}

test('every script that a document names exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  for (const file of ['README.md', 'CONTRIBUTING.md', 'ARCHITECTURE.md', 'docs/operate.md', 'bench/README.md']) {
    for (const [, name] of read(file).matchAll(/npm run ([\w:-]+)/g)) {
      assert.ok(name !== undefined && name in scripts, `${file} names "npm run ${name}"`);
    }
  }
});

test('every fault run and benchmark that README.md names exists', async () => {
  for (const [script, file] of [
    ['bench', 'bench/main.ts'],
    ['faults', 'server/test/faults/main.ts'],
  ] as const) {
    const { stdout } = await run(process.execPath, [root + file]).catch((error) => error);
    for (const [, name] of readme.matchAll(new RegExp(`npm run ${script} -- (\\w+)`, 'g'))) {
      assert.match(stdout, new RegExp(`\\b${name}\\b`), `npm run ${script} does not list ${name}`);
    }
  }
});
