import assert from 'node:assert/strict';
import test from 'node:test';
import { connected, field, stockClient } from '../../../test/support/clients.ts';
import { keyOf, openPush } from '../../../test/support/push.ts';

test('[push:emit message] [push:listen messageReceived] [push:sdk ChatApp] [push:sdk React App example] a `message` is answered to its sender, and goes to nobody else', async (t) => {
  const { ada, bob, listen } = await openPush(t);
  const [sender, other] = [await listen(ada), await listen(bob)];
  const before = Date.now();
  for (const [given, received] of [
    [{ message: 'Your message here', data: { a: 1 } }, 'Your message here'],
    [{ message: 'Hello!', timestamp: new Date().toISOString() }, 'Hello!'],
    [{ message: { deep: [1] } }, { deep: [1] }],
    ['bare', 'bare'],
    [{ other: 1 }, { other: 1 }],
    [null, null],
  ] as const) {
    sender.ear.forget();
    sender.socket.emit('message', given);
    const { data } = await sender.ear.until('messageReceived');
    const timestamp = field(field(data, 'data'), 'timestamp');
    assert.deepEqual(data, {
      success: true,
      message: 'Message received by server',
      data: { receivedMessage: received, timestamp },
    });
    assert.ok(Date.parse(String(timestamp)) >= before);
  }
  assert.equal(field(await sender.ask('message', { message: 'with a callback' }), 'success'), true);
  assert.deepEqual(other.ear.of('message', 'messageReceived'), []);
});

test('a `message` that is too large, too deep or too much is refused, and the connection stays', async (t) => {
  const { ada, listen } = await openPush(t, { RATE_LIMIT_PUSH: '2/60' });
  const { ask, socket } = await listen(ada);
  const deep = JSON.parse(`${'['.repeat(1_000)}${']'.repeat(1_000)}`);
  for (const input of [{ message: 'x'.repeat(16_384) }, { message: deep }, deep])
    assert.equal(field(await ask('message', input), 'success'), false);
  assert.equal(field(await ask('message', { message: 1 }), 'success'), true);
  assert.equal(field(await ask('message', { message: 2 }), 'success'), true);
  assert.equal(field(await ask('message', { message: 3 }), 'code'), 'RATE_LIMIT_EXCEEDED');
  assert.equal(socket.connected, true);
});

test('[push:env Connection URL ws://localhost:3000] [push:rule JWT required at handshake] [push:header Socket.IO handshake auth.token] [push:header Socket.IO handshake Authorization header] [push:listen connected] [push:listen disconnect] [push:rule connection flow 1 client connects with JWT] [push:rule connection flow 2 server verifies JWT] [push:rule connection flow 3 userId from token payload] [push:rule connection flow 5 emits connected] [push:rule connection flow 6 connection active] [push:rule Postman raw WebSocket test] the documented handshakes', async (t) => {
  const { server, ada } = await openPush(t);
  const { userId } = JSON.parse(Buffer.from(ada.accessToken.split('.')[1] ?? '', 'base64url').toString());
  assert.equal(userId, ada.principal.id);
  for (const options of [
    { auth: { token: ada.accessToken } },
    { extraHeaders: { Authorization: `Bearer ${ada.accessToken}` }, transports: ['polling', 'websocket'] },
  ]) {
    const { ear, socket } = await connected(t, server, options);
    const { data } = await ear.until('connected');
    assert.deepEqual(data, {
      message: 'Successfully connected to WebSocket',
      userId: ada.principal.id,
      socketId: socket.id,
      recovered: false,
    });
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    socket.disconnect();
    assert.equal(await gone, 'io client disconnect');
  }
});

test('[push:listen error] [push:error Connection Rejected] [push:rule security JWT required for all connections] [push:rule security token verified on every connection] without a good token: `error`, then the end; a token that was good once is not for ever', async (t) => {
  const { server, ada } = await openPush(t);
  const refused = async (token: string | undefined) => {
    const { ear, socket } = stockClient(t, server, token === undefined ? {} : { token });
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    assert.deepEqual((await ear.until('error')).data, { message: 'Authentication failed' });
    assert.equal(await gone, 'io server disconnect');
    assert.deepEqual(ear.of('connected'), []);
  };
  await refused(undefined);
  await refused('nonsense');
  await refused(await keyOf(server, 'push:send'));
  (await connected(t, server, { token: ada.accessToken })).socket.disconnect();
  await server.app.identity.logoutAll(ada.principal);
  await refused(ada.accessToken);
});
