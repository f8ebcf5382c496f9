import assert from 'node:assert/strict';
import test from 'node:test';
import { engine } from '../../../test/support/database.ts';
import { eventOn, openLog, seqsOf, writeOne } from '../../../test/support/log.ts';
import type { Move } from './log.ts';
import { topicOf } from './topic.ts';

const [ended, other] = [topicOf('group', 1), topicOf('group', 2)];

const enter = (account: number, topic: number): Move => ({ account, topic, kind: 'enter' });
const leave = (account: number, topic: number): Move => ({ account, topic, kind: 'leave' });

test(`${engine}: of a topic that ends its readers are left the row that ends it, former ones nothing`, async (t) => {
  const { log } = await openLog(t);
  const write = (topic: number, ...moves: readonly Move[]) => writeOne(log, eventOn(topic, {}, { moves }));
  await write(ended, enter(1, ended), enter(2, ended), enter(3, ended));
  await write(other, enter(1, other), enter(2, other));
  await write(ended, leave(2, ended), leave(3, ended));
  await write(ended, enter(3, ended));
  // All in one transaction, as when somebody leaves everything.
  await log.write(async ({ append }) => {
    append(eventOn(other, {}, { moves: [leave(2, other)] }));
    append(eventOn(ended, {}, { moves: [{ topic: ended, kind: 'end' }] }));
  });
  await writeOne(log, eventOn(ended));
  const intervalsOf = async (account: number) =>
    (await log.intervals(account, 0)).slice(1).sort((a, b) => a.topic - b.topic || a.from - b.from);
  const end = { topic: ended, from: 6, to: 6 };
  assert.deepEqual(
    [await intervalsOf(1), await intervalsOf(2), await intervalsOf(3)].map((found) => found.map((one) => ({ ...one }))),
    [[end, { topic: other, from: 2, to: null }], [{ topic: other, from: 2, to: 5 }], [end]],
  );
  const page = await log.page(await log.intervals(3, 0), { after: 0, upTo: await log.head(), limit: 100 });
  assert.deepEqual(seqsOf(page), [6]);
});
