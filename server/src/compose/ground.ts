import type pino from 'pino';
import type { Config } from '../config.ts';
import { MemoryBus } from '../infra/bus/bus.memory.ts';
import type { Bus } from '../infra/bus/bus.ts';
import { createLogger } from '../infra/http/logger.ts';
import { SqlJobs } from '../infra/jobs/jobs.sql.ts';
import type { Jobs } from '../infra/jobs/jobs.ts';
import { MemoryLimits } from '../infra/limits/limits.memory.ts';
import { UnlimitedLimits } from '../infra/limits/limits.none.ts';
import type { Limits } from '../infra/limits/limits.ts';
import { type Clock, systemClock } from '../kernel/clock.ts';
import type { Secrets } from '../secrets.ts';
import type { Storage } from '../storage.ts';

/** What everything else is built on. */
export type Ground = Readonly<{
  config: Config;
  secrets: Secrets;
  storage: Storage;
  clock: Clock;
  logger: pino.Logger;
  limits: Limits;
  bus: Bus;
  jobs: Jobs;
  /** What is no refusal: a mistake of ours, which goes to the server's log. */
  onFailure: (error: unknown) => void;
}>;

export function buildGround({ config, secrets, storage }: Pick<Ground, 'config' | 'secrets' | 'storage'>): Ground {
  const { sql, log } = storage;
  const clock = systemClock;
  const logger = createLogger(config.LOG_LEVEL);
  const limits = config.RATE_LIMITS === 'off' ? new UnlimitedLimits(clock) : new MemoryLimits(clock);
  const jobs = new SqlJobs({ sql, log, clock, onFailure: (kind, err) => logger.error({ err, kind }, 'job failed') });
  const onFailure = (error: unknown): void => logger.error({ err: error }, 'unexpected failure');
  return { config, secrets, storage, clock, logger, limits, bus: new MemoryBus(), jobs, onFailure };
}
