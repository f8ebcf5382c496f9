import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { SqlJobs } from '../../src/infra/jobs/jobs.sql.ts';
import { jobMigrations } from '../../src/infra/jobs/migrations.ts';
import { MemoryLimits } from '../../src/infra/limits/limits.memory.ts';
import type { Log, Row } from '../../src/infra/log/log.ts';
import type { Sql } from '../../src/infra/sql/sql.ts';
import { later } from '../../src/kernel/clock.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import { buildIdentity, type DeletePart, type Identity, identityMigrations } from '../../src/modules/identity/index.ts';
import { Attendance, HostWatch, Meetings, meetingMigrations } from '../../src/modules/meetings/index.ts';
import { openTestDatabase } from './database.ts';
import { TestClock, testSecret } from './identity.ts';

type Modules = Readonly<{ sql: Sql; log: Log; identity: Identity; meetings: Meetings; attendance: Attendance }>;

/** Meetings and those who are in them, over an empty database and a clock that stands still, without doors. */
export type MeetingHouse = Modules &
  Readonly<{
    clock: TestClock;
    ada: Principal;
    bob: Principal;
    carol: Principal;
    people(count: number): Promise<Principal[]>;
    /** Everything of meetings in the log, in order. */
    rows(): Promise<Row[]>;
    /** The modules over the database as a killed server leaves it; its timers run from here on. */
    afterKill(): Promise<Modules>;
  }>;

const migrations = [identityMigrations, meetingMigrations, jobMigrations];
let named = 0;

export async function openMeetingHouse(t: Pick<TestContext, 'after'>): Promise<MeetingHouse> {
  const clock = new TestClock();
  // The timers stop before the database is closed.
  const removing: (() => unknown)[] = [];
  const after = (remove?: unknown): void => void (typeof remove === 'function' && removing.push(() => remove()));
  const database = await openTestDatabase({ after }, { migrations, now: () => clock.now() });
  const closing: (() => Promise<void>)[] = [];
  const build = async ({ sql, log }: { sql: Sql; log: Log }): Promise<Modules> => {
    const { modules, jobs } = modulesOver({ sql, log }, clock);
    await log.start();
    await jobs.start();
    closing.push(() => jobs.close());
    return modules;
  };
  const stop = async (): Promise<void> => {
    for (const close of closing.splice(0)) await close();
  };
  t.after(async () => {
    await stop();
    for (const remove of removing) await remove();
  });
  const modules = await build(database);
  const people: MeetingHouse['people'] = async (count) => {
    const drafts = Array.from({ length: count }, () => ({
      username: `m_${++named}`,
      email: `m${named}@example.org`,
    }));
    return (await modules.identity.provision(drafts)).map(({ principal }) => principal);
  };
  const [ada, bob, carol] = await people(3);
  assert.ok(ada && bob && carol);
  return {
    ...modules,
    clock,
    ada,
    bob,
    carol,
    people,
    rows: async () => (await modules.log.rowsAfter(0, 10_000)).filter(({ type }) => type.startsWith('meeting.')),
    afterKill: async () => {
      await stop();
      return build(await database.afterKill());
    },
  };
}

function modulesOver({ sql, log }: { sql: Sql; log: Log }, clock: TestClock): { modules: Modules; jobs: SqlJobs } {
  const onFailure = (error: unknown): void => assert.fail(String(error));
  const limits = new MemoryLimits(clock);
  const jobs = new SqlJobs({ sql, log, clock, onFailure: (_, error) => onFailure(error), lookEvery: 20 });
  const onDelete: DeletePart = async (transaction, who) => {
    await attendance.leaveAll(transaction, who);
    await meetings.forgetPlans(transaction, who);
  };
  const identity = buildIdentity({
    sql,
    log,
    clock,
    limits,
    isOnline: () => false,
    leftAt: () => 0,
    onDelete,
    secret: testSecret,
    config: { NODE_ENV: 'production', ACCESS_TOKEN_SECONDS: 900, LOGIN_ATTEMPTS: { count: 1_000, seconds: 900 } },
  });
  const { passwords } = identity;
  const isConnected = (): boolean => true;
  const hosts = new HostWatch({ sql, log, clock, jobs, later, isConnected, onFailure, patience: 30_000 });
  const meetings = new Meetings({ sql, log, clock, jobs, passwords, hosts });
  const whenEmpty: Meetings['whenEmpty'] = (held, at) => meetings.whenEmpty(held, at);
  const attendance = new Attendance({ sql, log, clock, limits, passwords, hosts, whenEmpty });
  return { modules: { sql, log, identity, meetings, attendance }, jobs };
}
