import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openTestDatabase } from '../../../test/support/database.ts';
import { TestClock } from '../../../test/support/identity.ts';
import { SqlJobs } from './jobs.sql.ts';
import type { Jobs, Run } from './jobs.ts';
import { jobMigrations } from './migrations.ts';

type Stored = { kind: string; due: number | null; attempts: number; error: string | null };

const minute = 60_000;

/** A database with a clock that the test moves, and as many nodes on it as the test wants. */
async function openJobs(t: TestContext) {
  const clock = new TestClock();
  const { sql, log } = await openTestDatabase(t, { migrations: [jobMigrations] });
  const failures: string[] = [];
  const nodes: Jobs[] = [];
  t.after(() => Promise.all(nodes.map((node) => node.close())));
  const node = (): Jobs => {
    const onFailure = (kind: string, error: unknown) => void failures.push(`${kind}: ${String(error)}`);
    const jobs = new SqlJobs({ sql, log, clock, onFailure, lookEvery: 5, stopWithin: 300 });
    nodes.push(jobs);
    return jobs;
  };
  const every = sql.statement<Stored>('SELECT kind, due, attempts, error FROM jobs ORDER BY id');
  const stored = async () => (await every.all()).map((row) => ({ ...row }));
  return { clock, sql, log, failures, node, stored };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 5_000; !(await holds()); await sleep(5)) {
    assert.ok(Date.now() < end, 'it did not come true within five seconds');
  }
}

/** Long enough for several looks at the table. */
const aWhile = () => sleep(60);

test('SqlJobs: a job runs once, after its time, with its payload, and is gone', async (t) => {
  const { clock, log, node, stored } = await openJobs(t);
  const runs: Run[] = [];
  const jobs = node();
  jobs.handle('ring', async (run) => void runs.push(run));
  await jobs.start();
  await log.write((tx) => jobs.schedule(tx, { kind: 'ring', at: clock.now() + minute, payload: { call: 7 } }));
  await aWhile();
  assert.equal(runs.length, 0);
  clock.forward(minute);
  await until(async () => (await stored()).length === 0);
  await aWhile();
  assert.deepEqual(
    runs.map(({ payload, attempt }) => ({ payload, attempt })),
    [{ payload: { call: 7 }, attempt: 1 }],
  );
});

test('SqlJobs: what came due while no server ran starts after the start; an act that fails schedules nothing', async (t) => {
  const { clock, log, node } = await openJobs(t);
  const first = node();
  await first.start();
  await log.write((tx) => first.schedule(tx, { kind: 'late', at: clock.now() + minute, payload: 1 }));
  await assert.rejects(
    log.write(async (tx) => {
      await first.schedule(tx, { kind: 'late', at: clock.now(), payload: 'never' });
      throw new Error('changed my mind');
    }),
    /changed my mind/,
  );
  await first.close();
  clock.forward(60 * minute);
  const seen: unknown[] = [];
  const second = node();
  second.handle('late', async ({ payload }) => void seen.push(payload));
  await second.start();
  await until(() => seen.length > 0);
  await aWhile();
  assert.deepEqual(seen, [1]);
});

test('SqlJobs: a try that fails is repeated with growing delay, and after ten the job is kept as failed', async (t) => {
  const { clock, log, node, stored, failures } = await openJobs(t);
  const delays: number[] = [];
  const jobs = node();
  jobs.handle('break', async ({ attempt }) => {
    throw new Error(`try ${attempt}`);
  });
  await jobs.start();
  await log.write((tx) => jobs.schedule(tx, { kind: 'break', at: clock.now(), payload: null }));
  for (let attempt = 1; attempt <= 10; attempt += 1) {
    await until(async () => (await stored())[0]?.error === `Error: try ${attempt}`);
    const due = (await stored())[0]?.due ?? null;
    if (due === null) break;
    delays.push(due - clock.now());
    clock.forward(due - clock.now());
  }
  assert.deepEqual(
    delays,
    [5, 15, 45, 135, 405, 1_215, 3_600, 3_600, 3_600].map((seconds) => seconds * 1_000),
  );
  assert.deepEqual(await stored(), [{ kind: 'break', due: null, attempts: 10, error: 'Error: try 10' }]);
  clock.forward(7 * 24 * 60 * minute - 1);
  await aWhile();
  assert.deepEqual([failures.length, await jobs.forgetFailed(10), (await stored()).length], [10, 0, 1]);
  clock.forward(1);
  assert.deepEqual([await jobs.forgetFailed(10), await stored()], [1, []]);
});

test('SqlJobs: a kind that nobody handles is tried again and says why', async (t) => {
  const { clock, log, node, stored } = await openJobs(t);
  const jobs = node();
  await jobs.start();
  await log.write((tx) => jobs.schedule(tx, { kind: 'unknown', at: clock.now(), payload: null }));
  await until(async () => /No handler .* unknown/.test((await stored())[0]?.error ?? ''));
});

test('SqlJobs: a second job of one key takes the place of the first; a cancelled one does not run', async (t) => {
  const { clock, log, node, stored } = await openJobs(t);
  const seen: unknown[] = [];
  const jobs = node();
  jobs.handle('remind', async ({ payload }) => void seen.push(payload));
  await jobs.start();
  for (const [key, payload] of [
    ['a', 1],
    ['b', 2],
    ['a', 3],
  ] as const) {
    await log.write((tx) => jobs.schedule(tx, { kind: 'remind', at: clock.now() + minute, payload, key }));
  }
  assert.equal(await log.write((tx) => jobs.cancel(tx, { kind: 'remind', key: 'b' })), true);
  assert.equal(await log.write((tx) => jobs.cancel(tx, { kind: 'remind', key: 'b' })), false);
  clock.forward(minute);
  await until(async () => (await stored()).length === 0);
  assert.deepEqual(seen, [3]);
});

test('SqlJobs: a job that is replaced while it runs runs again with what replaced it', async (t) => {
  const { clock, log, node, stored } = await openJobs(t);
  const seen: unknown[] = [];
  let finish = () => {};
  const jobs = node();
  jobs.handle('remind', async ({ payload }) => {
    seen.push(payload);
    if (payload === 1) await new Promise<void>((resolve) => (finish = resolve));
  });
  await jobs.start();
  await log.write((tx) => jobs.schedule(tx, { kind: 'remind', at: clock.now(), payload: 1, key: 'a' }));
  await until(() => seen.length === 1);
  await log.write((tx) => jobs.schedule(tx, { kind: 'remind', at: clock.now(), payload: 2, key: 'a' }));
  finish();
  await until(async () => (await stored()).length === 0);
  assert.deepEqual(seen, [1, 2]);
});

test('SqlJobs: of several nodes one runs each try, and they share the work', async (t) => {
  const { clock, log, node, stored } = await openJobs(t);
  const seen: unknown[] = [];
  const nodes = [node(), node(), node()];
  for (const jobs of nodes) {
    jobs.handle('count', async ({ payload }) => {
      seen.push(payload);
      await sleep(1);
    });
    await jobs.start();
  }
  await log.write(async (tx) => {
    for (let n = 0; n < 100; n += 1) await nodes[0]?.schedule(tx, { kind: 'count', at: clock.now(), payload: n });
  });
  await until(async () => (await stored()).length === 0);
  assert.deepEqual(new Set(seen).size, 100);
  assert.equal(seen.length, 100);
});

test('SqlJobs: of a bounded kind no more run at once, and those that wait keep no other kind from running', async (t) => {
  const { clock, log, node, stored } = await openJobs(t);
  const letters: unknown[] = [];
  const rung: unknown[] = [];
  const jobs = node();
  const handed = Promise.withResolvers<void>();
  jobs.handle(
    'letter',
    async ({ payload }) => {
      letters.push(payload);
      await handed.promise;
    },
    { atOnce: 1 },
  );
  jobs.handle('ring', async ({ payload }) => void rung.push(payload));
  await log.write(async (tx) => {
    for (let n = 0; n < 9; n += 1) await jobs.schedule(tx, { kind: 'letter', at: clock.now() - minute, payload: n });
    for (let n = 0; n < 9; n += 1) await jobs.schedule(tx, { kind: 'ring', at: clock.now(), payload: n });
  });
  await jobs.start();
  await until(() => rung.length === 9);
  assert.equal(letters.length, 1);
  handed.resolve();
  await until(async () => (await stored()).length === 0);
  assert.equal(new Set(letters).size, 9);
});

test('SqlJobs: the job of a node that died runs again when its lease is over', async (t) => {
  const { clock, log, sql, node } = await openJobs(t);
  const dead = node();
  await log.write((tx) => dead.schedule(tx, { kind: 'move', at: clock.now(), payload: null }));
  // What a claim leaves behind when its node never comes back.
  const due = clock.now() + minute;
  await log.write(async (tx) => {
    const jobs = tx.sql.withTables<{ jobs: { due: number; claim: string; attempts: number } }>();
    await jobs.updateTable('jobs').set({ due, claim: 'of a dead node', attempts: 1 }).execute();
  });
  const attempts: number[] = [];
  const alive = node();
  alive.handle('move', async ({ attempt }) => void attempts.push(attempt));
  await alive.start();
  await aWhile();
  assert.deepEqual(attempts, []);
  clock.forward(minute);
  await until(() => attempts.length > 0);
  await until(async () => (await sql.statement('SELECT 1 FROM jobs').all()).length === 0);
  assert.deepEqual(attempts, [2]);
});

test('SqlJobs: a running job is interrupted by the close, costs no try, and runs again after the next start', async (t) => {
  const { clock, log, node, stored } = await openJobs(t);
  let started = false;
  const first = node();
  first.handle('long', async ({ signal }) => {
    started = true;
    await sleep(60_000, undefined, { signal });
  });
  await first.start();
  await log.write((tx) => first.schedule(tx, { kind: 'long', at: clock.now(), payload: null }));
  await until(() => started);
  await first.close();
  assert.deepEqual(await stored(), [{ kind: 'long', due: clock.now(), attempts: 0, error: null }]);
  const attempts: number[] = [];
  const second = node();
  second.handle('long', async ({ attempt }) => void attempts.push(attempt));
  await second.start();
  await until(() => attempts.length > 0);
  assert.deepEqual(attempts, [1]);
});

test('SqlJobs: a job that ignores its signal does not hold the close; its outcome is not stored, and it runs again', async (t) => {
  const { clock, log, node, stored, failures } = await openJobs(t);
  const deaf = Promise.withResolvers<void>();
  let started = false;
  const first = node();
  first.handle('deaf', async () => {
    started = true;
    await deaf.promise;
  });
  await first.start();
  await log.write((tx) => first.schedule(tx, { kind: 'deaf', at: clock.now(), payload: null }));
  await until(() => started);
  const began = performance.now();
  await first.close();
  const took = performance.now() - began;
  assert.ok(took >= 250 && took < 3_000, `${took} ms`);
  const left = 'it did not stop within 300 ms of the drain, is left behind, and runs again when its lease is over';
  assert.deepEqual(failures, [`deaf: Error: ${left}`]);
  const waiting = [{ kind: 'deaf', due: clock.now() + minute, attempts: 1, error: null }];
  assert.deepEqual(await stored(), waiting);
  deaf.resolve();
  await aWhile();
  assert.deepEqual([await stored(), failures.length], [waiting, 1]);
  const attempts: number[] = [];
  const second = node();
  second.handle('deaf', async ({ attempt }) => void attempts.push(attempt));
  await second.start();
  clock.forward(minute);
  await until(() => attempts.length > 0);
  assert.deepEqual(attempts, [2]);
});

test('SqlJobs: a repeating job runs at the first start, then after each period, and on one node only', async (t) => {
  const { clock, node, stored } = await openJobs(t);
  let runs = 0;
  const nodes = [node(), node()];
  for (const jobs of nodes) {
    jobs.repeat('sweep', 60 * minute, async () => {
      runs += 1;
      if (runs === 2) throw new Error('once');
    });
    await jobs.start();
  }
  const waiting = async () => (await stored())[0];
  await until(async () => (await waiting())?.due === clock.now() + 60 * minute);
  await aWhile();
  assert.equal(runs, 1);
  clock.forward(60 * minute);
  await until(async () => (await waiting())?.error === 'Error: once');
  clock.forward(5_000);
  await until(async () => (await waiting())?.due === clock.now() + 60 * minute);
  assert.deepEqual([runs, (await stored()).length], [3, 1]);
});

test('SqlJobs: what is due is found through the index, however many jobs wait', async (t) => {
  const { sql, node } = await openJobs(t);
  node();
  const look = [...sql.statementTexts].find((text) => text.includes('FROM jobs WHERE due'));
  assert.ok(look);
  if (sql.engine !== 'sqlite') return t.skip('the plan of PostgreSQL depends on how many rows there are');
  const plan = await sql.statement<{ detail: string }>(`EXPLAIN QUERY PLAN ${look}`).all(0, 4);
  assert.deepEqual(
    plan.map(({ detail }) => detail),
    ['SEARCH jobs USING COVERING INDEX jobs_by_due_and_kind (due<?)'],
  );
});
