import type { Row } from '../../src/infra/log/log.ts';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import type { Data } from './meetings.ts';
import type { TestServer } from './server.ts';

/** Everything of meetings that an account may be told, live or whenever it comes back: by type and body, in order. */
export async function heardBy(
  { storage: { log } }: TestServer,
  { principal }: SignedIn,
): Promise<{ type: string; body: Data }[]> {
  const intervals = await log.intervals(principal.account, 0);
  const rows: Row[] = await log.page(intervals, { after: 0, upTo: await log.head(), limit: 10_000 });
  return rows.filter(({ type }) => type.startsWith('meeting.')).map(({ type, body }) => ({ type, body: body as Data }));
}

type JobsTables = { jobs: { kind: string; due: number | null; claim: string | null } };

/** When the timers of this kind are due, without those that run. */
export async function dueTimes({ storage: { sql } }: TestServer, kind: string): Promise<(number | null)[]> {
  const jobs = sql.read.withTables<JobsTables>().selectFrom('jobs').select('due').where('kind', '=', kind);
  return (await jobs.where('claim', 'is', null).execute()).map(({ due }) => due);
}

/** Their time has come: they run within about a second. */
export async function makeDue({ storage: { log } }: TestServer, kind: string): Promise<void> {
  await log.write(async ({ sql }) => {
    await sql.withTables<JobsTables>().updateTable('jobs').set({ due: 1 }).where('kind', '=', kind).execute();
  });
}

/** Asks again until it is so, and fails after some seconds. */
export async function eventually<Found>(ask: () => Promise<Found | undefined> | Found | undefined): Promise<Found> {
  const until = Date.now() + 8_000;
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    if (Date.now() > until) throw new Error('it did not come to pass within 8 seconds');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
