import type { TestContext } from 'node:test';
import { MemoryLimits } from '../../src/infra/limits/limits.memory.ts';
import type { Log } from '../../src/infra/log/log.ts';
import type { Sql } from '../../src/infra/sql/sql.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import {
  buildIdentity,
  type Identity,
  type IdentitySettings,
  identityMigrations,
} from '../../src/modules/identity/index.ts';
import { openTestDatabase } from './database.ts';

/** A clock that stands still until it is moved. */
export class TestClock implements Clock {
  #now = Date.UTC(2026, 10, 20, 12);

  now(): number {
    return this.#now;
  }

  forward(milliseconds: number): void {
    this.#now += milliseconds;
  }
}

export const testSecret = Buffer.from('a secret of the tests: 32 bytes and more');
export const here = { address: '192.0.2.1', device: 'test', foreign: false };

/** `online`: public ids of accounts that have a live connection. */
export type TestIdentity = {
  identity: Identity;
  online: Set<string>;
  clock: TestClock;
  sql: Sql;
  log: Log;
  limits: MemoryLimits;
};

/** The identity module on an empty database, with limits that tests do not reach unless they ask. */
export async function openTestIdentity(
  t: Pick<TestContext, 'after'>,
  settings: Partial<IdentitySettings> = {},
): Promise<TestIdentity> {
  const clock = new TestClock();
  const { sql, log } = await openTestDatabase(t, { migrations: [identityMigrations], now: () => clock.now() });
  const limits = new MemoryLimits(clock);
  const config: IdentitySettings = {
    NODE_ENV: 'production',
    ACCESS_TOKEN_SECONDS: 900,
    LOGIN_ATTEMPTS: { count: 1_000_000, seconds: 900 },
    ...settings,
  };
  const online = new Set<string>();
  const isOnline = (id: string): boolean => online.has(id);
  const identity = buildIdentity({
    sql,
    log,
    limits,
    clock,
    isOnline,
    leftAt: () => 0,
    onDelete: async () => {},
    secret: testSecret,
    config,
  });
  return { identity, online, clock, sql, log, limits };
}

/** What a refused promise was refused with: the code of its error. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error && 'error' in error) {
      const { error: value } = error;
      if (typeof value === 'object' && value !== null && 'code' in value) return String(value.code);
    }
    throw error;
  }
  return 'no refusal';
}
