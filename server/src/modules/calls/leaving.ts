import type { Transaction } from '../../infra/log/log.ts';
import { callsUnderWay, peopleOf, tablesOf, takeCall } from './store.ts';
import { decline, finish, goOut, type Held, ownIn, type Upkeep } from './under-way.ts';

type Who = Readonly<{ account: number; id: string }>;

/** Inside the transaction that deletes an account, which has taken its turn: it is in no call, and none rings for it. */
export async function leaveAll(upkeep: Upkeep, transaction: Transaction, who: Who): Promise<void> {
  for (const held of await heldCalls(upkeep, transaction, { account: who.account })) await goAway(upkeep, held, who);
}

/**
 * Inside the transaction that takes a member out of groups, which has taken its turn. Who was called by name stays:
 * they are not there as a member.
 */
export async function leaveGroups(
  upkeep: Upkeep,
  transaction: Transaction,
  groups: readonly number[],
  who: Who,
): Promise<void> {
  for (const held of await heldCalls(upkeep, transaction, { account: who.account, groups })) {
    const isNamed = ownIn(held, who)?.direct === 1 && held.call.initiator !== who.account;
    if (!isNamed) await goAway(upkeep, held, who);
  }
}

/** Inside the transaction that ends groups, which has taken its turn: their calls are over. */
export async function endGroups(upkeep: Upkeep, transaction: Transaction, groups: readonly number[]): Promise<void> {
  for (const held of await heldCalls(upkeep, transaction, { groups })) await finish(upkeep, held, 'ended');
}

async function goAway(upkeep: Upkeep, held: Held, who: Who): Promise<void> {
  await (ownIn(held, who)?.state === 'INVITED' ? decline(upkeep, held, who) : goOut(upkeep, held, who));
}

async function heldCalls(
  { clock }: Upkeep,
  transaction: Transaction,
  whose: Parameters<typeof callsUnderWay>[1],
): Promise<Held[]> {
  const tables = tablesOf(transaction.sql);
  const held: Held[] = [];
  for (const id of await callsUnderWay(tables, whose)) {
    const call = await takeCall(tables, id, clock.now());
    if (call !== undefined) held.push({ transaction, call, people: await peopleOf(tables, id) });
  }
  return held;
}
