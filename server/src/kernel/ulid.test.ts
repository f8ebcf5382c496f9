import assert from 'node:assert/strict';
import test from 'node:test';
import { newId, newIdText } from './ids.ts';
import { anyIdBytes, ulidOf, ulidText } from './ulid.ts';

test('a UUID and its ULID are two spellings of the same bits, in the same order', () => {
  const ids = Array.from({ length: 200 }, newId);
  for (const id of ids) {
    const text = ulidText(id);
    assert.match(text, /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
    assert.deepEqual(Buffer.from(anyIdBytes(text) ?? []), Buffer.from(id));
    assert.deepEqual(Buffer.from(anyIdBytes(text.toLowerCase()) ?? []), Buffer.from(id));
  }
  const uuid = newIdText();
  assert.deepEqual(anyIdBytes(ulidOf(uuid)), anyIdBytes(uuid));
  const sorted = ids.toSorted(Buffer.compare).map(ulidText);
  assert.deepEqual(sorted, [...sorted].sort());
  assert.equal(ulidOf('ffffffff-ffff-ffff-ffff-ffffffffffff'), '7ZZZZZZZZZZZZZZZZZZZZZZZZZ');
});

test('letters that look like digits are read as those; what is no id is none', () => {
  assert.deepEqual(anyIdBytes('OILLIOOOOOOOOOOOOOOOOOOOOO'), anyIdBytes('01111000000000000000000000'));
  for (const text of [
    '',
    '8ZZZZZZZZZZZZZZZZZZZZZZZZZ',
    '7ZZZZZZZZZZZZZZZZZZZZZZZZU',
    '7ZZZZZZZZZZZZZZZZZZZZZZZZ',
    'nonsense',
  ])
    assert.equal(anyIdBytes(text), undefined, text);
});
