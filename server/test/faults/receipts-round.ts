import { randomUUID } from 'node:crypto';

import type { Random } from './random.ts';
import { type Answer, isLess, isStatus, type Place, type Receipt, type Said, type Status } from './receipts-model.ts';
import type { Answered } from './receipts-person.ts';
import { otherIn, personAt, type Town } from './receipts-town.ts';
import { inParallel } from './timing.ts';

/** One receipt: of a message, of one that there is not, or of a whole conversation. */
type Drawn = Readonly<{ who: number; rest: boolean }> &
  ({ receipt: Receipt; message: Said } | { receipt: Receipt; unknown: string } | { receipt: 'all'; place: Place });

/** What the server should not have answered. */
export type Wrong = { refusals: string[]; backwards: string[]; broken: string[]; refused: number; given: number };

const atOnce = 40;
const restShare = 0.1;

/** So many receipts by anybody for anything, many of them under way at a time. */
export async function giveReceipts(
  town: Town,
  random: Random,
  { count, halfway, wrong }: { count: number; halfway: () => void; wrong: Wrong },
): Promise<void> {
  const drawn = Array.from({ length: count }, () => draw(town, random));
  const known = new Map<string, Status>();
  let given = 0;
  await inParallel(drawn, atOnce, async (one) => {
    given += 1;
    if (given === Math.floor(count / 2)) halfway();
    const key = 'message' in one ? `${one.who} ${one.message.id}` : '';
    const before = known.get(key);
    const answered = await give(town, one);
    judge(one, answered, { before, wrong });
    if (key !== '' && isStatus(answered.status)) {
      const now = known.get(key);
      if (now === undefined || isLess(now, answered.status)) known.set(key, answered.status);
    }
  });
}

function draw({ people, places }: Town, random: Random): Drawn {
  const who = random.between(0, people.length - 1);
  const rest = random.chance(restShare);
  const receipt = random.pick<Receipt>(['delivered', 'seen']);
  if (random.chance(0.02))
    return { who, rest, receipt, unknown: random.pick([randomUUID(), 'nonsense', 'x'.repeat(64)]) };
  const place = random.pick(places);
  const member = random.pick(place.members);
  if (random.chance(0.02) && place.kind !== 'direct') return { who, rest, receipt: 'all', place };
  if (random.chance(0.02)) return { who: member, rest, receipt: 'all', place };
  // Mostly somebody whom it is for, and mostly something new: what lies far below the marks changes nothing.
  const message = random.chance(0.7) ? random.pick(place.said.slice(-6)) : random.pick(place.said);
  const others = place.members.filter((person) => person !== message.sender);
  return { who: others.length > 0 && random.chance(0.7) ? random.pick(others) : who, rest, receipt, message };
}

function give({ people }: Town, one: Drawn): Promise<Answered> {
  const person = personAt(people, one.who);
  if ('place' in one) {
    const conversationId = one.place.kind === 'direct' ? otherIn(people, one.place, one.who) : one.place.id;
    if (one.rest) return person.post(`/conversations/${conversationId}/seen`);
    return person.emit('conversation:seen', { conversationId });
  }
  const messageId = 'message' in one ? one.message.id : one.unknown;
  if (one.rest) return person.post(`/messages/${messageId}/${one.receipt}`);
  return person.emit(`message:${one.receipt}`, { messageId });
}

/** Takes the receipt into the model, and holds the answer against it. */
function judge(
  one: Drawn,
  { code, status }: Answered,
  { before, wrong }: { before: Status | undefined; wrong: Wrong },
): void {
  const should = expected(one);
  const told = `person ${one.who}, ${one.receipt}, ${one.rest ? 'REST' : 'socket'}`;
  wrong.given += 1;
  if (should !== 'done') wrong.refused += 1;
  if (['INTERNAL_ERROR', 'SERVICE_UNAVAILABLE', 'no answer'].includes(code)) wrong.broken.push(`${told}: ${code}`);
  else if (code !== should) wrong.refusals.push(`${told}: ${code}, not ${should}`);
  if (should !== 'done' || !('message' in one)) return;
  const least: Status = one.receipt === 'seen' ? 'SEEN' : 'DELIVERED';
  for (const known of [least, before]) {
    if (known === undefined || (isStatus(status) && !isLess(status, known))) continue;
    wrong.backwards.push(`${told}: ${String(status)} after ${known}`);
  }
}

function expected(one: Drawn): Answer {
  if ('place' in one) return one.place.markAll(one.who);
  return 'message' in one ? one.message.place.mark(one.who, one.message, one.receipt) : 'NOT_FOUND';
}
