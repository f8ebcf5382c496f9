import assert from 'node:assert/strict';
import test from 'node:test';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, type Ear, field, type Heard, plainClient, type Stock } from './support/clients.ts';
import { startServer } from './support/server.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

async function open(t: Parameters<typeof startServer>[0], settings: Record<string, string> = {}) {
  const server = await startServer(t, { OFFLINE_AFTER: '1', ...settings });
  const people = await server.people(5);
  const [ada, bob, carol, dan, eve] = people;
  assert.ok(ada && bob && carol && dan && eve);
  /** A connection that is live: what goes past the log reaches nobody who is still catching up. */
  const connect = async (who: SignedIn): Promise<Stock> => {
    const client = await connected(t, server, { token: who.accessToken });
    await server.send(who, { receiverId: who.principal.id }, 'to oneself');
    await client.ear.messages(1);
    client.ear.forget();
    return client;
  };
  return { server, ada, bob, carol, dan, eve, connect };
}

/** Whatever was sent to this connection before has been heard by now. */
const hears = (ear: Ear, content: string) => ear.until(() => ear.contents.includes(content));

/** What was heard of these events: the end of the name, and who it is about. */
const heard = (ear: Ear, ...events: string[]): string[] =>
  ear.of(...events).map(({ event, data }) => `${event} ${String(field(data, 'userId'))}`);

const presence = (ear: Ear): string[] => heard(ear, 'user:online', 'user:offline');
const typing = (ear: Ear): string[] => heard(ear, 'typing:start', 'typing:stop');

test('[social:listen user:online] those who share a group or a conversation hear it once, nobody else does, nor whom one has blocked', async (t) => {
  const { server, ada, bob, carol, dan, eve, connect } = await open(t);
  await server.group(ada, bob, dan);
  await server.group(bob, ada);
  await server.send(bob, { receiverId: ada.principal.id }, 'x');
  await server.send(carol, { receiverId: ada.principal.id }, 'x');
  await server.app.identity.block(ada.principal, dan.principal.id);
  const [member, partner, blocked, stranger] = await Promise.all([bob, carol, dan, eve].map(connect));
  assert.ok(member && partner && blocked && stranger);
  const own = await connect(ada);
  const wanted = `user:online ${ada.principal.id}`;
  const ofAda = ({ event, data }: Heard) => event === 'user:online' && field(data, 'userId') === ada.principal.id;
  const online = await member.ear.until(ofAda);
  assert.deepEqual(online.args, [{ userId: ada.principal.id }], 'and no offset');
  // Another connection of somebody who is there says nothing; what is sent to each comes behind what was said.
  await connect(ada);
  for (const who of [bob, carol, dan, eve]) await server.send(eve, { receiverId: who.principal.id }, 'then');
  for (const { ear } of [member, partner, blocked, stranger]) await hears(ear, 'then');
  assert.deepEqual(
    [member, partner, blocked, stranger].map(({ ear }) => presence(ear).filter((said) => said === wanted)),
    [[wanted], [wanted], [], []],
  );
  assert.equal(own.ear.all.some(ofAda), false);
});

test('[social:listen user:offline] it is said a while after the end of the last connection', async (t) => {
  const { server, ada, bob, connect } = await open(t);
  await server.group(ada, bob);
  const member = await connect(bob);
  const [first, second] = [await connect(ada), await connect(ada)];
  await member.ear.until('user:online');
  member.ear.forget();
  first.socket.disconnect();
  await second.cut();
  const left = Date.now();
  const { args } = await member.ear.until('user:offline');
  assert.deepEqual(args, [{ userId: ada.principal.id }]);
  assert.ok(Date.now() - left > 900, 'not at once');
  await second.back();
  await member.ear.until('user:online');
  assert.deepEqual(presence(member.ear), [`user:offline ${ada.principal.id}`, `user:online ${ada.principal.id}`]);
});

test('for whom one blocks one has gone, and come again when the block is taken back; nobody else hears of it', async (t) => {
  const { server, ada, bob, carol, dan, connect } = await open(t);
  await server.group(ada, bob, dan);
  const [blocked, stranger, other] = await Promise.all([bob, carol, dan].map(connect));
  assert.ok(blocked && stranger && other);
  await connect(ada);
  const ofAda = ({ data }: Heard) => field(data, 'userId') === ada.principal.id;
  for (const { ear } of [blocked, other]) await ear.until(ofAda);
  for (const { ear } of [blocked, other]) ear.forget();
  for (const { principal } of [bob, carol]) await server.app.identity.block(ada.principal, principal.id);
  await blocked.ear.until('user:offline');
  for (const { principal } of [bob, carol]) await server.app.identity.unblock(ada.principal, principal.id);
  await blocked.ear.until('user:online');
  for (const who of [carol, dan]) await server.send(bob, { receiverId: who.principal.id }, 'then');
  for (const { ear } of [stranger, other]) await hears(ear, 'then');
  const heardOfAda = [blocked, stranger, other].map(({ ear }) => ear.all.filter(ofAda).map(({ event }) => event));
  assert.deepEqual(heardOfAda, [['user:offline', 'user:online'], [], []]);
});

test('a restart says nothing of those who come back', async (t) => {
  const { server, ada, bob, carol, connect } = await open(t);
  await server.group(ada, bob, carol);
  const member = await connect(bob);
  const other = await connect(ada);
  await member.ear.until('user:online');
  for (const { ear } of [member, other]) ear.forget();
  await server.restart();
  for (const { ear } of [member, other]) await ear.until('connected');
  await server.send(bob, { receiverId: bob.principal.id }, 'live again');
  await hears(member.ear, 'live again');
  await connect(carol);
  await member.ear.until(({ event, data }) => event === 'user:online' && field(data, 'userId') === carol.principal.id);
  assert.deepEqual(presence(member.ear), [`user:online ${carol.principal.id}`]);
});

test('[social:emit typing:start] [social:listen typing:start] [social:emit typing:stop] [social:listen typing:stop] [social:sdk SocketClient.startTyping(receiverId)] [social:sdk SocketClient.stopTyping(receiverId)] the other side hears who types, and nobody else', async (t) => {
  const { server, ada, bob, carol, connect } = await open(t);
  const [writer, own, reader, stranger] = await Promise.all([ada, ada, bob, carol].map(connect));
  assert.ok(writer && own && reader && stranger);
  writer.socket.emit('typing:start', { receiverId: bob.principal.id });
  const started = await reader.ear.until('typing:start');
  assert.deepEqual(started.args, [{ userId: ada.principal.id, groupId: null }]);
  const stopped = await writer.ask('typing:stop', { receiverId: bob.principal.id.toUpperCase(), groupId: null });
  assert.deepEqual(stopped, { success: true, data: null });
  assert.deepEqual((await reader.ear.until('typing:stop')).args, [{ userId: ada.principal.id, groupId: null }]);
  await server.send(ada, { receiverId: bob.principal.id }, 'said');
  await server.send(bob, { receiverId: carol.principal.id }, 'then');
  await Promise.all([hears(own.ear, 'said'), hears(stranger.ear, 'then')]);
  assert.deepEqual(
    [writer, own, stranger].flatMap(({ ear }) => typing(ear)),
    [],
  );
});

test('in a group its members hear who types; with both targets the group counts', async (t) => {
  const { server, ada, bob, carol, dan, connect } = await open(t);
  const group = await server.group(ada, bob, carol);
  const [writer, reader, other, outside] = await Promise.all([ada, bob, carol, dan].map(connect));
  assert.ok(writer && reader && other && outside);
  await writer.ask('typing:start', { groupId: group, receiverId: dan.principal.id });
  for (const { ear } of [reader, other]) {
    assert.deepEqual((await ear.until('typing:start')).args, [{ userId: ada.principal.id, groupId: group }]);
  }
  await server.send(ada, { receiverId: dan.principal.id }, 'then');
  await hears(outside.ear, 'then');
  assert.deepEqual([...typing(outside.ear), ...typing(writer.ear)], []);
});

test('whoever may not write to somebody does not tell them that they type, from the moment at which it is so', async (t) => {
  const { server, ada, bob, carol, connect } = await open(t);
  const group = await server.group(ada, bob);
  const [writer, reader] = [await connect(bob), await connect(ada)];
  const code = async (place: object): Promise<unknown> => {
    const answer = await writer.ask('typing:start', place);
    return field(answer, 'success') === true ? 'told' : field(answer, 'code');
  };
  const cases: [object, string][] = [
    [{}, 'VALIDATION_ERROR'],
    [{ groupId: 7 }, 'VALIDATION_ERROR'],
    [{ receiverId: nobody }, 'NOT_FOUND'],
    [{ receiverId: 'nonsense' }, 'NOT_FOUND'],
    [{ groupId: nobody }, 'NOT_FOUND'],
    [{ groupId: 'nonsense' }, 'NOT_FOUND'],
    [{ groupId: await server.group(carol) }, 'FORBIDDEN'],
    [{ groupId: group }, 'told'],
    [{ receiverId: ada.principal.id }, 'told'],
  ];
  for (const [place, wanted] of cases) assert.equal(await code(place), wanted, JSON.stringify(place));
  await server.app.identity.block(ada.principal, bob.principal.id);
  assert.equal(await code({ receiverId: ada.principal.id }), 'FORBIDDEN');
  const answer = await reader.ask('typing:start', { receiverId: bob.principal.id });
  assert.equal(field(answer, 'code'), 'FORBIDDEN');
  const path = `/api/v1/groups/${group}/members/${bob.principal.id}`;
  assert.equal((await server.call('DELETE', path, { token: ada.accessToken })).status, 200);
  assert.equal(await code({ groupId: group }), 'FORBIDDEN');
  assert.equal(typing(reader.ear).length, 2);
});

test('typing is counted, and what is over the limit is refused', async (t) => {
  const { ada, bob, connect } = await open(t, { RATE_LIMIT_TYPING: '2/60' });
  const [writer, reader] = [await connect(ada), await connect(bob)];
  const place = { receiverId: bob.principal.id };
  const answers = [];
  for (const event of ['typing:start', 'typing:stop', 'typing:start']) answers.push(await writer.ask(event, place));
  assert.deepEqual(
    answers.map((answer) => field(answer, 'code')),
    [undefined, undefined, 'RATE_LIMIT_EXCEEDED'],
  );
  await reader.ear.until('typing:stop');
  assert.equal(typing(reader.ear).length, 2);
});

test('in a shared group who has blocked somebody hears nothing of their typing, coming and going, over either transport', async (t) => {
  const { server, ada, bob, carol, connect } = await open(t);
  const group = await server.group(ada, bob, carol);
  await server.app.identity.block(ada.principal, bob.principal.id);
  const [stock, other] = await Promise.all([ada, carol].map(connect));
  const plain = plainClient(t, server, { token: ada.accessToken });
  await plain.ear.until('connected');
  const writer = await connect(bob);
  const sender = plainClient(t, server, { token: bob.accessToken });
  await sender.ear.until('connected');
  assert.ok(stock && other);
  await writer.ask('typing:start', { groupId: group });
  await sender.ask('typing:stop', { groupId: group });
  writer.socket.disconnect();
  sender.socket.close();
  await other.ear.until('user:offline');
  await server.send(ada, { receiverId: ada.principal.id }, 'then');
  for (const { ear } of [stock, plain]) {
    await hears(ear, 'then');
    assert.deepEqual([...typing(ear), ...presence(ear).filter((said) => said.endsWith(bob.principal.id))], []);
  }
  const { id } = bob.principal;
  assert.deepEqual(typing(other.ear), [`typing:start ${id}`, `typing:stop ${id}`]);
  assert.deepEqual(
    presence(other.ear).filter((said) => said.endsWith(id)),
    [`user:online ${id}`, `user:offline ${id}`],
  );
});

test('lastSeen never goes back: neither when a connection ends, nor by a block just after', async (t) => {
  const { server, ada, bob, connect } = await open(t, { OFFLINE_AFTER: '60' });
  const path = `/api/v1/users/${ada.principal.id}/presence`;
  const lastSeen = async () => {
    const { body } = await server.call('GET', path, { token: bob.accessToken });
    return Date.parse(String(field(body['data'], 'lastSeen')));
  };
  const signedIn = await lastSeen();
  const client = await connect(ada);
  const times = [signedIn];
  while (times.at(-1) === signedIn) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    times.push(await lastSeen());
  }
  await client.cut();
  const status = () => server.call('GET', `/api/gateway/status/${ada.principal.id}`, { token: bob.accessToken });
  while ((await status()).body['connected'] === true) await new Promise((resolve) => setTimeout(resolve, 10));
  times.push(await lastSeen());
  await server.app.identity.block(ada.principal, bob.principal.id);
  times.push(await lastSeen());
  assert.deepEqual(
    times,
    times.toSorted((one, other) => one - other),
  );
});

test('in a shared group nobody hears of the typing of somebody who has blocked them', async (t) => {
  const { server, ada, bob, carol, connect } = await open(t);
  const group = await server.group(ada, bob, carol);
  const [writer, blocked, other] = await Promise.all([ada, bob, carol].map(connect));
  assert.ok(writer && blocked && other);
  await writer.ask('typing:start', { groupId: group });
  await blocked.ear.until('typing:start');
  await server.app.identity.block(ada.principal, bob.principal.id);
  await writer.ask('typing:stop', { groupId: group });
  await other.ear.until('typing:stop');
  assert.deepEqual(typing(blocked.ear), [`typing:start ${ada.principal.id}`]);
  await server.app.identity.unblock(ada.principal, bob.principal.id);
  await writer.ask('typing:start', { groupId: group });
  await other.ear.until(() => typing(other.ear).length === 3);
  assert.equal(typing(blocked.ear).length, 2);
});
