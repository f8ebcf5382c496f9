import type { Jobs } from '../../infra/jobs/jobs.ts';
import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Clock } from '../../kernel/clock.ts';
import { idText } from '../../kernel/ids.ts';
import { type CallEnded, type CallMoved, callEvents, type EndReason } from './events.ts';
import { type CallRow, endPeople, isOver, type PersonRow, tablesOf, updatePerson } from './store.ts';

/** A call as a transaction that has taken its turn holds it: nobody else acts on it meanwhile. */
export type Held = { transaction: Transaction; call: CallRow; people: PersonRow[] };

/** What the end of a call needs. */
export type Upkeep = Readonly<{ clock: Clock; jobs: Jobs }>;

/** The kind of the timer that ends a call by itself. */
export const expiry = 'calls.expiry';

const isThere = ({ state }: PersonRow): boolean => state === 'INVITED' || state === 'JOINED';

export const ownIn = ({ people }: Held, { account }: { account: number }): PersonRow | undefined =>
  people.find((one) => one.account === account);

export const moved = ({ call }: Held, { id }: { id: string }): CallMoved => ({
  callId: idText(call.public_id),
  userId: id,
});

export async function change(held: Held, own: PersonRow, to: Parameters<typeof updatePerson>[2]): Promise<void> {
  await updatePerson(tablesOf(held.transaction.sql), own, to);
  held.people = held.people.map((one) => (one === own ? { ...own, ...to } : one));
}

/** Somebody who is in the call goes: with fewer than two people after an answer it is over, and when it rings for nobody. */
export async function goOut(upkeep: Upkeep, held: Held, who: { account: number; id: string }): Promise<void> {
  const own = ownIn(held, who);
  if (own?.state !== 'JOINED' || isOver(held.call)) return;
  announce(held, callEvents.left, moved(held, who));
  await change(held, own, { state: 'LEFT', left_at: upkeep.clock.now() });
  const joined = held.people.filter(({ state }) => state === 'JOINED').length;
  if (joined < (held.call.status === 'ONGOING' ? 2 : 1)) await finish(upkeep, held, 'left');
}

/** Somebody who is called will not come; when nobody is left who could answer, the call is REJECTED. */
export async function decline(upkeep: Upkeep, held: Held, who: { account: number; id: string }): Promise<void> {
  const own = ownIn(held, who);
  if (own?.state !== 'INVITED' || isOver(held.call)) return;
  const topic = topicOf('user', held.call.initiator);
  const peer = topicOf('user', who.account);
  held.transaction.append({ topic, peer, type: callEvents.rejected, payload: moved(held, who) });
  await change(held, own, { state: 'REJECTED' });
  const others = held.people.filter((one) => isThere(one) && one.account !== held.call.initiator);
  if (others.length === 0) await finish(upkeep, held, 'rejected');
}

/** Tells everybody who is in it or may still answer; who is in it has left it then. */
export async function finish({ clock, jobs }: Upkeep, held: Held, reason: EndReason): Promise<void> {
  const { transaction, call } = held;
  const tables = tablesOf(transaction.sql);
  const ended_at = clock.now();
  const status = reason === 'rejected' ? 'REJECTED' : 'ENDED';
  await tables.updateTable('calls').set({ status, ended_at }).where('id', '=', call.id).execute();
  await endPeople(tables, call.id, ended_at);
  const payload: CallEnded = { callId: idText(call.public_id), reason };
  announce(held, callEvents.ended, payload);
  await jobs.cancel(transaction, { kind: expiry, key: String(call.id) });
}

/** To everybody who is in the call or may still answer: two accounts to a row. */
export function announce(
  { transaction, people }: Pick<Held, 'transaction' | 'people'>,
  type: string,
  payload: object,
): void {
  const topics = people.filter(isThere).map(({ account }) => topicOf('user', account));
  for (let place = 0; place < topics.length; place += 2) {
    const [topic, peer] = topics.slice(place, place + 2);
    if (topic !== undefined) transaction.append({ topic, ...(peer === undefined ? {} : { peer }), type, payload });
  }
}
