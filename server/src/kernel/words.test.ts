import assert from 'node:assert/strict';
import test from 'node:test';
import { wordsOf } from './words.ts';

test('a word is its letters and digits, in small letters and without accents; what stands between words is nothing', () => {
  assert.deepEqual(wordsOf('Crème BRÛLÉE, "don\'t"* NEAR(2) crème'), ['creme', 'brulee', 'don', 't', 'near', '2']);
  assert.deepEqual(wordsOf('mail@example.org https://x.y/z_1'), [
    'mail',
    'example',
    'org',
    'https',
    'x',
    'y',
    'z',
    '1',
  ]);
  assert.deepEqual(wordsOf('Привет, Ёлка ﬁne'), ['привет', 'елка', 'fine']);
  assert.deepEqual(wordsOf(' -- 🚀 % * "" \u0000'), []);
  assert.deepEqual(wordsOf('हिन्दी 한국어'), ['हिन्दी', '한국어']);
});

test('where no spaces stand between words, each sign is one', () => {
  assert.deepEqual(wordsOf('会議は10時'), ['会', '議', 'は', '10', '時']);
});

test('what is longer than any word is told apart by its beginning, and half a sign is none', () => {
  assert.deepEqual(wordsOf('x'.repeat(5_000)), ['x'.repeat(32)]);
  const [word = ''] = wordsOf(`x${'𐐷'.repeat(40)}`);
  assert.ok(word.isWellFormed());
});
