import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import test from 'node:test';
import { WebSocket } from 'ws';
import { connected, field, plainClient, stockClient } from '../../../test/support/clients.ts';
import { openSockets, rawSocketIo } from '../../../test/support/socket-door.ts';
import { topicOf } from '../log/topic.ts';
import { EventRate } from './dispatch.ts';
import type { Hub } from './hub.ts';

const ada = topicOf('user', 1);
const large = 'x'.repeat(65_600);

test('a frame above 64 KB is answered with an error, and the connection stays', async (t) => {
  const server = await openSockets(t);
  const stock = await connected(t, server, { token: '1' });
  const refused = await stock.ask('echo', large);
  assert.deepEqual([field(refused, 'success'), field(refused, 'code')], [false, 'TOO_LARGE']);
  stock.socket.emit('echo', large);
  const { data } = await stock.ear.until('error');
  assert.deepEqual([field(data, 'code'), field(data, 'event')], ['TOO_LARGE', 'echo']);
  const binary = await stock.ask('echo', Buffer.alloc(65_600));
  assert.equal(field(binary, 'code'), 'TOO_LARGE');
  assert.deepEqual(await stock.ask('echo', 'x'.repeat(60_000)), { success: true, data: 'x'.repeat(60_000) });
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  assert.deepEqual((await plain.ask('echo', large))['code'], 'TOO_LARGE');
  assert.deepEqual((await plain.ask('echo', 'small'))['data'], 'small');
});

test('a frame above 128 KB ends its connection and no other', async (t) => {
  const server = await openSockets(t);
  const other = await connected(t, server, { token: '1' });
  const stock = await connected(t, server, { token: '1', reconnection: false });
  const gone = new Promise((resolve) => stock.socket.once('disconnect', resolve));
  stock.socket.emit('echo', 'x'.repeat(140_000));
  await gone;
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  plain.socket.send('x'.repeat(140_000));
  assert.equal(await plain.closed, 1009);
  assert.deepEqual(await other.ask('echo', 1), { success: true, data: 1 });
});

test('a connection that does not authenticate in time is closed', async (t) => {
  const server = await openSockets(t, { bounds: { authenticateWithin: 150 } });
  const started = performance.now();
  const silent = await rawSocketIo(t, server);
  await silent.closed;
  const took = performance.now() - started;
  assert.ok(took >= 100 && took < 4_000, `${took} ms`);
});

test('so is one whose authentication is not answered in time', async (t) => {
  let answer = (): void => {};
  const hold = () =>
    new Promise<void>((resolve) => {
      answer = resolve;
    });
  const server = await openSockets(t, { bounds: { authenticateWithin: 150 }, hold });
  const plain = plainClient(t, server, { token: '1' });
  await plain.closed;
  answer();
  const stock = await rawSocketIo(t, server);
  stock.socket.send('40{"token":"1"}');
  await stock.closed;
  answer();
  assert.deepEqual([server.hub.isOnline('user-1'), plain.ear.all.length], [false, 0]);
});

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

test('of the events above the rate the first is refused and the others are ignored; the connection stays', async (t) => {
  const server = await openSockets(t, { bounds: { events: { count: 3, seconds: 60 } } });
  const stock = await connected(t, server, { token: '1' });
  const answers = await Promise.all([1, 2, 3, 4].map((number) => stock.ask('echo', number)));
  assert.deepEqual(
    answers.map((answer) => field(answer, 'success')),
    [true, true, true, false],
  );
  assert.equal(field(answers[3], 'code'), 'RATE_LIMITED');
  const other = plainClient(t, server, { token: '1' });
  await other.ear.until('connected');
  assert.equal((await other.ask('echo', 1))['success'], true, 'each socket has a rate of its own');
  stock.socket.emit('anything');
  stock.socket.emit('echo', 'ignored', () => assert.fail('answered'));
  await server.write({ topic: ada, type: 'row', payload: 'still there' });
  await stock.ear.until('row');
  assert.deepEqual(stock.ear.of('error'), []);
});

test('events over the rate are answered once for each window; ten windows’ worth of them end the connection', async (t) => {
  const server = await openSockets(t, { bounds: { events: { count: 3, seconds: 60 } } });
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  for (let number = 0; number < 3 + 3 * 10; number += 1) plain.socket.send('{"event":"echo"}');
  await server.write({ topic: ada, type: 'row', payload: 'so far it stays' });
  await plain.ear.until('row');
  plain.socket.send('{"event":"echo"}');
  assert.equal(await plain.closed, 1008);
  assert.deepEqual(
    plain.ear.of('error').map(({ data }) => field(data, 'code')),
    ['RATE_LIMITED'],
  );
  await offline(server.hub);
});

test('a rate forgives once a window is within it, and tells of a flood once', () => {
  let floods = 0;
  const rate = new EventRate({ count: 2, seconds: 1 }, () => {
    floods += 1;
  });
  const taken = (now: number, events: number) => Array.from({ length: events }, () => rate.take(now));
  assert.deepEqual(taken(0, 4), ['within', 'within', 'refused', 'ignored']);
  assert.deepEqual(taken(1_000, 3), ['within', 'within', 'refused'], 'each window is answered once');
  taken(2_000, 2 + 17);
  assert.equal(floods, 0);
  taken(3_000, 2);
  taken(4_000, 2 + 20);
  assert.equal(floods, 0, 'forgiven');
  taken(5_000, 2 + 5);
  assert.equal(floods, 1);
});

const hostile = [
  '',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'error',
  'connect',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
  'connected',
  'x'.repeat(10_000),
];

test('names that are no event of the door do not exist, whatever they are called', async (t) => {
  const server = await openSockets(t);
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  const others: unknown[] = [null, 7, {}, ['echo'], { toString: 'echo' }, undefined];
  for (const name of [...hostile, ...others]) {
    plain.ear.forget();
    plain.socket.send(JSON.stringify({ event: name, data: {}, id: 'a' }));
    const { data } = await plain.ear.until('reply a');
    assert.deepEqual([field(data, 'success'), field(data, 'code')], [false, 'INVALID_INPUT'], JSON.stringify(name));
  }
  // A stock client does not send all of these; a hostile one does. Some end its own connection, none ends the server.
  for (const name of hostile) {
    const raw = await rawSocketIo(t, server, '1');
    raw.socket.send(`42${JSON.stringify([name, {}])}`);
    raw.socket.send('42["echo",1]');
    raw.socket.send(`421${JSON.stringify(['echo', 1])}`);
    await Promise.race([raw.closed, raw.until('431')]);
    raw.socket.terminate();
  }
  const stock = await connected(t, server, { token: '1' });
  assert.deepEqual(await stock.ask('echo', 1), { success: true, data: 1 });
  assert.deepEqual(server.failures, []);
});

test('frames that are no events are answered or end their own connection, and nothing else', async (t) => {
  const server = await openSockets(t);
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  for (const frame of ['', '{', 'null', '[]', '7', '"echo"', '{"event":"echo"', Buffer.from([0xff, 0xfe])]) {
    plain.ear.forget();
    plain.socket.send(frame);
    assert.equal(field((await plain.ear.until('error')).data, 'code'), 'INVALID_INPUT');
  }
  assert.equal((await plain.ask('echo', 1))['data'], 1);
  for (const packet of [
    '4',
    '42',
    '42[',
    '42{}',
    '42[7]',
    '43',
    '451-',
    '452-["echo",{"_placeholder":true,"num":9}]',
    '9',
    'b!',
    '40/admin,',
    '41',
  ]) {
    const raw = await rawSocketIo(t, server, '1');
    raw.socket.send(packet);
    raw.socket.send('421["echo",1]');
    await Promise.race([raw.closed, raw.until('431')]);
    raw.socket.terminate();
  }
  const stock = await connected(t, server, { token: '1' });
  assert.deepEqual(await stock.ask('echo', 1), { success: true, data: 1 });
});

test('an event that is nested deeper than the stack goes is refused, on both, and ends nothing', async (t) => {
  const sockets = await openSockets(t);
  const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
  const raw = await rawSocketIo(t, sockets, '1');
  raw.socket.send(`421["nonsense",${deep}]`);
  raw.socket.send(`422["tell me",${deep},{"another":"argument"}]`);
  raw.socket.send(`42["nonsense",${deep}]`);
  assert.match(await raw.until('431'), /"success":false/);
  assert.match(await raw.until('42["error"'), /"event":null/);
  const plain = plainClient(t, sockets, { token: '2' });
  await plain.ear.until('connected');
  plain.socket.send(`{"event":"nonsense","data":${deep},"id":1}`);
  assert.equal(field((await plain.ear.until('reply 1')).data, 'success'), false);
  raw.socket.send('423["echo","still here"]');
  assert.match(await raw.until('433'), /still here/);
});

test('a refusal comes as the acknowledgement, or as `error` when there is none; a mistake of ours tells nothing', async (t) => {
  const server = await openSockets(t);
  const stock = await connected(t, server, { token: '1' });
  assert.deepEqual(await stock.ask('refuse', {}), { success: false, code: 'NOT_FOUND', message: 'Not found' });
  assert.deepEqual(await stock.ask('fail', {}), { success: false, code: 'INTERNAL', message: 'Something went wrong' });
  stock.socket.emit('fail', {});
  const { data } = await stock.ear.until('error');
  assert.deepEqual(data, { code: 'INTERNAL', message: 'Something went wrong', event: 'fail' });
  const plain = plainClient(t, server, { token: '1' });
  await plain.ear.until('connected');
  plain.socket.send(JSON.stringify({ event: 'fail' }));
  assert.equal(field((await plain.ear.until('error')).data, 'code'), 'INTERNAL');
  assert.doesNotMatch(JSON.stringify([...stock.ear.all, ...plain.ear.all]), /canary/);
});

test('a payload that is itself a text cannot set the cursor of a stock client: our offset follows it', async (t) => {
  const server = await openSockets(t);
  const stock = await connected(t, server, { token: '1' });
  await server.write({ topic: ada, type: 'row', payload: 1 });
  await stock.ear.until('row');
  for (const payload of ['0', `${server.log.epoch}.0`]) {
    stock.ear.forget();
    stock.socket.emit('tell me', payload);
    const { args } = await stock.ear.until('told');
    assert.deepEqual(args, [payload, `${server.log.epoch}.1`]);
  }
  await server.write({ topic: ada, type: 'row', payload: '0' });
  const { args } = await stock.ear.until('row');
  assert.deepEqual(args, ['0', `${server.log.epoch}.2`]);
  await stock.cut();
  await server.write({ topic: ada, type: 'row', payload: 'missed' });
  await stock.back();
  assert.equal(stock.socket.recovered, true);
  assert.equal((await stock.ear.until('row')).data, 'missed');
  assert.equal(stock.ear.of('row').length, 1);
});

test('browser origins that are not listed are refused, on both; others and programs without one are let in', async (t) => {
  const server = await openSockets(t, { origins: ['https://chat.example'] });
  const refused = { origin: 'https://evil.example' };
  const plain = plainClient(t, server, { token: '1', headers: refused });
  const failed = new Promise((resolve) => plain.socket.once('error', resolve));
  plain.closed.catch(() => {});
  assert.match(String(await failed), /403/);
  const stock = stockClient(t, server, { token: '1', extraHeaders: refused, reconnection: false });
  await new Promise((resolve) => stock.socket.once('connect_error', resolve));
  const allowed = { origin: 'https://chat.example' };
  await plainClient(t, server, { token: '1', headers: allowed }).ear.until('connected');
  await connected(t, server, { token: '1', extraHeaders: allowed });
  await plainClient(t, server, { token: '1' }).ear.until('connected');
});

test('a token is taken from the query, a header or the subprotocol', async (t) => {
  const server = await openSockets(t);
  for (const options of [{ token: '1' }, { headers: { authorization: 'Bearer 1' } }, { protocols: ['bearer', '1'] }]) {
    const { ear, socket } = plainClient(t, server, options);
    assert.equal(field((await ear.until('connected')).data, 'userId'), 'user-1');
    if ('protocols' in options) assert.equal(socket.protocol, 'bearer');
  }
  await connected(t, server, { auth: { token: '1' } });
  await connected(t, server, { extraHeaders: { authorization: 'Bearer 1' } });
  await connected(t, server, { query: { token: '1' } });
});

test('without a good token there is an `error` and the end, as documented', async (t) => {
  const server = await openSockets(t);
  const plain = plainClient(t, server, { token: 'bad' });
  assert.equal(await plain.closed, 4100);
  assert.deepEqual(
    plain.ear.all.map(({ event, data }) => [event, data]),
    [['error', { message: 'Authentication failed' }]],
  );
  const stock = stockClient(t, server, { token: 'bad' });
  const events: string[] = [];
  stock.socket.on('connect', () => events.push('connect'));
  const reason = await new Promise((resolve) => stock.socket.once('disconnect', resolve));
  assert.equal(reason, 'io server disconnect');
  assert.deepEqual(events, ['connect']);
  assert.deepEqual(
    stock.ear.all.map(({ event, args }) => [event, args]),
    [['error', [{ message: 'Authentication failed' }]]],
  );
  assert.equal(server.hub.isOnline('user-1'), false);
});

test('paths that are nobody’s are refused', async (t) => {
  const server = await openSockets(t);
  for (const path of ['/', '/ws/', '/wss', '/socket.iox', '/x/../socket.io/']) {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}${path}`);
    const [error] = await once(socket, 'error');
    assert.match(String(error), /404|400|hang up|closed/i, path);
  }
  // Paths that no URL parser takes, and those that one would take for others.
  const { port } = new URL(server.url);
  for (const path of ['//', '//[', '/x/../socket.io/', '/./ws2']) {
    const tcp = connectTcp(Number(port), '127.0.0.1');
    tcp.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    const [answer] = await once(tcp, 'data');
    assert.match(String(answer), /^HTTP\/1.1 404/, path);
    tcp.destroy();
  }
  await connected(t, server, { token: '1' });
});

test('events sent before `connected` are not lost', async (t) => {
  let answer = (): void => {};
  const held = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const server = await openSockets(t, { hold: () => held });
  const plain = plainClient(t, server, { token: '1' });
  await once(plain.socket, 'open');
  const asked = plain.ask('echo', 'early');
  const stock = stockClient(t, server, { token: '1' });
  const emitted = stock.ask('echo', 'early');
  setTimeout(answer, 30);
  assert.deepEqual([(await asked)['data'], field(await emitted, 'data')], ['early', 'early']);
  assert.deepEqual([plain.ear.all[0]?.event, stock.ear.all[0]?.event], ['connected', 'connected']);
});

/** The server hears of a closing a little after the client. The test's own time limit ends a wait in vain. */
async function offline(hub: Hub): Promise<void> {
  while (hub.isOnline('user-1')) await new Promise((resolve) => setImmediate(resolve));
}

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

/** Lets handshakes wait: `asked` when one is there, and `answer` lets it go on. */
function held() {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const hold = () => {
    asked.resolve();
    return answer.promise;
  };
  return { hold, asked: asked.promise, answer: answer.resolve };
}

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

test('of one address so many connections may wait to be signed in; who is in, or gone, makes room', async (t) => {
  let holding = true;
  const { hold, answer } = held();
  const server = await openSockets(t, { waiting: 2, hold: async () => (holding ? hold() : undefined) });
  const plain = plainClient(t, server, { token: '1' });
  await once(plain.socket, 'open');
  const silentOne = await rawSocketIo(t, server);
  const refused = plainClient(t, server, { token: '2' });
  refused.closed.catch(() => {});
  const [error] = await once(refused.socket, 'error');
  assert.match(String(error), /429/);
  for (const transports of [['polling'], ['websocket']]) {
    const stock = stockClient(t, server, { token: '2', transports, reconnection: false });
    await new Promise((resolve) => stock.socket.once('connect_error', resolve));
  }
  holding = false;
  answer();
  await plain.ear.until('connected');
  // The one that says nothing waits on; one place is free, for one after the other.
  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    await connected(t, server, { token: '2', transports });
  }
  silentOne.socket.terminate();
  await plainClient(t, server, { token: '3' }).ear.until('connected');
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

test('a stock client comes back when its handshake could not be answered', async (t) => {
  let broken = true;
  const hold = async (): Promise<void> => {
    if (!broken) return;
    broken = false;
    throw new Error('the database is away');
  };
  const server = await openSockets(t, { hold });
  const stock = stockClient(t, server, { token: '1' });
  await stock.ear.until('connected');
  assert.deepEqual(server.failures.map(String), ['Error: the database is away']);
});

test('all packets of a binary event count towards its size', async (t) => {
  const server = await openSockets(t);
  const stock = await connected(t, server, { token: '1' });
  const refused = await stock.ask('echo', [Buffer.alloc(40_000), Buffer.alloc(40_000)]);
  assert.equal(field(refused, 'code'), 'TOO_LARGE');
  const small = await stock.ask('echo', 'small');
  assert.equal(field(small, 'success'), true);
});

test('events that come in one piece are measured one by one', async (t) => {
  const server = await openSockets(t);
  for (const transport of ['polling', 'websocket'] as const) {
    const stock = stockClient(t, server, { token: '1', transports: [transport] });
    // Before the connection stands: the client keeps them and sends them together.
    const asked = Array.from({ length: 20 }, (_, index) => stock.ask('echo', `${index} ${'x'.repeat(5_000)}`));
    for (const answer of await Promise.all(asked)) assert.equal(field(answer, 'success'), true, transport);
  }
});

test('an event that expects an answer and says nothing has no input', async (t) => {
  const server = await openSockets(t);
  const stock = await connected(t, server, { token: '1' });
  assert.deepEqual(await stock.socket.timeout(2_000).emitWithAck('echo'), { success: true });
});

test('an upgrade that is refused and reset at once ends no process, and no connection stays open', async (t) => {
  const server = await openSockets(t);
  const { port } = new URL(server.url);
  for (let time = 0; time < 60; time += 1) {
    const socket = connectTcp(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    await once(socket, 'connect');
    socket.write('GET /nope HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    if (time % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    socket.resetAndDestroy();
  }
  const stays = connectTcp({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
  stays.write('GET /nope HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  stays.resume();
  await once(stays, 'end');
  stays.destroy();
  await connected(t, server, { token: '1' });
});

test('a second CONNECT on one connection ends it, and leaves nobody online', async (t) => {
  const server = await openSockets(t);
  const raw = await rawSocketIo(t, server);
  raw.socket.send('40{"token":"1"}');
  raw.socket.send('40{"token":"1"}');
  await raw.closed;
  for (let wait = 0; wait < 100 && server.hub.isOnline('user-1'); wait += 1)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(server.hub.isOnline('user-1'), false);
});

test('who talks on without ever connecting is cut', async (t) => {
  const server = await openSockets(t);
  const raw = await rawSocketIo(t, server);
  for (let time = 0; time < 40; time += 1) raw.socket.send('40/f,');
  await raw.closed;
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
