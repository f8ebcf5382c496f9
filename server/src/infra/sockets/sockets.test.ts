import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { WebSocket } from 'ws';
import { connected, plainClient, stockClient } from '../../../test/support/clients.ts';
import { ada, held, offline, openSockets, rawSocketIo } from '../../../test/support/socket-door.ts';

test('a client that answers no ping is closed; a quiet one that does stays', async (t) => {
  const server = await openSockets(t, { bounds: { pingEvery: 100, silentFor: 100 } });
  const quiet = await connected(t, server, { token: '1', reconnection: false });
  const quietPlain = plainClient(t, server, { token: '1' });
  await quietPlain.ear.until('connected');
  const dead = await rawSocketIo(t, server, '1');
  await dead.closed;
  assert.ok(dead.packets.includes('2'), 'it was asked');
  const address = `${server.url.replace('http', 'ws')}/ws?token=1`;
  const deadPlain = new WebSocket(address, { autoPong: false });
  t.after(() => deadPlain.terminate());
  await once(deadPlain, 'close');
  assert.deepEqual(await quiet.ask('echo', 1), { success: true, data: 1 });
  assert.equal((await quietPlain.ask('echo', 1))['data'], 1);
});

test('who is online is known by their live connections', async (t) => {
  const server = await openSockets(t);
  const [one, two] = [await connected(t, server, { token: '1' }), plainClient(t, server, { token: '1' })];
  await two.ear.until('connected');
  assert.deepEqual([server.hub.isOnline('user-1'), server.hub.isOnline('user-2')], [true, false]);
  one.socket.disconnect();
  await two.ask('echo', 1);
  assert.equal(server.hub.isOnline('user-1'), true);
  two.socket.close();
  await two.closed;
  await offline(server.hub);
});

test('when sessions end, their connections end and stock clients stay away; others do not notice', async (t) => {
  const server = await openSockets(t);
  const [stock, polling] = [
    await connected(t, server, { token: '1' }),
    await connected(t, server, { token: '1', transports: ['polling'] }),
  ];
  const plain = plainClient(t, server, { token: '1' });
  const other = await connected(t, server, { token: '2' });
  await plain.ear.until('connected');
  const gone = [stock, polling].map(({ socket }) => new Promise((resolve) => socket.once('disconnect', resolve)));
  server.hub.endSessions(['session-1', 'session-3'], 'over');
  assert.deepEqual(await Promise.all(gone), ['io server disconnect', 'io server disconnect']);
  assert.equal(await plain.closed, 4101);
  assert.equal(other.socket.connected, true);
  await offline(server.hub);
});

test('a session that ends between authentication and connection gets none', async (t) => {
  const { hold, asked, answer } = held();
  const server = await openSockets(t, { hold });
  const plain = plainClient(t, server, { token: '1' });
  await asked;
  server.hub.endSessions(['session-1'], 'over');
  answer();
  assert.equal(await plain.closed, 4101);
});

test('a role that changes between authentication and connection: the connection must come back', async (t) => {
  for (const transport of ['plain', 'stock'] as const) {
    const { hold, asked, answer } = held();
    const server = await openSockets(t, { hold });
    const client =
      transport === 'plain' ? plainClient(t, server, { token: '1' }) : stockClient(t, server, { token: '1' });
    const over =
      'closed' in client
        ? client.closed
        : new Promise((resolve) => client.socket.once('disconnect', (reason) => resolve(reason)));
    await asked;
    server.hub.renew(1, 'ADMIN', 'The role has changed');
    answer();
    assert.equal(await over, transport === 'plain' ? 4000 : 'transport close');
  }
});

test('who authenticated with the new role already is not sent away for the change', async (t) => {
  const { hold, asked, answer } = held();
  const server = await openSockets(t, { hold });
  const plain = plainClient(t, server, { token: '1' });
  await asked;
  server.hub.renew(1, 'ADMIN', 'The role has changed');
  server.hub.renew(1, 'GUEST', 'The role has changed');
  answer();
  await plain.ear.until('connected');
  for (const number of [1, 2]) assert.equal((await plain.ask('echo', number))['data'], number);
});

test('a connection ends when what proved who is there has ended', async (t) => {
  const server = await openSockets(t, { lasting: 300 });
  const plain = plainClient(t, server, { token: '1' });
  const stock = stockClient(t, server, { token: '1' });
  const gone = new Promise((resolve) => stock.socket.once('disconnect', resolve));
  await Promise.all([plain.ear.until('connected'), stock.ear.until('connected')]);
  assert.deepEqual(await Promise.all([plain.closed, gone]), [4101, 'io server disconnect']);
  await offline(server.hub);
});

test('an account may have so many live connections: the newest is told why and ends, and a place that is free counts', async (t) => {
  const server = await openSockets(t, { perAccount: 2 });
  const stock = await connected(t, server, { token: '1' });
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  const third = plainClient(t, server, { token: '1' });
  assert.equal(await third.closed, 4101);
  const fourth = stockClient(t, server, { token: '1' });
  const reason = await new Promise((resolve) => fourth.socket.once('disconnect', resolve));
  assert.equal(reason, 'io server disconnect', 'a stock client stays away');
  for (const { ear } of [third, fourth]) {
    const message = 'An account may have 2 live connections at a time';
    assert.deepEqual(
      ear.all.map(({ event, data }) => [event, data]),
      [['error', { code: 'RATE_LIMITED', message }]],
    );
  }
  await connected(t, server, { token: '2' });
  stock.socket.disconnect();
  plain.socket.close();
  await offline(server.hub);
  for (let time = 0; time < 2; time += 1) await connected(t, server, { token: '1' });
});

test('a drain says goodbye to plain WebSockets in a way that invites them back', async (t) => {
  const server = await openSockets(t);
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  server.closeWebSockets();
  assert.equal(await plain.closed, 1001);
});

test('two stock clients on one row get the same, whatever their transport', async (t) => {
  const server = await openSockets(t);
  const clients = [
    await connected(t, server, { token: '1' }),
    await connected(t, server, { token: '1', transports: ['polling'] }),
    await connected(t, server, { token: '1', transports: ['polling', 'websocket'] }),
    plainClient(t, server, { token: '1' }),
  ];
  await Promise.all(clients.map(({ ear }) => ear.until('connected')));
  await server.write(...['é', 'x'.repeat(200), '🚀'].map((payload) => ({ topic: ada, type: 'row', payload })));
  for (const { ear } of clients) {
    await ear.until(({ data }) => data === '🚀');
    assert.deepEqual(
      ear.of('row').map(({ data, offset }) => [data, offset]),
      [
        ['é', `${server.log.epoch}.1`],
        ['x'.repeat(200), `${server.log.epoch}.2`],
        ['🚀', `${server.log.epoch}.3`],
      ],
    );
  }
});

test('a quiet client is told where the log stands, so that its offset does not age; a busy one is not', async (t) => {
  const server = await openSockets(t);
  const busy = await connected(t, server, { token: '1' });
  const quiet = await connected(t, server, { token: '2' });
  const say = (text: string) => server.write({ topic: ada, type: 'said', payload: text });
  await say('before');
  await server.hub.tellQuiet();
  await say('after');
  await busy.ear.until(({ data }) => data === 'after');
  await server.hub.tellQuiet();
  await quiet.ear.until(({ event, offset }) => event === 'cursor' && offset === server.hub.offset(2));
  assert.equal(busy.ear.of('cursor').length, 0);
});

test('who ignores the close of an ended session is heard no more, and gone in a second', async (t) => {
  const heard: unknown[] = [];
  const server = await openSockets(t, {
    events: {
      note: async (_connection, input) => {
        heard.push(input);
        return () => null;
      },
    },
  });
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  // The client's side of the closing handshake never comes.
  Object.assign(plain.socket, { close: () => {} });
  server.hub.endSessions(['session-1'], 'over');
  plain.socket.send(JSON.stringify({ event: 'note', data: 'too late' }));
  await plain.closed;
  assert.deepEqual(heard, []);
});
