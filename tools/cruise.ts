// Runs dependency-cruiser with the TypeScript 5.9 of this folder. The repository is checked by TypeScript 7, whose
// package has another interface: with it dependency-cruiser reads no .ts file, finds nothing and reports success.
// npm puts dependency-cruiser beside TypeScript 7, so its import of `typescript` is answered from here.
import { createRequire, registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { ICruiseResult } from 'dependency-cruiser';
import { rules } from './barriers.rules.ts';

const require = createRequire(import.meta.url);

registerHooks({
  resolve(specifier, context, next) {
    const isTypeScript = specifier === 'typescript' || specifier.startsWith('typescript/');
    if (!isTypeScript || !context.parentURL?.includes('/dependency-cruiser/')) return next(specifier, context);
    return { url: pathToFileURL(require.resolve(specifier)).href, shortCircuit: true };
  },
});

/** What was read, and which rules were broken by whom. */
export type Cruise = {
  /** Every .ts file that was read, relative to the folder, with / as separator. */
  files: string[];
  /** How many imports from one of these files to another were seen. */
  imports: number;
  violations: { rule: string; from: string; to: string }[];
};

/** Reads the given folders (relative to `base`) and applies every barrier. Throws when TypeScript 5.9 is not what reads. */
export async function cruiseFolders(base: string, folders: string[]): Promise<Cruise> {
  const version: string = require('typescript/package.json').version;
  if (!version.startsWith('5.')) throw new Error(`the barriers need TypeScript 5 in tools/, and found ${version}`);
  const { allExtensions, cruise } = await import('dependency-cruiser');
  if (!allExtensions.some(({ extension, available }) => extension === '.ts' && available)) {
    throw new Error('dependency-cruiser cannot read TypeScript: it did not get the TypeScript 5.9 of tools/');
  }
  const { output } = await cruise(folders, {
    baseDir: base,
    ruleSet: { forbidden: rules },
    validate: true,
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  });
  if (typeof output === 'string') throw new Error('dependency-cruiser answered with text instead of a result');
  return presentCruise(output);
}

function presentCruise(result: ICruiseResult): Cruise {
  const own = result.modules.filter(({ source }) => source.endsWith('.ts') && !source.includes('node_modules/'));
  const files = own.map(({ source }) => source);
  const known = new Set(files);
  return {
    files,
    imports: own.flatMap(({ dependencies }) => dependencies).filter(({ resolved }) => known.has(resolved)).length,
    violations: result.summary.violations.map(({ rule, from, to }) => ({ rule: rule.name, from, to })),
  };
}
