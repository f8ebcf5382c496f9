import { existsSync } from 'node:fs';
import { buildProgram } from './commands.ts';
import { explain } from './problems.ts';

// What the server writes is for its user alone, also in a folder that others may read.
process.umask(0o077);

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
