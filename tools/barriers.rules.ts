// Which file may import which, as rules for dependency-cruiser:
//   doors → modules/*/index.ts → infra ports → kernel
// Only app.ts, its layers in compose/ and storage.ts (and tests) construct, so only they import implementations, and all
// but storage.ts doors. Worker entries and a module's file for one engine import the implementations they are made of.
import type { IForbiddenRuleType } from 'dependency-cruiser';

/**
 * The order of the modules: a module may import those before it in this list, through their index.ts, and no other.
 * What must run the other way goes through the event log. A new module is put in here where it belongs.
 */
export const moduleOrder = ['identity', 'groups', 'messaging', 'search', 'presence', 'calls', 'meetings', 'push'];

const SRC = '^server/src';
const KERNEL = `${SRC}/kernel/`;
const INFRA = `${SRC}/infra/`;
const MODULES = `${SRC}/modules/`;
const DOORS = `${SRC}/doors/`;
/** app.ts and its parts, main.ts, config.ts: the process itself. */
const PROCESS = `${SRC}/(compose/)?[^/]+\\.ts$`;
/** Tests import what they need: they are the outermost layer. */
const TEST = '\\.test\\.ts$';
/** `<port>.<implementation>.ts`: sql.sqlite.ts, bus.memory.ts. Tests and worker entries have such names too and are none. */
const IMPLEMENTATION = `${INFRA}.+/[^/.]+\\.(?!test\\.|worker\\.)[^/]+\\.ts$`;
/** The first file of a worker thread composes what the thread needs, as app.ts does for the process. */
const WORKER = '\\.worker\\.ts$';

type Rule = IForbiddenRuleType & { name: string };

const layers: Rule[] = [
  {
    name: 'kernel-alone',
    comment: 'The kernel knows nothing of ours.',
    from: { path: KERNEL, pathNot: TEST },
    to: { path: `${SRC}/`, pathNot: KERNEL },
  },
  {
    name: 'infra-below-modules',
    comment: 'Infrastructure imports infrastructure and the kernel only.',
    from: { path: INFRA, pathNot: TEST },
    to: { path: `${SRC}/`, pathNot: [KERNEL, INFRA] },
  },
  {
    name: 'modules-below-doors',
    comment: 'A module imports modules, infrastructure and the kernel only.',
    from: { path: MODULES, pathNot: TEST },
    to: { path: `${SRC}/`, pathNot: [KERNEL, INFRA, MODULES] },
  },
  {
    name: 'doors-below-process',
    comment: 'A door gets its settings and its modules handed in by app.ts.',
    from: { path: DOORS, pathNot: TEST },
    to: { path: PROCESS },
  },
  {
    name: 'doors-only-from-app',
    comment: 'Nothing imports a door except app.ts and its parts in compose/.',
    from: { path: `${SRC}/`, pathNot: [DOORS, `${SRC}/(app|compose/[^/]+)\\.ts$`, TEST] },
    to: { path: DOORS },
  },
  {
    name: 'doors-apart',
    comment: 'Doors never import each other; what two doors need is infrastructure or a module.',
    from: { path: `${DOORS}([^/]+)/` },
    to: { path: DOORS, pathNot: `${DOORS}$1/` },
  },
];

const entries: Rule[] = [
  {
    name: 'module-entry-for-modules',
    comment: 'A module is entered through its index.ts.',
    from: { path: `${MODULES}([^/]+)/` },
    to: { path: `${MODULES}[^/]+/`, pathNot: [`${MODULES}$1/`, `${MODULES}[^/]+/index\\.ts$`] },
  },
  {
    name: 'module-entry-for-others',
    comment: 'A module is entered through its index.ts.',
    from: { path: `${SRC}/`, pathNot: [MODULES, TEST] },
    to: { path: `${MODULES}[^/]+/`, pathNot: `${MODULES}[^/]+/index\\.ts$` },
  },
  {
    name: 'implementations-only-from-app',
    comment:
      'Only app.ts and its parts, storage.ts, tests, worker entries and the one file per engine of a module import an implementation.',
    from: {
      path: `${SRC}/`,
      pathNot: [`${SRC}/(app|storage|compose/[^/]+)\\.ts$`, TEST, INFRA, `${MODULES}[^/]+/store\\.[^/.]+\\.ts$`],
    },
    to: { path: IMPLEMENTATION },
  },
  {
    name: 'implementations-within-their-port',
    comment: 'Files of one port may share code with its implementations; other infrastructure imports the port.',
    from: { path: `${INFRA}([^/]+)/`, pathNot: [TEST, WORKER, IMPLEMENTATION] },
    to: { path: IMPLEMENTATION, pathNot: `${INFRA}$1/` },
  },
  {
    name: 'implementations-of-one-engine',
    comment: 'log.sqlite.ts may build on sql.sqlite.ts: same engine. Of anything else it imports the port.',
    from: { path: `${INFRA}([^/]+)/[^/.]+\\.([^/.]+)\\.ts$`, pathNot: [TEST, WORKER] },
    to: { path: IMPLEMENTATION, pathNot: [`${INFRA}$1/`, `/[^/.]+\\.$2\\.ts$`] },
  },
  {
    name: 'module-stores-of-one-engine',
    comment: 'store.sqlite.ts builds on log.sqlite.ts and sql.sqlite.ts: same engine, no other.',
    from: { path: `${MODULES}[^/]+/store\\.([^/.]+)\\.ts$` },
    to: { path: IMPLEMENTATION, pathNot: `/[^/.]+\\.$1\\.ts$` },
  },
  {
    name: 'ports-without-implementation',
    comment: 'A port does not know who implements it.',
    from: { path: `${INFRA}([^/]+)/([^/.]+)\\.ts$` },
    to: { path: `${INFRA}$1/$2\\.(?!test\\.|worker\\.)[^/]+\\.ts$` },
  },
];

const order: Rule[] = moduleOrder.map((name, place) => ({
  name: `module-order-${name}`,
  comment: `${name} may import ${moduleOrder.slice(0, place).join(', ') || 'no other module'}.`,
  from: { path: `${MODULES}${name}/`, pathNot: TEST },
  to: { path: MODULES, pathNot: [name, ...moduleOrder.slice(0, place)].map((earlier) => `${MODULES}${earlier}/`) },
}));

const everywhere: Rule[] = [
  {
    name: 'module-in-the-order',
    comment: 'A module must stand in the list moduleOrder of tools/barriers.rules.ts.',
    from: {},
    to: { path: MODULES, pathNot: moduleOrder.map((name) => `${MODULES}${name}/`) },
  },
  {
    name: 'no-tests-in-source',
    comment: 'The program does not import tests.',
    from: { path: `${SRC}/`, pathNot: TEST },
    to: { path: [TEST, '^server/test/', '^bench/', '^examples/', '^tools/'] },
  },
  {
    name: 'no-cycles',
    comment: 'Imports make no circle, types included.',
    from: {},
    to: { circular: true },
  },
  {
    name: 'resolvable',
    comment: 'An import that cannot be found is not checked by any other rule.',
    from: {},
    to: { couldNotResolve: true },
  },
];

/** Every rule; all of them fail the check. */
export const rules: Rule[] = [...layers, ...entries, ...order, ...everywhere].map((rule) => ({
  ...rule,
  severity: 'error',
}));
