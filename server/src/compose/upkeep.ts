import { type HeldBack, Retention } from '../infra/log/retention.ts';
import type { Ground } from './ground.ts';
import type { Modules } from './modules.ts';

const hour = 3_600_000;
/** Login sessions, waiting pushes or failed jobs that are forgotten in one transaction. */
const expirySlice = 500;

/** What runs by itself. */
export function keepUp({ jobs, storage, clock, logger }: Ground, { identity, push }: Modules): void {
  const { sql, log } = storage;
  const onHeldBack = (held: HeldBack): void => logger.warn(held, 'the log is kept for a follower that is behind');
  const retention = new Retention({ sql, log, clock, onHeldBack });
  jobs.repeat('log.retention', hour, ({ signal }) => retention.run(signal));
  jobs.repeat('identity.expiry', hour, ({ signal }) => inSlices(signal, (limit) => identity.forgetExpired(limit)));
  jobs.repeat('jobs.expiry', hour, ({ signal }) => inSlices(signal, (limit) => jobs.forgetFailed(limit)));
  jobs.repeat('push.expiry', hour, ({ signal }) => inSlices(signal, (limit) => push.forgetExpired(limit)));
}

/** Until a slice is not full: what has expired goes in transactions that nobody waits long behind. */
async function inSlices(signal: AbortSignal, forget: (limit: number) => Promise<number>): Promise<void> {
  for (let more = true; more && !signal.aborted; ) more = (await forget(expirySlice)) === expirySlice;
}
