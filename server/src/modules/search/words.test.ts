import assert from 'node:assert/strict';
import test from 'node:test';
import { entriesOf } from './words.ts';

test('a text is found under its words and under how they begin, from two letters on', () => {
  assert.deepEqual(entriesOf('a cats cats'), ['a', 'cats', '.ca', '.cat']);
  assert.deepEqual(entriesOf('go'), ['go']);
  assert.equal(entriesOf('y'.repeat(32)).length, 1 + 15);
  assert.ok(entriesOf('𐐷𐐷𐐷').every((entry) => entry.isWellFormed()));
});
