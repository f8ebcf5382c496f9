import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { DeferredIndex } from './deferred-index.ts';

function open(database = new DatabaseSync(':memory:')) {
  database.exec('CREATE TABLE IF NOT EXISTS index_state (name text primary key, seq bigint not null)');
  const written: (readonly [number, readonly number[]])[] = [];
  const index = new DeferredIndex(database, 'topics', (key, seqs) => void written.push([key, [...seqs]]));
  return { database, index, written };
}

test('what waits is found by key, ascending, until a flush has settled', () => {
  const { index } = open();
  index.add(7, 1);
  index.add(3, 2);
  index.add(7, 3);
  assert.deepEqual([index.seqs(7), index.seqs(3), index.seqs(9)], [[1, 3], [2], []]);
  assert.deepEqual([index.pending, index.watermark], [3, 0]);
  index.flush();
  assert.deepEqual([index.seqs(7), index.pending, index.watermark], [[1, 3], 3, 0], 'until the commit it stays here');
  index.settle();
  assert.deepEqual([index.seqs(7), index.pending, index.watermark], [[], 0, 3]);
});

test('a flush writes key by key in ascending order', () => {
  const { index, written } = open();
  for (const [key, seq] of [
    [9, 1],
    [2, 2],
    [10, 3],
    [2, 4],
  ] as const)
    index.add(key, seq);
  index.flush();
  assert.deepEqual(written, [
    [2, [2, 4]],
    [9, [1]],
    [10, [3]],
  ]);
});

test('the watermark is stored with the flush, and read at the next start', () => {
  const { index, database } = open();
  assert.equal(index.watermark, 0);
  database.exec('BEGIN');
  index.add(1, 5);
  index.flush();
  database.exec('ROLLBACK');
  assert.equal(open(database).index.watermark, 0, 'a flush that was rolled back has not been');
  index.flush();
  index.settle();
  assert.equal(open(database).index.watermark, 5);
  index.add(1, 9);
  index.flush();
  index.settle();
  assert.equal(open(database).index.watermark, 9);
});

test('what is removed waits no more, is not written and counts no more', () => {
  const { index, written } = open();
  for (const seq of [1, 2, 3]) index.add(7, seq);
  index.add(8, 4);
  index.remove(7, 2);
  index.remove(8, 4);
  index.remove(7, 9);
  index.remove(9, 1);
  assert.deepEqual([index.seqs(7), index.seqs(8), index.pending], [[1, 3], [], 2]);
  index.flush();
  index.settle();
  assert.deepEqual([written, index.watermark], [[[7, [1, 3]]], 4]);
});

test('it is due when a few thousand entries wait', () => {
  const { index } = open();
  let seq = 0;
  while (!index.due && seq < 100_000) index.add(seq % 100, ++seq);
  assert.ok(seq >= 1_000 && seq <= 50_000, String(seq));
  index.flush();
  index.settle();
  assert.equal(index.due, false);
});
