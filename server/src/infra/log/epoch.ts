import { newId } from '../../kernel/ids.ts';
import type { Log } from './log.ts';

/** Random and short: it stands in front of every offset. */
export const newEpoch = (): string => Buffer.from(newId().subarray(8)).toString('base64url');

/**
 * Gives a log that was restored from a backup another epoch: it hands out numbers a second time, and no client may take
 * its place in the old one for a place in this. A log that is open keeps the epoch with which it was opened.
 */
export async function renewEpoch(log: Log): Promise<void> {
  await log.write(async ({ sql }) => {
    const state = sql.withTables<{ log_state: { one: number; epoch: string } }>().updateTable('log_state');
    await state.set({ epoch: newEpoch() }).where('one', '=', 1).execute();
  });
}
