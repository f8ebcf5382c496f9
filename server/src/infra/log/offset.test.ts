import assert from 'node:assert/strict';
import test from 'node:test';
import { formatOffset, parseOffset } from './offset.ts';

test('an offset is the epoch and the number; what was written is read', () => {
  for (const seq of [0, 1, 42, 999_999_999_999_999])
    assert.equal(parseOffset('Ab-_9', formatOffset('Ab-_9', seq)), seq);
  assert.equal(formatOffset('Ab-_9', 7), 'Ab-_9.7');
});

test('anything else is no offset', () => {
  const wrong = [
    '',
    '.',
    '1',
    'e',
    'e.',
    'e.-1',
    'e.+1',
    'e. 1',
    'e.1 ',
    'e.01',
    'e.1.0',
    'e.1e3',
    'e.0x1',
    'e.٣',
    'E.1',
    'f.1',
    'ee.1',
  ];
  const others = [
    undefined,
    null,
    1,
    {},
    ['e.1'],
    'e.9007199254740993',
    'e.99999999999999999',
    `e.${'1'.repeat(100)}`,
    'e.1\n',
  ];
  for (const given of [...wrong, ...others]) assert.equal(parseOffset('e', given), undefined, String(given));
});
