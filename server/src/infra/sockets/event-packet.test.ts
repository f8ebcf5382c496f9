import assert from 'node:assert/strict';
import test from 'node:test';
import { ackPacket, readEvent } from './event-packet.ts';

test('an event of the default namespace is read, with an acknowledgement and without', () => {
  const events = {
    '2["ask",{"content":"a [\\"]\\", é"}]': { event: 'ask', input: { content: 'a ["]", é' }, ack: null },
    '27["ask","text"]': { event: 'ask', input: 'text', ack: '7' },
    '212345["ask",null,2]': { event: 'ask', input: null, ack: '12345' },
    '20["ask"]': { event: 'ask', input: undefined, ack: '0' },
  };
  for (const [text, event] of Object.entries(events)) assert.deepEqual(readEvent(text), event);
});

test('what is no such event is left to Socket.IO', () => {
  const others = ['', '2', '0{"token":"x"}', '1', '3["ask"]', '37[]', '51-["ask",{"_placeholder":true,"num":0}]'];
  const broken = ['2["ask"', '2{"a":1}', '2[]', '2[7,1]', '2x["ask"]', '2/admin,["ask"]', '2-1["ask"]', '27'];
  for (const text of [...others, ...broken]) assert.equal(readEvent(text), null, text);
});

test('its answer is an ACK packet', () => {
  assert.equal(ackPacket('12', { success: true, data: 'a "b"' }), '312[{"success":true,"data":"a \\"b\\""}]');
});
