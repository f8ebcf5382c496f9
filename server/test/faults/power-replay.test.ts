import assert from 'node:assert/strict';
import test from 'node:test';

import { cutPoints, Replay } from './power-replay.ts';
import { Random } from './random.ts';
import type { TraceEvent } from './strace.ts';

const keys = /t1-\d-\d{6}/g;
const leave = (text: string, connection = 'TCP:[a->b]'): TraceEvent => ({
  kind: 'leave',
  connection,
  data: Buffer.from(text),
});

test('a message is promised as soon as its key leaves', () => {
  const replay = new Replay('/data', keys);
  replay.take(leave('43[{"clientId":"t1-0-000001"}]43[{"clientId":"t1-0-000002"}]'));
  assert.deepEqual([...replay.promised], ['t1-0-000001', 't1-0-000002']);
});

test('a key that two writes share is found, and bytes of two connections are kept apart', () => {
  const replay = new Replay('/data', keys);
  replay.take(leave('"t1-0-00', 'one'));
  replay.take(leave('0009"', 'other'));
  assert.equal(replay.promised.size, 0);
  replay.take(leave('0007"', 'one'));
  assert.deepEqual([...replay.promised], ['t1-0-000007']);
});

test('cuts lie in order after the first promise, half of them right behind an answer', () => {
  const write: TraceEvent = { kind: 'write', fd: 3, data: Buffer.from('x'), at: 0 };
  const events = [write, write, leave('t1-0-000001'), write, write, leave('t1-0-000002'), write, write];
  const cuts = cutPoints(events, { keys, count: 20, random: new Random(7) });
  assert.equal(cuts.length, 20);
  assert.deepEqual(
    cuts,
    [...cuts].sort((one, other) => one - other),
  );
  assert.ok(cuts.every((cut) => cut >= 3 && cut <= events.length));
  assert.ok(cuts.filter((cut) => cut === 3 || cut === 6).length >= 10);
});

test('a trace without a promise has no place for a cut', () => {
  assert.deepEqual(cutPoints([leave('nothing')], { keys, count: 5, random: new Random(7) }), []);
});
