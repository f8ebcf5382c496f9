import assert from 'node:assert/strict';
import test from 'node:test';

import { faultRuns, perform } from './perform.ts';
import { Unavailable } from './run.ts';

const onPostgres = (process.env['DATABASE_URL'] ?? '') !== '';
/** These look at SQLite's file, or measure; the suite on SQLite has them. */
const onSqliteOnly = new Set(['power', 'slow']);

/** Its table is asked for by `server/test/authorization.test.ts`. */
const elsewhere = new Set(['authorization']);

for (const run of faultRuns.filter(({ name }) => !elsewhere.has(name))) {
  const skip = onPostgres && onSqliteOnly.has(run.name) ? 'runs in the suite on SQLite' : false;
  test(`faults, short: ${run.name}: ${run.summary}`, { timeout: 240_000, skip }, async (t) => {
    const engine = onPostgres ? 'postgres' : 'sqlite';
    try {
      assert.ok(await perform(run, { short: true, engine, say: (line) => t.diagnostic(line) }));
    } catch (error) {
      if (!(error instanceof Unavailable) || process.env['CI'] === 'true') throw error;
      t.skip(error.message);
    }
  });
}
