import assert from 'node:assert/strict';
import test from 'node:test';
import { tokenOf } from './token.ts';

test('the token is found wherever a contract puts it', () => {
  assert.equal(tokenOf({ auth: 't', headers: {} }), 't');
  assert.equal(tokenOf({ headers: { authorization: 'Bearer t' } }), 't');
  assert.equal(tokenOf({ headers: { authorization: 'bearer   t' } }), 't');
  assert.equal(tokenOf({ headers: {}, query: { token: 't' } }), 't');
  assert.equal(tokenOf({ headers: {}, query: { access_token: 't' } }), 't');
  assert.equal(tokenOf({ headers: { 'sec-websocket-protocol': 'bearer, t' } }), 't');
  assert.equal(tokenOf({ auth: 'Bearer t', headers: {} }), 't');
});

test('the first place that has one counts', () => {
  const headers = { authorization: 'Bearer header', 'sec-websocket-protocol': 'bearer, protocol' };
  assert.equal(tokenOf({ auth: 'auth', headers, query: { token: 'query' } }), 'auth');
  assert.equal(tokenOf({ auth: '', headers, query: { token: 'query' } }), 'header');
  assert.equal(
    tokenOf({ headers: { 'sec-websocket-protocol': 'bearer, protocol' }, query: { token: 'query' } }),
    'query',
  );
});

test('what is no text is no token', () => {
  for (const auth of [undefined, null, 7, {}, ['t'], { toString: () => 't' }]) {
    assert.equal(tokenOf({ auth, headers: {}, query: { token: ['t', 'u'] } }), undefined);
  }
  assert.equal(tokenOf({ headers: { 'sec-websocket-protocol': 'chat, t' } }), undefined);
  assert.equal(tokenOf({ headers: {}, query: null }), undefined);
});
