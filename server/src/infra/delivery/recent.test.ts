import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isReadable, row } from '../../../test/support/feeds.ts';
import type { Interval, Row } from '../log/log.ts';
import { Recent } from './recent.ts';

const always = (topic: number): Interval => ({ topic, from: 0, to: null });
const seqsOf = (rows: readonly Row[]): number[] => rows.map(({ seq }) => seq);

test('rows of the topics asked for come in order, each once, within their intervals and the limit', () => {
  const recent = new Recent(10);
  const rows = [row(11, 1), row(12, 2, { peer: 1 }), row(13, 3), row(14, 1, { peer: 1 }), row(15, 2), row(16, 1)];
  for (const one of rows) recent.push(one);
  assert.deepEqual([recent.floor, recent.head], [10, 16]);
  assert.deepEqual(seqsOf(recent.page([always(1)], 10, 100)), [11, 12, 14, 16]);
  assert.deepEqual(seqsOf(recent.page([always(1), always(2)], 11, 100)), [12, 14, 15, 16]);
  assert.deepEqual(seqsOf(recent.page([always(1), always(2)], 10, 3)), [11, 12, 14]);
  assert.deepEqual(seqsOf(recent.page([{ topic: 1, from: 12, to: 14 }], 10, 100)), [12, 14]);
  assert.deepEqual(seqsOf(recent.page([always(1), { topic: 1, from: 12, to: null }], 10, 100)), [11, 12, 14, 16]);
  assert.deepEqual(recent.page([always(1)], 16, 100), []);
  assert.deepEqual(recent.page([always(9)], 10, 100), []);
});

test('it says what it covers, and what would find room', () => {
  const recent = new Recent(10, { capacity: 4 });
  assert.deepEqual([recent.covers(9), recent.covers(10), recent.covers(11)], [false, true, true]);
  for (let seq = 11; seq <= 17; seq += 1) recent.push(row(seq, 1));
  assert.deepEqual([recent.floor, recent.head], [13, 17]);
  assert.deepEqual([recent.covers(12), recent.covers(13)], [false, true]);
  assert.deepEqual([recent.couldCover(12), recent.couldCover(13)], [false, true]);
});

test('rows below the floor can be added, without a gap, and leave first', () => {
  const recent = new Recent(10, { capacity: 6 });
  recent.push(row(11, 1));
  recent.push(row(12, 2));
  assert.equal(recent.extendDown([row(8, 1), row(9, 2, { peer: 1 }), row(10, 2)]), true);
  assert.equal(recent.floor, 7);
  assert.deepEqual(seqsOf(recent.page([always(1)], 7, 100)), [8, 9, 11]);
  assert.deepEqual(seqsOf(recent.page([always(1), always(2)], 7, 100)), [8, 9, 10, 11, 12]);
  for (const seq of [13, 14, 15]) recent.push(row(seq, 1));
  assert.equal(recent.floor, 9);
  assert.deepEqual(seqsOf(recent.page([always(1), always(2)], 9, 100)), [10, 11, 12, 13, 14, 15]);
});

/** A small generator with a seed, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('whatever is pushed, evicted and added below, a page is what a plain search over the same rows finds', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const draw = random(seed);
    const capacity = 1 + draw(40);
    const rows = Array.from({ length: 200 }, (_, index) =>
      row(index + 1, 1 + draw(5), draw(3) === 0 ? { peer: 1 + draw(5) } : {}),
    );
    const start = draw(60);
    const recent = new Recent(start, { capacity });
    for (const one of rows.slice(start)) {
      recent.push(one);
      const below = recent.floor - draw(10);
      if (draw(8) === 0 && below >= 0 && below < recent.floor) {
        const room = recent.couldCover(below);
        assert.equal(recent.extendDown(rows.slice(below, recent.floor)), room, `seed ${seed}, row ${one.seq}`);
      }
      if (draw(4) !== 0) continue;
      const intervals = Array.from({ length: 1 + draw(3) }, (): Interval => {
        const from = draw(recent.head + 1);
        return { topic: 1 + draw(5), from, to: draw(2) === 0 ? null : from + draw(30) };
      });
      const after = recent.floor + draw(recent.head - recent.floor + 1);
      const limit = 1 + draw(20);
      const expected = rows.filter(
        (found) => found.seq > after && found.seq <= recent.head && isReadable(found, intervals),
      );
      assert.deepEqual(
        seqsOf(recent.page(intervals, after, limit)),
        seqsOf(expected.slice(0, limit)),
        `seed ${seed}, row ${one.seq}`,
      );
    }
    assert.equal(recent.head - recent.floor <= capacity, true);
  }
});

test('long rows are fewer: the bytes are bounded too, also when older rows are loaded', () => {
  const recent = new Recent(10, { capacity: 100, bytes: 1_000 });
  for (let seq = 11; seq <= 20; seq += 1) recent.push(row(seq, 1, { size: 300 }));
  assert.equal(recent.floor, 17);
  assert.deepEqual(seqsOf(recent.page([always(1)], 17, 10)), [18, 19, 20]);
  assert.equal(recent.extendDown([row(17, 1, { size: 300 })]), false);
  assert.equal(recent.floor, 17);
});

test('of older rows the newest are taken, as many as find room; then it knows that no more do', () => {
  const recent = new Recent(10, { capacity: 100, bytes: 1_000 });
  const older = [6, 7, 8, 9, 10].map((seq) => row(seq, 1, { size: 300 }));
  assert.equal(recent.couldCover(5), true);
  assert.equal(recent.extendDown(older), false);
  assert.deepEqual([recent.floor, recent.couldCover(5), recent.couldCover(6)], [7, false, false]);
  assert.deepEqual(seqsOf(recent.page([always(1)], 7, 10)), [8, 9, 10]);
  recent.push(row(11, 1, { size: 50 }));
  assert.deepEqual([recent.floor, recent.couldCover(6)], [7, false]);
  recent.push(row(12, 1, { size: 100 }));
  assert.deepEqual([recent.floor, recent.couldCover(7)], [8, false], 'what has just left would not come back in');
});

test('rows that do not end at the floor are not taken: a gap must not be covered', () => {
  const recent = new Recent(10, { capacity: 100 });
  assert.equal(recent.extendDown([row(8, 1), row(9, 1)]), false);
  assert.equal(recent.floor, 10);
  assert.equal(recent.extendDown([row(7, 1), row(9, 1), row(10, 1)]), false);
  assert.equal(recent.floor, 8);
  assert.deepEqual(seqsOf(recent.page([always(1)], 8, 10)), [9, 10]);
  assert.equal(recent.extendDown([]), false);
});

test('a row that has left is held no more', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const recent = new Recent(0, { capacity: 1_000, bytes: 100 });
  const left = new WeakRef(push(recent, 1));
  for (const seq of [2, 3]) push(recent, seq);
  assert.equal(recent.floor, 1);
  // A reference that was just made holds its row until the turn ends.
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.equal(left.deref(), undefined);
});

function push(recent: Recent, seq: number): Row {
  const made = row(seq, 1, { size: 50 });
  recent.push(made);
  return made;
}

test('a row whose content has changed is read with the new one, and only while it is here', () => {
  const recent = new Recent(0, { capacity: 2 });
  for (const seq of [1, 2, 3]) recent.push(row(seq, 8));
  recent.replace(1, 'gone', 1);
  recent.replace(4, 'to come', 1);
  recent.replace(3, 'edited', 1);
  recent.push(row(4, 8));
  const bodies = (after: number): unknown[] =>
    recent.page([{ topic: 8, from: 0, to: null }], after, 10).map(({ body }) => body);
  assert.deepEqual(bodies(2), ['edited', 4]);
  recent.push(row(5, 8));
  recent.replace(3, 'must not touch 5', 1);
  assert.deepEqual(bodies(3), [4, 5]);
});

test('a row about another shows what that one has become, for as long as it is here', () => {
  const recent = new Recent(4, { capacity: 4 });
  recent.push(row(5, 8));
  recent.push(row(6, 8, { about: 5, body: 'edited' }));
  recent.extendDown([row(3, 8), row(4, 8, { about: 3, body: 'older' })]);
  recent.replace(5, null, 1);
  recent.replace(3, 'newer', 1);
  const bodies = (after: number): unknown[] => recent.page([always(8)], after, 10).map(({ body }) => body);
  assert.deepEqual(bodies(2), ['newer', 'newer', null, null]);
  recent.push(row(7, 8));
  recent.push(row(8, 8));
  recent.replace(3, 'must touch nothing', 1);
  assert.deepEqual(bodies(4), [null, null, 7, 8]);
});

test('what is said of a row stays as it is when that one changes, and is gone with it', () => {
  const recent = new Recent(2, { capacity: 4 });
  recent.push(row(3, 8));
  recent.push(row(4, 8, { about: 3, own: true, body: 'said' }));
  recent.push(row(5, 8, { about: 1, own: true, body: 'said of another' }));
  recent.extendDown([row(2, 8, { about: 1, own: true, body: 'said before' })]);
  const bodies = (): unknown[] => recent.page([always(8)], recent.floor, 10).map(({ body }) => body);
  recent.replace(3, 'edited', 1);
  assert.deepEqual(bodies(), ['said before', 'edited', 'said', 'said of another']);
  assert.equal(recent.bodyOf(1), undefined, 'that is not here');
  recent.empty(3, 1);
  assert.deepEqual(bodies(), ['said before', null, null, 'said of another']);
  for (const seq of [6, 7]) recent.push(row(seq, 8));
  recent.empty(1, 1);
  recent.empty(3, 1);
  assert.deepEqual(bodies(), [null, null, 6, 7]);
});

test('what a row becomes counts with its new size, at each row that shows it', () => {
  const recent = new Recent(0, { capacity: 100, bytes: 1_000 });
  for (const seq of [1, 2, 3, 4]) recent.push(row(seq, 1, { size: 100 }));
  recent.push(row(5, 1, { size: 100, about: 4 }));
  recent.replace(4, 'longer', 400);
  assert.deepEqual([recent.floor, recent.couldCover(1)], [1, false], 'the first has gone');
  recent.replace(4, 'longest', 600);
  assert.deepEqual([recent.floor, seqsOf(recent.page([always(1)], 4, 10))], [4, [5]]);
  recent.replace(4, null, 100);
  for (const seq of [6, 7, 8, 9]) recent.push(row(seq, 1, { size: 200 }));
  assert.equal(recent.floor, 4, 'what has become shorter makes room');
  recent.push(row(10, 1, { size: 200 }));
  assert.equal(recent.floor, 5);
});

test('rows that were read before a body changed are not taken from that row down: it may be what it was', () => {
  const recent = new Recent(10, { capacity: 100 });
  const { changes } = recent;
  recent.replace(8, null, 1);
  assert.equal(recent.extendDown([row(7, 1), row(8, 1), row(9, 1), row(10, 1)], changes), false);
  assert.equal(recent.floor, 8);
  assert.equal(
    recent.extendDown([row(6, 1), row(7, 1, { about: 2 }), row(8, 1, { body: null })], recent.changes),
    true,
  );
  assert.equal(recent.floor, 5);
  const before = recent.changes;
  recent.replace(2, 'newer', 1);
  assert.equal(recent.extendDown([row(4, 1), row(5, 1, { about: 2 })], before), false);
  assert.equal(recent.floor, 5, 'nor is a row about one that has changed');
});

test('changes to other rows, however many, keep none from being taken; very many at once do', () => {
  const recent = new Recent(5_000, { capacity: 10_000 });
  recent.push(row(5_001, 1));
  const { changes } = recent;
  for (let n = 0; n < 100_000; n += 1) recent.replace(5_001, n, 1);
  for (let seq = 1; seq <= 1_000; seq += 1) recent.replace(seq, 'other', 1);
  assert.equal(recent.extendDown([row(4_999, 1), row(5_000, 1)], changes), true);
  for (let seq = 1; seq <= 4_000; seq += 1) recent.replace(seq, 'other', 1);
  assert.equal(recent.extendDown([row(4_998, 1)], changes), false, 'which ones changed is known of the last only');
});
