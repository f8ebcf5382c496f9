import assert from 'node:assert/strict';
import test from 'node:test';
import { LastRows } from './last-rows.ts';

test('the last row of each is known, of as many as it may hold; what was forgotten lies no higher than it says', () => {
  const last = new LastRows(2);
  last.note(7, 1);
  last.note(8, 2);
  last.note(7, 3);
  assert.deepEqual([last.of(7), last.of(8), last.of(9), last.forgotten], [3, 2, undefined, 0]);
  last.note(9, 4);
  assert.deepEqual([last.of(7), last.of(8), last.of(9), last.forgotten], [3, undefined, 4, 2]);
  last.forgetTo(1);
  assert.equal(last.forgotten, 2);
  last.forgetTo(5);
  assert.equal(last.forgotten, 5);
});
