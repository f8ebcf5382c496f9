import assert from 'node:assert/strict';
import test from 'node:test';
import { engine } from '../../../test/support/database.ts';
import { eventOn, onlySqlite, openLog, seqsOf, upTo, writeOne } from '../../../test/support/log.ts';
import { SqliteLog } from './log.sqlite.ts';
import type { Move } from './log.ts';
import { topicOf } from './topic.ts';

const enter = (account: number, topic: number): Move => ({ account, topic, kind: 'enter' });

const leave = (account: number, topic: number): Move => ({ account, topic, kind: 'leave' });

test(`${engine}: a membership is a closed interval of rows; the rows that open and close it are inside`, async (t) => {
  const { log } = await openLog(t);
  const group = topicOf('group', 5);
  await writeOne(log, eventOn(group, 'before'));
  await writeOne(log, eventOn(group, 'enters', { moves: [enter(1, group), enter(2, group)] }));
  await writeOne(log, eventOn(group, 'inside'));
  await writeOne(log, eventOn(group, 'leaves', { moves: [leave(1, group)] }));
  await writeOne(log, eventOn(group, 'outside'));
  await writeOne(log, eventOn(group, 'enters again', { moves: [enter(1, group)] }));
  await writeOne(log, eventOn(group, 'inside again'));
  const own = { topic: topicOf('user', 1), from: 0, to: null };
  const intervals = await log.intervals(1, 0);
  assert.deepEqual(
    intervals.map((interval) => ({ ...interval })).sort((a, b) => a.from - b.from),
    [own, { topic: group, from: 2, to: 4 }, { topic: group, from: 6, to: null }],
  );
  const page = await log.page(intervals, { after: 0, upTo: 7, limit: 100 });
  assert.deepEqual(
    page.map(({ body }) => body),
    ['enters', 'inside', 'leaves', 'enters again', 'inside again'],
  );
  assert.equal(await log.count(intervals, { after: 0, limit: 100 }), 5);
  assert.equal(await log.count(intervals, { after: 2, limit: 2 }), 2);
  // An interval that ended at the cursor or before it is no longer of interest.
  assert.equal((await log.intervals(1, 4)).length, 2);
  assert.equal((await log.intervals(1, 3)).length, 3);
  assert.equal((await log.intervals(2, 7)).length, 2);
  assert.deepEqual((await log.intervals(3, 0)).length, 1);
});

test(`${engine}: a page has rows of many topics in order, each once, between its bounds`, async (t) => {
  const { log, note } = await openLog(t);
  const [one, two, three] = [1, 2, 3].map((account) => topicOf('user', account)) as [number, number, number];
  await writeOne(log, eventOn(one, 1));
  await writeOne(log, eventOn(one, 2, { peer: two }));
  await note({ account: 1, text: '3' });
  await writeOne(log, eventOn(three, 4, { peer: three }));
  await note({ account: 2, text: '5' });
  await writeOne(log, eventOn(two, 6, { peer: three }));
  const all = [one, two, three].map((topic) => ({ topic, from: 0, to: null }));
  const page = async (topics: readonly number[], after: number, limit: number, last = 6) =>
    seqsOf(
      await log.page(
        all.filter(({ topic }) => topics.includes(topic)),
        { after, upTo: last, limit },
      ),
    );
  assert.deepEqual(await page([one, two, three], 0, 100), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(await page([one, two], 0, 100), [1, 2, 3, 5, 6]);
  assert.deepEqual(await page([one], 1, 100), [2, 3]);
  assert.deepEqual(await page([two], 0, 2), [2, 5]);
  assert.deepEqual(await page([one, two, three], 2, 2), [3, 4]);
  assert.deepEqual(await page([one, two, three], 0, 100, 4), [1, 2, 3, 4]);
  assert.deepEqual(await page([], 0, 100), []);
  const [twice] = all;
  assert.ok(twice);
  assert.deepEqual(
    seqsOf(await log.page([twice, { ...twice, from: 2 }], { after: 0, upTo: 6, limit: 100 })),
    [1, 2, 3],
  );
  assert.deepEqual(seqsOf(await log.page([{ ...twice, from: 2, to: 2 }], { after: 0, upTo: 6, limit: 100 })), [2]);
  const [third] = await log.page(all, { after: 2, upTo: 3, limit: 1 });
  assert.deepEqual(third, {
    seq: 3,
    topic: one,
    peer: null,
    type: 'note',
    body: { text: '3' },
    moves: null,
    size: 0,
    at: 0,
  });
});

test(`${engine}: a page of 1,203 topics, more than one statement takes`, async (t) => {
  const { log } = await openLog(t);
  const groups = upTo(1_203).map((id) => topicOf('group', id));
  await log.write(async ({ append }) => {
    for (const group of groups) append(eventOn(group));
  });
  const intervals = [...groups].reverse().map((topic) => ({ topic, from: 0, to: null }));
  assert.deepEqual(seqsOf(await log.page(intervals, { after: 0, upTo: 1_203, limit: 500 })), upTo(500));
  assert.deepEqual(seqsOf(await log.page(intervals, { after: 1_200, upTo: 1_203, limit: 500 })), [1_201, 1_202, 1_203]);
  assert.equal(await log.count(intervals, { after: 0, limit: 5_000 }), 1_203);
});

test('sqlite: the index is behind the commit, and a page waits for what it needs', onlySqlite, async (t) => {
  const { sql, log } = await openLog(t);
  assert.ok(log instanceof SqliteLog);
  const indexed = () => sql.statement('SELECT seq FROM topic_rows').all();
  for (const n of upTo(3)) await writeOne(log, eventOn(8, n));
  assert.equal((await indexed()).length, 0);
  assert.deepEqual(seqsOf(await log.page(await log.intervals(1, 0), { after: 0, upTo: 3, limit: 10 })), [1, 2, 3]);
  assert.equal((await indexed()).length, 3);
  await writeOne(log, eventOn(8, 4));
  await log.flushIndexes();
  assert.equal((await indexed()).length, 4);
});
