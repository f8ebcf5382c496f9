// Every rule must fire on an import it forbids, alone, and stay silent on what is allowed: a barrier that has stopped
// to see anything would otherwise look like a clean repository.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import test from 'node:test';
import { moduleOrder, rules } from './barriers.rules.ts';
import { cruiseFolders } from './cruise.ts';

type Edge = [from: string, to: string];

const ports = 'server/src/infra';
const modules = 'server/src/modules';
const doors = 'server/src/doors';

/** One or more forbidden imports, and every rule each of them breaks. */
const forbidden: Record<string, { edge: Edge; also?: string[] }[]> = {
  'kernel-alone': [
    { edge: ['server/src/kernel/ids.ts', `${ports}/sql/sql.ts`] },
    { edge: ['server/src/kernel/ids.ts', 'server/src/config.ts'] },
  ],
  'infra-below-modules': [
    { edge: [`${ports}/log/log.ts`, `${modules}/identity/index.ts`] },
    { edge: [`${ports}/log/log.ts`, 'server/src/config.ts'] },
  ],
  'modules-below-doors': [
    { edge: [`${modules}/identity/identity.ts`, 'server/src/config.ts'] },
    { edge: [`${modules}/identity/identity.ts`, `${doors}/social/rest.ts`], also: ['doors-only-from-app'] },
  ],
  'doors-below-process': [{ edge: [`${doors}/social/rest.ts`, 'server/src/config.ts'] }],
  'doors-only-from-app': [{ edge: ['server/src/main.ts', `${doors}/social/rest.ts`] }],
  'doors-apart': [{ edge: [`${doors}/social/rest.ts`, `${doors}/dating/rest.ts`] }],
  'module-entry-for-modules': [{ edge: [`${modules}/messaging/messaging.ts`, `${modules}/groups/store.ts`] }],
  'module-entry-for-others': [
    { edge: [`${doors}/social/rest.ts`, `${modules}/messaging/store.ts`] },
    { edge: ['server/src/app.ts', `${modules}/messaging/store.ts`] },
  ],
  'implementations-only-from-app': [
    { edge: [`${modules}/identity/store.ts`, `${ports}/sql/sql.sqlite.ts`] },
    { edge: [`${doors}/social/rest.ts`, `${ports}/sql/sql.sqlite.ts`] },
    { edge: ['server/src/main.ts', `${ports}/sql/sql.sqlite.ts`] },
  ],
  'implementations-within-their-port': [{ edge: [`${ports}/log/log.ts`, `${ports}/sql/sql.sqlite.ts`] }],
  'implementations-of-one-engine': [
    { edge: [`${ports}/bus/bus.memory.ts`, `${ports}/sql/sql.sqlite.ts`] },
    { edge: [`${ports}/log/log.postgres.ts`, `${ports}/sql/sql.sqlite.ts`] },
  ],
  'module-stores-of-one-engine': [{ edge: [`${modules}/messaging/store.sqlite.ts`, `${ports}/log/log.postgres.ts`] }],
  'ports-without-implementation': [{ edge: [`${ports}/sql/sql.ts`, `${ports}/sql/sql.sqlite.ts`] }],
  'module-in-the-order': [{ edge: ['server/src/app.ts', `${modules}/unlisted/index.ts`] }],
  'no-tests-in-source': [
    { edge: [`${modules}/groups/groups.ts`, 'server/test/app.ts'] },
    { edge: [`${modules}/groups/groups.ts`, `${modules}/groups/groups.test.ts`] },
  ],
  resolvable: [{ edge: ['server/src/app.ts', 'server/src/gone.ts'] }],
};

for (const [place, name] of moduleOrder.entries()) {
  const later = moduleOrder[place + 1] ?? 'unlisted';
  forbidden[`module-order-${name}`] = [
    {
      edge: [`${modules}/${name}/${name}.ts`, `${modules}/${later}/index.ts`],
      also: later === 'unlisted' ? ['module-in-the-order'] : [],
    },
  ];
}

const allowed: Edge[] = [
  ['server/src/main.ts', 'server/src/app.ts'],
  ['server/src/main.ts', 'server/src/config.ts'],
  ['server/src/config.ts', 'server/src/kernel/schema.ts'],
  ['server/src/app.ts', `${ports}/sql/sql.sqlite.ts`],
  ['server/src/app.ts', `${doors}/social/rest.ts`],
  ['server/src/app.ts', `${modules}/identity/index.ts`],
  [`${doors}/social/rest.ts`, `${doors}/social/encode.ts`],
  [`${doors}/social/rest.ts`, `${modules}/messaging/index.ts`],
  [`${doors}/social/rest.ts`, `${ports}/http/http.ts`],
  [`${modules}/messaging/messaging.ts`, `${modules}/groups/index.ts`],
  [`${modules}/messaging/messaging.ts`, `${modules}/messaging/store.ts`],
  [`${modules}/messaging/store.ts`, `${ports}/sql/sql.ts`],
  [`${modules}/messaging/store.sqlite.ts`, `${ports}/log/log.sqlite.ts`],
  [`${modules}/messaging/store.ts`, 'server/src/kernel/ids.ts'],
  [`${ports}/sql/sql.sqlite.ts`, `${ports}/sql/sql.ts`],
  [`${ports}/sql/sql.sqlite.ts`, `${ports}/sql/sql.sqlite.dialect.ts`],
  [`${ports}/log/log.sqlite.ts`, `${ports}/sql/sql.sqlite.ts`],
  [`${ports}/sql/scan.ts`, `${ports}/sql/sqlite.dialect.ts`],
  [`${ports}/log/log.worker.ts`, `${ports}/sql/sql.postgres.ts`],
  [`${ports}/sql/reader.worker.ts`, `${ports}/sql/sql.sqlite.ts`],
  [`${ports}/sql/sql.contract.test.ts`, `${ports}/sql/sql.postgres.ts`],
  [`${modules}/messaging/messaging.test.ts`, 'server/test/app.ts'],
  ['server/test/app.ts', 'server/src/app.ts'],
  ['server/test/app.ts', `${ports}/sql/sql.sqlite.ts`],
];

/** Writes a small repository that holds these imports and nothing else, and reads it with the rules. */
async function cruiseEdges(t: test.TestContext, edges: Edge[], absent: string[] = []) {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'barriers-')));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const texts = new Map<string, string>([['package.json', '{"type":"module"}']]);
  for (const [from, to] of edges) {
    if (!texts.has(to)) texts.set(to, 'export type T = 1;\n');
    const path = relative(dirname(from), to).replaceAll('\\', '/');
    const line = `import type { T } from '${path.startsWith('.') ? path : `./${path}`}';\n`;
    texts.set(from, line + (texts.get(from) ?? 'export type T = 1;\n'));
  }
  for (const [file, text] of texts) {
    if (absent.includes(file)) continue;
    mkdirSync(dirname(join(base, file)), { recursive: true });
    writeFileSync(join(base, file), text);
  }
  return cruiseFolders(base, ['server']);
}

for (const [rule, cases] of Object.entries(forbidden)) {
  for (const { edge, also = [] } of cases) {
    test(`${rule}: ${edge.join(' → ')} is refused`, async (t) => {
      const absent = rule === 'resolvable' ? [edge[1]] : [];
      const { violations } = await cruiseEdges(t, [edge], absent);
      assert.deepEqual([...new Set(violations.map((violation) => violation.rule))].sort(), [rule, ...also].sort());
    });
  }
}

test('no-cycles: a circle of three files is refused', async (t) => {
  const files = ['a', 'b', 'c'].map((name) => `server/src/kernel/${name}.ts`);
  const [a = '', b = '', c = ''] = files;
  const { violations } = await cruiseEdges(t, [
    [a, b],
    [b, c],
    [c, a],
  ]);
  assert.deepEqual([...new Set(violations.map((violation) => violation.rule))], ['no-cycles']);
});

test('every rule has a case in which it must fire', () => {
  const proven = new Set([...Object.keys(forbidden), 'no-cycles']);
  assert.deepEqual(
    rules.map((rule) => rule.name).filter((name) => !proven.has(name)),
    [],
  );
});

test('what the design allows passes, and every file and import is seen', async (t) => {
  const seen = await cruiseEdges(t, allowed);
  assert.deepEqual(seen.violations, []);
  assert.deepEqual(seen.files.toSorted(), [...new Set(allowed.flat())].sort());
  assert.equal(seen.imports, allowed.length);
});
