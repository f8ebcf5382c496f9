import assert from 'node:assert/strict';
import test from 'node:test';
import type { Client } from './client.ts';
import { type ExchangeResult, exchange } from './exchange.ts';

/** Relays one pair's frames as the given server would: it is told the number of the message and how to deliver. */
type Relay = (number: number, deliver: { sent: () => void; received: () => void; refuse: () => void }) => void;

function relayedPair(relay: Relay): Client[] {
  let number = -1;
  const client = (userId: string, send: (frame: string) => void): Client => ({
    userId,
    send,
    onFrame: () => {},
    close: () => Promise.resolve(),
  });
  const reader = client('reader', () => {});
  const writer: Client = client('writer', (frame) => {
    const message = frame.slice(frame.indexOf('{'));
    number += 1;
    const current = number;
    setImmediate(() =>
      relay(current, {
        sent: () => writer.onFrame(`42["message:sent",${message}`),
        received: () => reader.onFrame(`42["message:received",${message}`),
        refuse: () => writer.onFrame('42["error",{"code":"RATE_LIMITED"}]'),
      }),
    );
  });
  return [writer, reader];
}

function runThrough(relay: Relay): Promise<ExchangeResult> {
  const load = { inFlight: 2, warmupSeconds: 0, seconds: 0.05, serverPid: process.pid };
  return exchange(relayedPair(relay), load);
}

test('an exchange through an honest server has no faults', async () => {
  const result = await runThrough((_, { sent, received }) => {
    sent();
    received();
  });
  assert.deepEqual(result.faults, []);
  assert.ok(result.messages > 0);
  assert.ok(result.sentP50 >= 0 && result.sentP99 >= result.sentP50);
});

test('an exchange tells a doubled message', async () => {
  const result = await runThrough((number, { sent, received }) => {
    sent();
    received();
    if (number === 3) received();
  });
  assert.deepEqual(result.faults, ['1 received twice']);
});

test('an exchange tells a message out of order', async () => {
  let held = () => {};
  const result = await runThrough((number, { sent, received }) => {
    sent();
    if (number === 3) {
      held = received;
      return;
    }
    received();
    if (number === 4) held();
  });
  assert.deepEqual(result.faults, ['1 received out of order']);
});

test('an exchange tells a lost message, and a refusal', async () => {
  const result = await runThrough((number, { sent, received, refuse }) => {
    sent();
    if (number !== 3) received();
    // A refusal also ends the wait for what is missing.
    if (number === 4) refuse();
  });
  assert.equal(result.faults.length, 2);
  assert.equal(result.faults[0], '1 acknowledged but not received');
  assert.match(result.faults[1] ?? '', /^1 refused: .*RATE_LIMITED/);
});

test('an exchange of a given count ends by itself', async () => {
  const honest = relayedPair((_, { sent, received }) => {
    sent();
    received();
  });
  const load = { inFlight: 3, warmupSeconds: 0, seconds: 0, count: 100, serverPid: process.pid };
  const result = await exchange(honest, load);
  assert.equal(result.messages, 100);
  assert.deepEqual(result.faults, []);
});

test('an exchange leaves out messages of another run', async () => {
  const pair = relayedPair((_, { sent, received }) => {
    pair[1]?.onFrame('42["message:received",{"content":"another1 7 from before"}]');
    sent();
    received();
  });
  const result = await exchange(pair, { inFlight: 2, warmupSeconds: 0, seconds: 0.05, serverPid: process.pid });
  assert.deepEqual(result.faults, []);
});
