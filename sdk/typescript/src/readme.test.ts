// What README.md says is tried: the package as a back end would install it, and the first example, as strict as can be.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startServer } from '../../../server/test/support/server.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../../', import.meta.url));

test('what npm pack makes is installed, and the plain example compiles under strict and runs', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rendezvous-sdk-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const readme = await readFile(join(root, 'sdk/typescript/README.md'), 'utf8');
  const [line] = /^npm pack --workspace .*$/m.exec(readme) ?? [];
  const [, plain] = /## Plain\n.*?```ts\n(.*?)```/s.exec(readme) ?? [];
  assert.ok(line !== undefined && plain !== undefined);
  const [command = '', ...args] = line.replace(/\.\.$/, folder).split(' ');
  await run(command, args, { cwd: root });
  const packed = join(folder, 'rendezvous-sdk-0.1.0.tgz');
  assert.ok(readme.includes('npm install ../rendezvous-sdk-0.1.0.tgz'));
  // What installing a file without dependencies comes to, without a registry.
  const place = join(folder, 'node_modules', 'rendezvous-sdk');
  await mkdir(place, { recursive: true });
  await run('tar', ['-xzf', packed, '-C', place, '--strip-components=1']);
  await writeFile(join(folder, 'package.json'), '{"type": "module"}');

  const server = await startServer(t);
  const [ada] = await server.people(1);
  const { key } = await server.app.identity.createKey({ name: 'a back end', scopes: ['push:send', 'push:read'] });
  const example = plain.replace('http://localhost:3000', server.url);
  await writeFile(join(folder, 'plain.ts'), example);
  await writeFile(join(folder, 'plain.mjs'), example);
  const types = ['--typeRoots', join(root, 'node_modules/@types'), '--types', 'node'];
  const strict = ['--strict', '--noPropertyAccessFromIndexSignature', '--exactOptionalPropertyTypes', '--skipLibCheck'];
  const modules = ['--module', 'nodenext', '--target', 'es2023'];
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, ...modules, ...strict, ...types, '--noEmit', 'plain.ts'], { cwd: folder });
  const env = { ...process.env, RENDEZVOUS_KEY: key };
  const { stdout } = await run(process.execPath, ['plain.mjs', ada?.principal.id ?? ''], { cwd: folder, env });
  assert.equal(stdout, 'saved\n');
});
