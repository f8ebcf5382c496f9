import assert from 'node:assert/strict';
import test from 'node:test';
import { findOld } from './versions.rules.ts';

const lockWith = (versions: Record<string, string>) => ({
  packages: Object.fromEntries(Object.entries(versions).map(([path, version]) => [path, { version }])),
});

test('a release at or above its floor passes', () => {
  for (const version of ['8.21.0', '8.21.1', '8.100.0', '9.0.0']) {
    assert.deepEqual(findOld(lockWith({ 'node_modules/ws': version }), { ws: '8.21.0' }), []);
  }
});

test('an older release is found, a nested copy and a pre-release too', () => {
  for (const version of ['8.20.9', '7.99.0', '8.3.0', '8.21.0-rc.1']) {
    const path = 'node_modules/engine.io/node_modules/ws';
    assert.deepEqual(findOld(lockWith({ 'node_modules/ws': '8.21.0', [path]: version }), { ws: '8.21.0' }), [
      `${path} is ${version} and must be 8.21.0 or newer`,
    ]);
  }
});

test('a floor of a package that is not installed is found', () => {
  assert.deepEqual(findOld(lockWith({ 'node_modules/not-ws': '1.0.0' }), { ws: '8.21.0' }), [
    'ws has a floor and is not installed',
  ]);
});
