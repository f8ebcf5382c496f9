import assert from 'node:assert/strict';
import test from 'node:test';
import { connected, field, plainClient, stockClient } from '../../../test/support/clients.ts';
import { ada, offline, openSockets, rawSocketIo } from '../../../test/support/socket-door.ts';
import { EventRate } from './dispatch.ts';

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

test('threat W-4: names that are no event of the door do not exist, whatever they are called', async (t) => {
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
    const { data } = await plain.ear.until('error');
    assert.equal(field(data, 'code'), 'INVALID_INPUT');
    assert.match(String(field(data, 'message')), /a plain frame is \{"event"/);
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
