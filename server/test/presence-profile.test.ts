import assert from 'node:assert/strict';
import test from 'node:test';
import { type Ear, field, plainClient, stockClient } from './support/clients.ts';
import { startServer } from './support/server.ts';

async function open(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t);
  const people = await server.people(6);
  const [ada, bob, carol, dan, eve, finn] = people;
  assert.ok(ada && bob && carol && dan && eve && finn);
  let notes = 0;
  /** What reaches these connections reaches them behind everything that was said before. */
  const settle = async (who: typeof ada, ...ears: readonly Ear[]): Promise<void> => {
    const content = `note ${++notes}`;
    await server.send(who, { receiverId: who.principal.id }, content);
    await Promise.all(ears.map((ear) => ear.until(() => ear.contents.includes(content))));
  };
  const listen = async (who: typeof ada): Promise<Ear> => {
    const { ear } = stockClient(t, server, { token: who.accessToken });
    await ear.until('connected');
    await settle(who, ear);
    return ear;
  };
  const change = (who: typeof ada, body: object) =>
    server.call('PATCH', `/api/v1/users/${who.principal.id}`, { token: who.accessToken, body });
  return { server, ada, bob, carol, dan, eve, finn, listen, settle, change };
}

test('a change of a profile is heard by those who share a conversation or a group, and by no stranger and nobody between whom there is a block', async (t) => {
  const { server, ada, bob, carol, dan, eve, finn, listen, settle, change } = await open(t);
  await server.group(ada, bob, dan, eve);
  await server.send(carol, { receiverId: ada.principal.id }, 'x');
  await server.app.identity.block(ada.principal, dan.principal.id);
  await server.app.identity.block(eve.principal, ada.principal.id);
  const [member, partner, blocked, blocker, stranger, own] = await Promise.all(
    [bob, carol, dan, eve, finn, ada].map(listen),
  );
  assert.ok(member && partner && blocked && blocker && stranger && own);
  const plain = plainClient(t, server, { token: bob.accessToken });
  await plain.ear.until('connected');
  await settle(bob, plain.ear);
  const wanted = { username: 'lovelace', avatar: 'https://example.org/a.png', statusMessage: 'counting' };
  assert.equal((await change(ada, wanted)).status, 200);
  for (const ear of [member, partner, own, plain.ear]) {
    const { args } = await ear.until('user:updated');
    assert.equal(args.length, 1, 'and no offset');
    const path = `/api/v1/users/${ada.principal.id}`;
    const seen = (await server.call('GET', path, { token: bob.accessToken })).body['data'];
    assert.deepEqual({ ...Object(args[0]), lastSeen: '' }, { ...Object(seen), lastSeen: '' });
    assert.equal(field(args[0], 'username'), 'lovelace');
  }
  for (const [who, ear] of [
    [dan, blocked],
    [eve, blocker],
    [finn, stranger],
  ] as const) {
    await settle(who, ear);
    assert.deepEqual(ear.of('user:updated'), []);
  }
});

test('of several changes at once the last is told last, and what is refused is not told', async (t) => {
  const { server, ada, bob, listen, change } = await open(t);
  await server.group(ada, bob);
  const ear = await listen(bob);
  const messages = Array.from({ length: 10 }, (_, n) => `status ${n}`);
  await Promise.all(messages.map((statusMessage) => change(ada, { statusMessage })));
  await change(ada, { username: bob.profile.username });
  await change(ada, { statusMessage: 'the last' });
  await ear.until(({ data }) => field(data, 'statusMessage') === 'the last');
  const told = ear.of('user:updated').map(({ data }) => field(data, 'statusMessage'));
  assert.equal(told.at(-1), 'the last');
  assert.ok(told.length <= 11, `${told.length} times`);
});

test('a change that changes nothing is answered with the profile as it is, and told to nobody', async (t) => {
  const { server, ada, bob, listen, settle, change } = await open(t);
  await server.group(ada, bob);
  const ear = await listen(bob);
  const wanted = { username: 'lovelace', avatar: 'https://example.org/a.png', statusMessage: 'counting' };
  const first = await change(ada, wanted);
  await ear.until('user:updated');
  const head = await server.storage.log.head();
  for (const same of [wanted, { username: 'lovelace' }, { statusMessage: 'counting' }, {}]) {
    const { status, body } = await change(ada, same);
    assert.equal(status, 200);
    assert.deepEqual({ ...Object(body['data']), lastSeen: '' }, { ...Object(first.body['data']), lastSeen: '' });
  }
  assert.equal(await server.storage.log.head(), head);
  await change(ada, { username: 'Lovelace' });
  await change(ada, { avatar: null });
  await ear.until(({ data }) => field(data, 'avatar') === null);
  await settle(bob, ear);
  const told = ear.of('user:updated').map(({ data }) => field(data, 'username'));
  assert.deepEqual([told[0], told.at(-1)], ['lovelace', 'Lovelace']);
  assert.ok(told.length <= 3, `${told.length} times`);
});

test('that an account is deleted is heard by those who have a conversation with it, unless they have blocked it', async (t) => {
  const { server, ada, bob, carol, dan, listen, settle } = await open(t);
  await server.send(ada, { receiverId: bob.principal.id }, 'x');
  await server.send(ada, { receiverId: carol.principal.id }, 'x');
  await server.app.identity.block(carol.principal, ada.principal.id);
  const [partner, blocker, stranger] = await Promise.all([bob, carol, dan].map(listen));
  assert.ok(partner && blocker && stranger);
  const path = `/api/v1/users/${ada.principal.id}`;
  assert.equal((await server.call('DELETE', path, { token: ada.accessToken })).status, 200);
  const { data } = await partner.until('user:updated');
  const seen = (await server.call('GET', path, { token: bob.accessToken })).body['data'];
  assert.deepEqual(data, seen);
  assert.equal(field(data, 'username'), 'deleted user');
  await settle(carol, blocker);
  await settle(dan, stranger);
  assert.deepEqual([...blocker.of('user:updated'), ...stranger.of('user:updated')], []);
});
