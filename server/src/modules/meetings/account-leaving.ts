import type { Transaction } from '../../infra/log/log.ts';
import { cancelMeeting } from './ending.ts';
import { tablesOf, takeMeeting } from './store.ts';

/**
 * Inside the transaction that deletes an account, which is in no meeting any more by now: what it planned is cancelled,
 * and it is invited to nothing. What has been stays as it was.
 */
export async function forgetPlans(
  transaction: Transaction,
  { account, id: byId }: { account: number; id: string },
  at: number,
): Promise<void> {
  const tables = tablesOf(transaction.sql);
  const planned = tables.selectFrom('meetings').select('id').where('creator', '=', account);
  for (const { id } of await planned.where('status', '=', 'scheduled').orderBy('id').execute()) {
    const meeting = await takeMeeting(tables, id, at);
    if (meeting !== undefined) await cancelMeeting({ transaction, tables, meeting }, { byId, at });
  }
  const own = tables.deleteFrom('meeting_people').where('account', '=', account);
  await own.where('status', '=', 'invited').where('role', '!=', 'host').execute();
}
