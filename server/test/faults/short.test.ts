import assert from 'node:assert/strict';
import test from 'node:test';

import { faultRuns, perform } from './perform.ts';
import { Unavailable } from './run.ts';

for (const run of faultRuns) {
  test(`faults, short: ${run.name}: ${run.summary}`, { timeout: 120_000 }, async (t) => {
    try {
      assert.ok(await perform(run, { short: true, say: (line) => t.diagnostic(line) }));
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      t.skip(error.message);
    }
  });
}
