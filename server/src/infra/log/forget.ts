import type { Log } from './log.ts';

type LogTables = { log: { seq: number; peer: number | null; type: string; payload: string | null } };

/** Rows that are emptied at a time. */
const slice = 500;

/**
 * Empties the rows that only this topic has, but for those of the types in `kept`; they stay as numbers. Rows that a module
 * keeps itself are its own business. In transactions that nobody waits long behind, until the signal fires; once more does
 * no harm.
 */
export async function emptyTopic(
  log: Log,
  topic: number,
  { kept, signal }: { kept: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const upTo = await log.head();
  for (let after = log.floor(); !signal.aborted; ) {
    const seqs = await log.numbers([{ topic, from: 1, to: null }], { after, upTo, limit: slice });
    const last = seqs.at(-1);
    if (last === undefined) return;
    after = last;
    await log.write(({ sql }) =>
      sql
        .withTables<LogTables>()
        .updateTable('log')
        .set({ payload: null })
        .where('seq', 'in', seqs)
        .where('peer', 'is', null)
        .where('type', 'not in', kept)
        .where('payload', 'is not', null)
        .execute(),
    );
  }
}
