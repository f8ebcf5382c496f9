import assert from 'node:assert/strict';
import test from 'node:test';
import { findOld, missingOptionals } from './lock.rules.ts';

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

const binaries = { '@tool/cli-linux-x64': '2.0.0', '@tool/cli-linux-arm-musleabihf': '2.0.0' };

test('a platform that the lock file lacks is found, with the platform that its name says', () => {
  const lock = {
    packages: {
      'node_modules/tool': { version: '2.0.0', dev: true, optionalDependencies: binaries },
      'node_modules/@tool/cli-linux-x64': { version: '2.0.0' },
    },
  };
  assert.deepEqual(missingOptionals(lock), {
    'node_modules/@tool/cli-linux-arm-musleabihf': {
      version: '2.0.0',
      dev: true,
      optional: true,
      os: ['linux'],
      cpu: ['arm'],
      libc: ['musl'],
    },
  });
});

test('optional packages beside or below the one that asks are not missing', () => {
  const lock = {
    packages: {
      'node_modules/a/node_modules/tool': { version: '2.0.0', optionalDependencies: binaries },
      'node_modules/a/node_modules/@tool/cli-linux-x64': { version: '2.0.0' },
      'node_modules/a/node_modules/tool/node_modules/@tool/cli-linux-arm-musleabihf': { version: '2.0.0' },
    },
  };
  assert.deepEqual(missingOptionals(lock), {});
});
