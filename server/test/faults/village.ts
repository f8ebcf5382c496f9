import type { Account } from './accounts.ts';
import { makeGroup, readHistory, signUp } from './accounts.ts';
import type { Fault, Findings, Reader, Row } from './findings.ts';
import type { Oracle } from './oracle.ts';
import type { Target } from './outbox.ts';
import { until } from './timing.ts';
import type { Verdict } from './verdict.ts';
import { directConversation, groupConversation } from './wire.ts';

/** Some people who are in one group together, and each of whom writes to the next one directly. */
export type Village = Readonly<{
  accounts: readonly Account[];
  group: Target;
  /** The direct conversation that `account` and the one after it share. */
  direct(place: number): Target;
  /** Everything the account at this place may read. */
  conversations(place: number): string[];
  /** Each conversation as REST tells it, oldest first. */
  histories(): Promise<Map<string, Row[]>>;
}>;

export async function settle(url: string, people: number): Promise<Village> {
  const accounts = await signUp(url, people);
  const groupId = await makeGroup(accounts);
  const at = (place: number): Account => {
    const account = accounts[place % people];
    if (account === undefined) throw new Error('nobody lives here');
    return account;
  };
  const direct = (place: number): Target => ({
    conversation: directConversation(at(place).id, at(place + 1).id),
    to: { receiverId: at(place + 1).id },
  });
  const group: Target = { conversation: groupConversation(groupId), to: { groupId } };
  return {
    accounts,
    group,
    direct,
    conversations: (place) => [
      ...new Set([group.conversation, direct(place).conversation, direct(place + people - 1).conversation]),
    ],
    histories: async () => {
      const all = new Map([[group.conversation, await readHistory(at(0), `/messages/group/${groupId}`)]]);
      for (const place of accounts.keys()) {
        all.set(direct(place).conversation, await readHistory(at(place), `/messages/direct/${at(place + 1).id}`));
      }
      return all;
    },
  };
}

const shownTo = (readers: Iterable<Reader>): number =>
  [...readers].reduce((sum, reader) => sum + reader.seen.length, 0);

/**
 * How long nothing may happen before a run gives up, in milliseconds. A stock client whose connection dies in the middle
 * of its upgrade from polling finds out only when pings fail to come, after 45 s; what it missed comes then.
 */
const standstill = 50_000;

/** Waits until every reader was shown as much as it should, or nobody was shown anything for a while. */
export async function untilShown(readers: readonly Reader[], enough: (reader: Reader) => boolean): Promise<boolean> {
  let shown = -1;
  let since = performance.now();
  const done = (): boolean => {
    const now = shownTo(readers);
    if (now !== shown) [shown, since] = [now, performance.now()];
    return readers.every(enough) || performance.now() - since > standstill;
  };
  await until(done, 600_000, 50);
  return readers.every(enough);
}

/** Lets every reader catch up with history (or gives up), then holds one against the other. */
export async function judge(village: Village, oracle: Oracle): Promise<{ findings: Findings; rows: number }> {
  const histories = await village.histories();
  const length = (name: string): number => histories.get(name)?.length ?? 0;
  const expected = (reader: Reader): number => reader.conversations.reduce((sum, name) => sum + length(name), 0);
  await untilShown([...oracle.readers.values()], (reader) => reader.seen.length >= expected(reader));
  const rows = [...histories.values()].reduce((sum, history) => sum + history.length, 0);
  return { findings: oracle.judge(histories), rows };
}

const demands: readonly (readonly [string, readonly Fault[]])[] = [
  ['no acknowledged message lost', ['acknowledged but not in history', 'shown but not in history']],
  [
    'none twice, each with the id that was acknowledged',
    [
      'twice in history',
      'acknowledged with two ids, or not the id in history',
      'in history but never sent',
      'clientId in history is not its own',
    ],
  ],
  ['order of sends kept', ['history contradicts the order of sends']],
  ['no gap at any reader', ['missed by a reader', 'reconnected without being recovered']],
  ['nothing twice at any reader', ['twice at a reader']],
  ['order of history at every reader', ['out of order at a reader', 'offset went backwards at a reader']],
  ['nothing refused', ['refused']],
];

/** Puts what the oracle found into the verdict, together with how much there was to find it in. */
export function demandAll(
  verdict: Verdict,
  oracle: Oracle,
  { findings, rows }: { findings: Findings; rows: number },
): void {
  verdict.figure(
    'messages sent / acknowledged / in history',
    `${oracle.sends.size} / ${oracle.acknowledged} / ${rows}`,
  );
  const shown = shownTo(oracle.readers.values());
  verdict.figure('readers / events they were shown', `${oracle.readers.size} / ${shown}`);
  verdict.demand('there was something to lose', oracle.acknowledged > 0 && shown > 0);
  for (const [what, faults] of demands) {
    const found = faults.filter((fault) => findings.count(fault) > 0);
    verdict.demand(what, found.length === 0, found.map((fault) => `${fault}: ${findings.tell(fault)}`).join('; '));
  }
}
