import assert from 'node:assert/strict';
import test from 'node:test';
import { plainGreeting } from '../../../test/support/socket-door.ts';
import { WireEvent, type Words } from '../delivery/wire-event.ts';
import { joinDoors } from './join.ts';
import type { SocketDoor } from './sockets.ts';

const signal = (type: string) => ({ topics: [], type, body: null });
const wordsFor = (known: string): Words => ({
  row: ({ type }, offset) => (type === known ? () => new WireEvent(known, '{}', offset) : null),
  signal: ({ type }) => (type === known ? () => new WireEvent(known, '{}', null) : null),
});
const doorOf = (event: string): SocketDoor => ({
  events: new Map([[event, async () => () => event]]),
  words: wordsFor(event),
  greeting: plainGreeting,
  authenticate: () => Promise.reject(new Error('not here')),
  errorOf: () => ({ code: '', message: '' }),
});

test('every connection has the events and the words of both contracts', () => {
  const joined = joinDoors(doorOf('one'), doorOf('other'));
  assert.deepEqual([...joined.events.keys()], ['one', 'other']);
  const reader = { account: 1, session: 1 };
  for (const type of ['one', 'other']) assert.equal(joined.words.signal(signal(type))?.(reader)?.event, type);
  assert.equal(joined.words.signal(signal('third')), null);
});

test('two contracts that mean something by the same event do not start', () => {
  assert.throws(() => joinDoors(doorOf('one'), doorOf('one')), /Two doors have an event one/);
});
