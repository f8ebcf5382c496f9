import assert from 'node:assert/strict';
import test from 'node:test';
import { isNetwork, isOrigin, listOf } from './lists.ts';

test('a list is separated by commas, with spaces or without; nothing is an empty one', () => {
  assert.deepEqual(listOf(' a, b,,c '), ['a', 'b', 'c']);
  assert.deepEqual([listOf(undefined), listOf('')], [[], []]);
});

test('an origin is what a browser sends as one: no path, no capitals, no default port', () => {
  for (const good of ['https://app.example', 'http://localhost:5173', 'http://[::1]:3000', 'capacitor://localhost']) {
    assert.equal(isOrigin(good), true, good);
  }
  for (const bad of [
    'foo',
    '*',
    'null',
    'app.example',
    'https://app.example/',
    'https://App.example',
    'https://',
    '',
  ]) {
    assert.equal(isOrigin(bad), false, bad);
  }
  assert.equal(isOrigin('https://app.example:443'), false);
});

test('a network is an address, also with the number of its bits', () => {
  for (const good of ['127.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8']) assert.equal(isNetwork(good), true, good);
  for (const bad of ['foo', 'true', '1', '10.0.0.0/33', '10.0.0.0/8/8', '::1/129', '10.0.0.0/']) {
    assert.equal(isNetwork(bad), false, bad);
  }
});
