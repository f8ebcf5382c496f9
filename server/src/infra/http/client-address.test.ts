import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import test from 'node:test';
import { clientAddresses } from './client-address.ts';

const request = (remoteAddress: string, forwarded?: string): IncomingMessage =>
  ({ socket: { remoteAddress }, headers: { 'x-forwarded-for': forwarded } }) as unknown as IncomingMessage;

test('threat G-8: only listed proxies are believed, from the nearest on; what a client says itself is not', () => {
  const nobody = clientAddresses(undefined);
  assert.equal(nobody(request('192.0.2.1', '203.0.113.9')), '192.0.2.1');
  const behind = clientAddresses('10.0.0.0/8, 192.0.2.1, 2001:db8::/32');
  assert.equal(behind(request('192.0.2.1', '203.0.113.9')), '203.0.113.9');
  assert.equal(behind(request('::ffff:192.0.2.1', '198.51.100.1, 203.0.113.9, 10.1.2.3')), '203.0.113.9');
  assert.equal(behind(request('2001:db8::1', '203.0.113.9')), '203.0.113.9');
  assert.equal(behind(request('198.51.100.7', '203.0.113.9')), '198.51.100.7');
  assert.equal(behind(request('10.0.0.1', '10.0.0.2')), '10.0.0.2');
  assert.equal(behind(request('10.0.0.1')), '10.0.0.1');
});
