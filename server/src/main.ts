import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// What the server writes is for its user alone, also in a folder that others may read.
process.umask(0o077);
// A quarter of the start is reading sources. Beside the code and not in the system's folder for temporary files, where
// anybody could put something to be run; where it cannot be written there simply is none.
enableCompileCache(fileURLToPath(new URL('../.cache', import.meta.url)));
const { buildProgram } = await import('./commands.ts');
const { explain } = await import('./problems.ts');

try {
  // What the environment already says is not replaced.
  if (existsSync('.env')) process.loadEnvFile('.env');
  await buildProgram().parseAsync();
} catch (error) {
  const unknown = `Rendezvous failed: ${error instanceof Error ? error.message : String(error)}`;
  process.stderr.write(`${explain(error) ?? unknown}\n`);
  if (/^(debug|trace)$/.test(process.env['LOG_LEVEL'] ?? '')) console.error(error);
  else if (explain(error) === undefined) process.stderr.write('LOG_LEVEL=debug shows where.\n');
  process.exit(1);
}
