import assert from 'node:assert/strict';
import test from 'node:test';
import { isShallow } from './depth.ts';

const nested = (levels: number): unknown => JSON.parse(`${'['.repeat(levels)}${']'.repeat(levels)}`);

test('so many levels are shallow and one more is not, however deep it goes', () => {
  assert.equal(isShallow(nested(32), 32), true);
  assert.equal(isShallow(nested(33), 32), false);
  assert.equal(isShallow(nested(30_000), 32), false);
  assert.equal(isShallow({ a: [{ b: [] }] }, 4), true);
  assert.equal(isShallow({ a: [{ b: [] }] }, 3), false);
});

test('what holds nothing has no level', () => {
  for (const value of ['text', 1, null, undefined]) assert.equal(isShallow(value, 0), true);
});
