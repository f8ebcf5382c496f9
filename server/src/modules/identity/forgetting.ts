import type { Jobs } from '../../infra/jobs/jobs.ts';
import { emptyTopic } from '../../infra/log/forget.ts';
import type { Log } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Clock } from '../../kernel/clock.ts';
import { identityEvents } from './events.ts';
import type { DeletePart } from './parts.ts';
import { resetMailJob } from './reset-mail.ts';
import { tablesOf } from './store.ts';

const kind = 'identity.forget';

/** Sockets and other servers go by these. */
const kept = [identityEvents.sessionsRevoked, identityEvents.deleted];

/**
 * What of a deleted account is too much for the transaction that deletes it: a job empties its topic. Mail that waits, or could
 * not be sent, goes with the account: its job has the address.
 */
export function buildForgetting({ log, jobs, clock }: { log: Log; jobs: Jobs; clock: Clock }): DeletePart {
  jobs.handle(kind, async ({ payload, signal }) => {
    const account = Number(payload);
    // One that was made while the account was being deleted.
    await log.write(({ sql }) => tablesOf(sql).deleteFrom('blocks').where('account', '=', account).execute());
    await emptyTopic(log, topicOf('user', account), { kept, signal });
    signal.throwIfAborted();
  });
  return async (transaction, { account, id, email }) => {
    await jobs.cancel(transaction, { kind: resetMailJob, key: email });
    await jobs.schedule(transaction, { kind, key: id, at: clock.now(), payload: account });
  };
}
