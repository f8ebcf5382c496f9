import assert from 'node:assert/strict';
import test from 'node:test';
import type { Fault, Row } from './findings.ts';
import { Oracle } from './oracle.ts';

const conversation = 'direct anna bert';
const row = (key: string, id = `id-${key}`, clientId: string | undefined = key): Row => ({ key, id, clientId });

/** Three messages, all acknowledged and all shown: the run in which nothing went wrong. */
function flawless(): { oracle: Oracle; rows: Row[] } {
  const oracle = new Oracle();
  const reader = oracle.addReader('anna/0', [conversation]);
  oracle.connect(reader, false);
  for (const [place, key] of ['a', 'b', 'c'].entries()) {
    oracle.sending(key, conversation, 'anna');
    oracle.acknowledge(key, `id-${key}`);
    oracle.show(reader, { key, id: `id-${key}`, conversation }, place);
  }
  return { oracle, rows: [row('a'), row('b'), row('c')] };
}

const faults = (oracle: Oracle, rows: Row[]): readonly Fault[] => oracle.judge(new Map([[conversation, rows]])).faults;

test('the oracle finds nothing wrong with a flawless run', () => {
  const { oracle, rows } = flawless();
  assert.deepEqual(faults(oracle, rows), []);
});

test('the oracle sees a lost message, though it was shown', () => {
  const { oracle } = flawless();
  assert.deepEqual(faults(oracle, [row('a'), row('c')]), [
    'acknowledged but not in history',
    'shown but not in history',
  ]);
});

test('the oracle sees a message stored twice', () => {
  const { oracle, rows } = flawless();
  assert.ok(faults(oracle, [...rows, row('b', 'another')]).includes('twice in history'));
});

test('the oracle sees an acknowledgement with another id', () => {
  const { oracle, rows } = flawless();
  oracle.acknowledge('b', 'another');
  assert.deepEqual(faults(oracle, rows), ['acknowledged with two ids, or not the id in history']);
});

test('the oracle sees a stranger, and a clientId that belongs to another message', () => {
  const { oracle, rows } = flawless();
  oracle.addReader('nobody', []);
  assert.ok(faults(oracle, [...rows, row('z')]).includes('in history but never sent'));
  assert.deepEqual(faults(oracle, [row('a', 'id-a', 'b'), row('b'), row('c')]), ['clientId in history is not its own']);
});

test('the oracle sees an order that the sends cannot have had', () => {
  const { oracle } = flawless();
  assert.ok(faults(oracle, [row('b'), row('a'), row('c')]).includes('history contradicts the order of sends'));
});

test('the oracle leaves open the order of sends that were under way together', () => {
  const oracle = new Oracle();
  for (const key of ['a', 'b']) oracle.sending(key, conversation, 'anna');
  for (const key of ['a', 'b']) oracle.acknowledge(key, `id-${key}`);
  assert.deepEqual(faults(oracle, [row('b'), row('a')]), []);
});

test('the oracle lets an unacknowledged send be there or not', () => {
  const { oracle, rows } = flawless();
  oracle.sending('d', conversation, 'anna');
  assert.deepEqual(faults(oracle, rows), []);
  assert.deepEqual(faults(oracle, [...rows, row('d')]), ['missed by a reader']);
});

const readers: [string, string[], Fault][] = [
  ['a gap', ['a', 'c'], 'missed by a reader'],
  ['a message shown twice', ['a', 'b', 'b', 'c'], 'twice at a reader'],
  ['another order than history', ['b', 'a', 'c'], 'out of order at a reader'],
];
for (const [what, shown, fault] of readers) {
  test(`the oracle sees ${what} at a reader`, () => {
    const { oracle, rows } = flawless();
    const reader = oracle.addReader('bert/0', [conversation]);
    for (const [place, key] of shown.entries()) oracle.show(reader, { key, id: `id-${key}`, conversation }, place);
    assert.deepEqual(faults(oracle, rows), [fault]);
  });
}

test('the oracle sees an offset that falls or repeats', () => {
  const { oracle, rows } = flawless();
  const reader = oracle.addReader('bert/0', [conversation]);
  for (const [key, seq] of [
    ['a', 5],
    ['b', 5],
    ['c', 4],
  ] as const) {
    oracle.show(reader, { key, id: `id-${key}`, conversation }, seq);
  }
  const findings = oracle.judge(new Map([[conversation, rows]]));
  assert.equal(findings.count('offset went backwards at a reader'), 2);
});

test('the oracle sees a reconnection that was not recovered, but not the first connection', () => {
  const { oracle, rows } = flawless();
  const reader = oracle.readers.get('anna/0');
  assert.ok(reader);
  oracle.connect(reader, true);
  assert.deepEqual(faults(oracle, rows), []);
  oracle.connect(reader, false);
  assert.deepEqual(faults(oracle, rows), ['reconnected without being recovered']);
});

test('the oracle tells of refusals that nobody asked for', () => {
  const { oracle, rows } = flawless();
  oracle.refuse('a', 'RATE_LIMITED');
  assert.deepEqual(faults(oracle, rows), ['refused']);
});
