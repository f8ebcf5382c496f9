import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf, here, openTestIdentity, type TestIdentity } from '../../../test/support/identity.ts';
import { topicOf } from '../../infra/log/topic.ts';

const ada = { username: 'ada', email: 'ada@example.org', password: 'Password123' };
const bob = { ...ada, username: 'bob', email: 'bob@example.org' };
const day = 24 * 3_600_000;

/** The rows that close sockets, from here on. */
async function revocations({ log }: TestIdentity, after: number) {
  const rows = await log.rowsAfter(after, 100);
  return rows.filter(({ type }) => type === 'session.revoked').map(({ topic, body }) => ({ topic, body }));
}

test('[social:rule refresh rotates the refresh token] each refresh gives a new pair, stored as hashes only', async (t) => {
  const { identity, sql } = await openTestIdentity(t);
  const first = await identity.register(ada, here);
  const second = await identity.refresh(first.refreshToken);
  const third = await identity.refresh(second.refreshToken);
  assert.equal(new Set([first.refreshToken, second.refreshToken, third.refreshToken]).size, 3);
  for (const { accessToken } of [first, second, third]) {
    assert.deepEqual(await identity.authenticate(accessToken), first.principal);
  }
  const rows = await sql.statement<{ hash: Uint8Array }>('SELECT hash FROM refresh_tokens').all();
  assert.equal(rows.length, 3);
  for (const { hash } of rows) assert.equal(hash.length, 32);
});

test('threat G-6: 100 parallel refreshes with one token give one successor', async (t) => {
  const { identity, sql } = await openTestIdentity(t);
  const { refreshToken, principal } = await identity.register(ada, here);
  const answers = await Promise.all(Array.from({ length: 100 }, () => identity.refresh(refreshToken)));
  assert.equal(new Set(answers.map((answer) => answer.refreshToken)).size, 1);
  assert.equal((await sql.statement('SELECT hash FROM refresh_tokens').all()).length, 2);
  const [answer] = answers;
  assert.ok(answer);
  assert.deepEqual(await identity.authenticate(answer.accessToken), principal);
});

test('threat G-6: a used refresh token gives the same successor for 10 seconds; later it ends the session, and its sockets hear', async (t) => {
  const house = await openTestIdentity(t);
  const { identity, clock, log } = house;
  const { refreshToken, accessToken, principal } = await identity.register(ada, here);
  const other = await identity.login(ada, here);
  const second = await identity.refresh(refreshToken);
  clock.forward(10_000);
  assert.equal((await identity.refresh(refreshToken)).refreshToken, second.refreshToken);
  const before = await log.head();
  clock.forward(1_000);
  assert.equal(await codeOf(identity.refresh(refreshToken)), 'INVALID_REFRESH_TOKEN');
  assert.equal(await codeOf(identity.refresh(second.refreshToken)), 'INVALID_REFRESH_TOKEN');
  assert.equal(await codeOf(identity.authenticate(second.accessToken)), 'INVALID_TOKEN');
  assert.equal(await codeOf(identity.authenticate(accessToken)), 'INVALID_TOKEN');
  const topic = topicOf('user', principal.account);
  assert.deepEqual(await revocations(house, before), [{ topic, body: { sessions: [principal.sessionId] } }]);
  await identity.authenticate(other.accessToken);
});

test('[social:rule refresh token 7 days] a session ends 7 days after its login, however often it was refreshed', async (t) => {
  const { identity, clock } = await openTestIdentity(t);
  let { refreshToken, accessToken } = await identity.register(ada, here);
  for (let n = 0; n < 6; n += 1) {
    clock.forward(day);
    ({ refreshToken, accessToken } = await identity.refresh(refreshToken));
  }
  clock.forward(day - 60_000);
  ({ refreshToken, accessToken } = await identity.refresh(refreshToken));
  clock.forward(59_000);
  await identity.authenticate(accessToken);
  clock.forward(1_000);
  assert.equal(await codeOf(identity.authenticate(accessToken)), 'INVALID_TOKEN');
  assert.equal(await codeOf(identity.refresh(refreshToken)), 'INVALID_REFRESH_TOKEN');
  assert.equal(await codeOf(identity.authenticate(accessToken, { continuation: true })), 'INVALID_TOKEN');
});

test('[social:rule access token 15 minutes] expired tokens are refused, except to continue a connection for 12 hours', async (t) => {
  const { identity, clock } = await openTestIdentity(t);
  const { accessToken, principal } = await identity.register(ada, here);
  clock.forward(899_000);
  await identity.authenticate(accessToken);
  clock.forward(1_000);
  assert.equal(await codeOf(identity.authenticate(accessToken)), 'INVALID_TOKEN');
  const continued = { ...principal, until: clock.now() - 900_000 + 12 * 3_600_000 };
  assert.deepEqual(await identity.authenticate(accessToken, { continuation: true }), continued);
  clock.forward(12 * 3_600_000 - 900_000);
  assert.deepEqual(await identity.authenticate(accessToken, { continuation: true }), continued);
  clock.forward(1_000);
  assert.equal(await codeOf(identity.authenticate(accessToken, { continuation: true })), 'INVALID_TOKEN');
});

test('a continuation ends with its session', async (t) => {
  const { identity, clock } = await openTestIdentity(t);
  const { accessToken, refreshToken, principal } = await identity.register(ada, here);
  clock.forward(1_000_000);
  await identity.logout(principal, refreshToken);
  assert.equal(await codeOf(identity.authenticate(accessToken, { continuation: true })), 'INVALID_TOKEN');
});

test("logout ends the session of the given token and no other; somebody else's token is refused", async (t) => {
  const house = await openTestIdentity(t);
  const { identity, log } = house;
  const phone = await identity.register(ada, here);
  const laptop = await identity.login(ada, here);
  const stranger = await identity.register(bob, here);
  assert.equal(await codeOf(identity.logout(stranger.principal, phone.refreshToken)), 'INVALID_REFRESH_TOKEN');
  await identity.authenticate(phone.accessToken);
  const before = await log.head();
  await identity.logout(laptop.principal, phone.refreshToken);
  assert.equal(await codeOf(identity.authenticate(phone.accessToken)), 'INVALID_TOKEN');
  assert.equal(await codeOf(identity.refresh(phone.refreshToken)), 'INVALID_REFRESH_TOKEN');
  await identity.authenticate(laptop.accessToken);
  await identity.logout(laptop.principal, phone.refreshToken);
  await identity.logout(laptop.principal, 'rt_unknown');
  assert.equal(await codeOf(identity.authenticate(laptop.accessToken)), 'INVALID_TOKEN');
  const topic = topicOf('user', phone.principal.account);
  assert.deepEqual(await revocations(house, before), [
    { topic, body: { sessions: [phone.principal.sessionId] } },
    { topic, body: { sessions: [laptop.principal.sessionId] } },
  ]);
});

test('[social:rule logout-all revokes all devices] in one row, for one account', async (t) => {
  const house = await openTestIdentity(t);
  const { identity, log } = house;
  const first = await identity.register(ada, here);
  const second = await identity.login(ada, here);
  const stranger = await identity.register(bob, here);
  const before = await log.head();
  await identity.logoutAll(first.principal);
  for (const { accessToken, refreshToken } of [first, second]) {
    assert.equal(await codeOf(identity.authenticate(accessToken)), 'INVALID_TOKEN');
    assert.equal(await codeOf(identity.refresh(refreshToken)), 'INVALID_REFRESH_TOKEN');
  }
  await identity.authenticate(stranger.accessToken);
  const [row, ...more] = await revocations(house, before);
  assert.ok(row);
  const { sessions } = row.body as { sessions: string[] };
  assert.deepEqual(sessions.toSorted(), [first.principal.sessionId, second.principal.sessionId].toSorted());
  assert.deepEqual(more, []);
});

test('sessions that ended by time are forgotten with their tokens, in slices', async (t) => {
  const { identity, clock, sql } = await openTestIdentity(t);
  const people = Array.from({ length: 30 }, (_, n) => ({ username: `p${n}`, email: `p${n}@example.org` }));
  await identity.provision(people);
  clock.forward(7 * day);
  const [kept] = await identity.provision(people.slice(0, 1));
  assert.ok(kept);
  assert.equal(await identity.forgetExpired(20), 20);
  assert.equal(await identity.forgetExpired(20), 10);
  assert.equal((await sql.statement('SELECT hash FROM refresh_tokens').all()).length, 1);
  await identity.authenticate(kept.accessToken);
});

test('a session that is forgotten was live to its sockets: they hear of it, once for each account', async (t) => {
  const house = await openTestIdentity(t);
  const { identity, clock, log } = house;
  const phone = await identity.register(ada, here);
  const laptop = await identity.login(ada, here);
  const left = await identity.login(ada, here);
  const stranger = await identity.register(bob, here);
  await identity.logout(left.principal, left.refreshToken);
  clock.forward(7 * day);
  const before = await log.head();
  assert.equal(await identity.forgetExpired(10), 4);
  const rows = await revocations(house, before);
  const said = rows.map(({ topic, body }) => ({
    topic,
    sessions: (body as { sessions: string[] }).sessions.toSorted(),
  }));
  assert.deepEqual(
    said.toSorted((one, other) => one.topic - other.topic),
    [
      {
        topic: topicOf('user', phone.principal.account),
        sessions: [phone.principal.sessionId, laptop.principal.sessionId].toSorted(),
      },
      { topic: topicOf('user', stranger.principal.account), sessions: [stranger.principal.sessionId] },
    ],
  );
});

test('logout-all names also a session that ended by time and is not forgotten yet', async (t) => {
  const house = await openTestIdentity(t);
  const { identity, clock, log } = house;
  const old = await identity.register(ada, here);
  clock.forward(7 * day);
  const { principal } = await identity.login(ada, here);
  const before = await log.head();
  await identity.logoutAll(principal);
  const [row] = await revocations(house, before);
  assert.ok(row);
  const { sessions } = row.body as { sessions: string[] };
  assert.deepEqual(sessions.toSorted(), [old.principal.sessionId, principal.sessionId].toSorted());
});

test('what a token proves ends with its session, and for an expired one 12 hours after it was issued', async (t) => {
  const { identity, clock } = await openTestIdentity(t);
  const issued = clock.now();
  const { accessToken } = await identity.register(ada, here);
  assert.equal((await identity.authenticate(accessToken)).until, issued + 7 * day);
  assert.equal((await identity.authenticate(accessToken, { continuation: true })).until, issued + 7 * day);
  clock.forward(1_000_000);
  assert.equal((await identity.authenticate(accessToken, { continuation: true })).until, issued + day / 2);
  clock.forward(6.7 * day);
  const late = await identity.login(ada, here);
  assert.equal((await identity.authenticate(late.accessToken)).until, clock.now() + 7 * day);
});

test('who ends their last session, by its id too, is not there because they signed in just before', async (t) => {
  const { identity } = await openTestIdentity(t);
  const { principal: first } = await identity.register(ada, here);
  const { principal: second } = await identity.login(ada, here);
  await identity.endSession(second, first.sessionId);
  assert.equal((await identity.me(second)).isOnline, true);
  await identity.endSession(second, second.sessionId);
  assert.equal((await identity.profileOf(second.id)).isOnline, false);
});
