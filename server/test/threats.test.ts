// What docs/threats.md says is tested is tested, and no package is older than it may be.
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const rows = readFileSync(`${root}docs/threats.md`, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').map((cell) => cell.trim()));

type Threat = { id: string; tests: { file: string; words: string }[] };

/** Tests stand as file, colon, and the words of their titles in quotes, separated by commas. */
const threats: Threat[] = rows
  .filter(([, id = '']) => /^[A-Z]-\d+$/.test(id))
  .map(([, id = '', , , cell = '']) => ({ id, tests: [...namedIn(cell)] }));

function* namedIn(cell: string): Generator<{ file: string; words: string }> {
  for (const [, file = '', titles = ''] of cell.matchAll(/`([\w./-]+\.test\.ts)`: (“[^”]+”(?:, “[^”]+”)*)/g)) {
    for (const [, words = ''] of titles.matchAll(/“([^”]+)”/g)) yield { file, words };
  }
}

const titlesIn = (source: string): string[] =>
  [...source.matchAll(/^\s*test\(\s*(['"`])(.*?)\1,/gm)].map(([, , title = '']) => title);

test('every threat has a test, and every test that is named for one exists', () => {
  assert.ok(threats.length >= 25, `only ${threats.length} threats were found`);
  for (const { id, tests } of threats) {
    assert.ok(tests.length > 0, `docs/threats.md names no test for ${id}`);
    for (const { file, words } of tests) {
      assert.ok(existsSync(root + file), `docs/threats.md names ${file} for ${id}, which does not exist`);
      const found = titlesIn(readFileSync(root + file, 'utf8')).some((title) => title.includes(words));
      assert.ok(found, `docs/threats.md names a test “${words}” for ${id}, which ${file} does not have`);
    }
  }
});

test('every test that names a threat in its title is named there', () => {
  const named = new Set(threats.flatMap(({ id, tests }) => tests.map(({ file }) => `${id} ${file}`)));
  const files = ['server', 'sdk'].flatMap((folder) => globSync(`${folder}/**/*.test.ts`, { cwd: root }));
  for (const file of files.filter((path) => !path.includes('node_modules'))) {
    for (const title of titlesIn(readFileSync(root + file, 'utf8'))) {
      const id = /threat ([A-Z]-\d+):/.exec(title)?.[1];
      if (id !== undefined) assert.ok(named.has(`${id} ${file}`), `docs/threats.md does not name ${file} for ${id}`);
    }
  }
});

const numbers = (version: string): number[] => version.split(/[.+-]/).slice(0, 3).map(Number);

/** A version before a release counts as that release's forerunner. */
function isBelow(version: string, floor: string): boolean {
  const [one, other] = [numbers(version), numbers(floor)];
  const place = one.findIndex((number, index) => number !== other[index]);
  return place < 0 ? version.includes('-') : (one[place] ?? 0) < (other[place] ?? 0);
}

test('no installed package is below its floor', () => {
  const lock = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')) as {
    packages: Record<string, { version?: string }>;
  };
  const floors = rows.flatMap(([, name = '', floor = '']) => {
    const packageName = /^`([\w@./-]+)`$/.exec(name)?.[1];
    return packageName !== undefined && /^\d+\.\d+\.\d+$/.test(floor) ? [{ name: packageName, floor }] : [];
  });
  assert.ok(floors.length >= 6, `only ${floors.length} floors were found`);
  for (const { name, floor } of floors) {
    const found = Object.entries(lock.packages).filter(([path]) => path.endsWith(`node_modules/${name}`));
    assert.ok(found.length > 0, `${name} is not installed: docs/threats.md needs no floor for it`);
    for (const [path, { version = '0.0.0' }] of found) {
      assert.ok(!isBelow(version, floor), `${path} is ${version}, and must be ${floor} at least`);
    }
  }
});

test('what is older is noticed', () => {
  const older = ['5.12.1', '5.11.9', '4.99.99', '5.12.2-rc.1'];
  for (const version of older) assert.ok(isBelow(version, '5.12.2'), version);
  for (const version of ['5.12.2', '5.12.10', '5.13.0', '10.0.0']) assert.ok(!isBelow(version, '5.12.2'), version);
});
