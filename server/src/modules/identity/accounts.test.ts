import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf, here, openTestIdentity, testSecret } from '../../../test/support/identity.ts';
import { UnlimitedLimits } from '../../infra/limits/limits.none.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { buildIdentity } from './identity.ts';
import { argon2Passwords } from './passwords.ts';

const ada = { username: 'ada', email: 'Ada@Example.org', password: 'Password123' };

test('a registration opens a session whose token is accepted; the email is kept in one spelling', async (t) => {
  const { identity, clock } = await openTestIdentity(t);
  const made = await identity.register(ada, here);
  assert.deepEqual(await identity.authenticate(made.accessToken), made.principal);
  assert.deepEqual(await identity.me(made.principal), {
    id: made.principal.id,
    username: 'ada',
    email: 'ada@example.org',
    avatar: null,
    statusMessage: null,
    role: 'GUEST',
    lastSeen: clock.now(),
    isOnline: true,
    createdAt: clock.now(),
    updatedAt: clock.now(),
  });
  const login = await identity.login({ email: ' ADA@example.ORG ', password: ada.password }, here);
  assert.equal(login.principal.account, made.principal.account);
  assert.notEqual(login.principal.sessionId, made.principal.sessionId);
});

test('an email or a username exists once, in whatever case, also for parallel callers', async (t) => {
  const { identity } = await openTestIdentity(t);
  const attempts = Array.from({ length: 8 }, (_, n) => identity.register({ ...ada, username: `ada${n}` }, here));
  const settled = await Promise.allSettled(attempts);
  assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
  assert.equal(
    await codeOf(identity.register({ ...ada, username: 'other', email: 'aDA@example.org' }, here)),
    'EMAIL_TAKEN',
  );
  const winner = (await identity.login(ada, here)).profile.username;
  const twin = { ...ada, email: 'twin@example.org', username: winner.toUpperCase() };
  assert.equal(await codeOf(identity.register(twin, here)), 'USERNAME_TAKEN');
});

test('the rules of an account are identity’s own, for whoever makes one, and it takes no other types', async (t) => {
  const { identity } = await openTestIdentity(t);
  const unfit = [
    ...['Passw0r', `Aa1${'x'.repeat(126)}`, 'password123', 'PASSWORD123', 'Passwordabc'].map((password) => ({
      password,
    })),
    ...['ab', 'a b@c', 'x'.repeat(51), 'é'.repeat(3), ' ada'].map((username) => ({ username })),
    ...['ada', 'a b@c', 'ada@', '@example.org', ''].map((email) => ({ email })),
  ];
  for (const wrong of unfit) {
    const person = { ...ada, ...wrong };
    assert.equal(await codeOf(identity.register(person, here)), 'INVALID_INPUT', JSON.stringify(wrong));
    assert.equal(await codeOf(identity.createAdmin(person)), 'INVALID_INPUT', JSON.stringify(wrong));
  }
  const short = await identity.createAdmin({ email: 'x@example.org', password: ada.password });
  assert.equal(short.username, 'x__');
  const pollution = JSON.parse('{"email":{"$gt":""},"password":"Password123"}');
  assert.equal(await codeOf(identity.login(pollution, here)), 'INVALID_INPUT');
});

test('in development exactly one of several first persons becomes ADMIN, and nobody in production', async (t) => {
  const people = Array.from({ length: 6 }, (_, n) => ({ ...ada, username: `person${n}`, email: `p${n}@example.org` }));
  const development = await openTestIdentity(t, { NODE_ENV: 'development' });
  await development.identity.provision([{ username: 'demo', email: 'demo@example.org' }]);
  const made = await Promise.all(people.map((person) => development.identity.register(person, here)));
  assert.equal(made.filter(({ profile }) => profile.role === 'ADMIN').length, 1);
  const visited = await openTestIdentity(t, { NODE_ENV: 'development' });
  const byPage = await visited.identity.register(ada, { ...here, foreign: true });
  assert.equal(byPage.profile.role, 'GUEST');
  const production = await openTestIdentity(t);
  assert.equal((await production.identity.register(ada, here)).profile.role, 'GUEST');
});

test('threat X-1: no body gives a role: unknown fields of a registration are ignored', async (t) => {
  const { identity } = await openTestIdentity(t);
  const body = JSON.parse(
    '{"username":"eve","email":"eve@example.org","password":"Password123","role":"ADMIN","roles":["ADMIN"],"isManager":true,"__proto__":{"role":"ADMIN"},"constructor":{"prototype":{"role":"ADMIN"}}}',
  );
  const { profile, principal } = await identity.register(body, here);
  assert.equal(profile.role, 'GUEST');
  assert.equal(principal.role, 'GUEST');
});

test('threat G-4: of 100 parallel wrong passwords exactly the limit is verified, and success forgets the account its failures', async (t) => {
  const { identity, clock } = await openTestIdentity(t, { LOGIN_ATTEMPTS: { count: 10, seconds: 900 } });
  await identity.register(ada, here);
  const from = (n: number) => ({ address: `198.51.100.${n}`, device: null, foreign: false });
  const wrong = { email: ada.email, password: 'Wrong-password1' };
  const codes = await Promise.all(Array.from({ length: 100 }, (_, n) => codeOf(identity.login(wrong, from(n)))));
  assert.equal(codes.filter((code) => code === 'INVALID_CREDENTIALS').length, 10);
  assert.equal(codes.filter((code) => code === 'RATE_LIMITED').length, 90);
  assert.equal(await codeOf(identity.login(ada, from(200))), 'RATE_LIMITED');
  clock.forward(900_000);
  for (let round = 0; round < 3; round += 1) {
    for (let n = 0; n < 9; n += 1) assert.equal(await codeOf(identity.login(wrong, from(n))), 'INVALID_CREDENTIALS');
    await identity.login(ada, from(201));
  }
});

test('threat G-4: attempts are counted by address too: only failures, and IPv6 by its network', async (t) => {
  const { identity } = await openTestIdentity(t, { LOGIN_ATTEMPTS: { count: 5, seconds: 900 } });
  await identity.register(ada, here);
  const from = (n: number) => ({ address: `2001:db8::${n}`, device: null, foreign: false });
  for (let n = 1; n < 12; n += 1) await identity.login(ada, from(n));
  for (let n = 1; n <= 5; n += 1) {
    const stranger = { email: `nobody${n}@example.org`, password: 'Password123' };
    assert.equal(await codeOf(identity.login(stranger, from(n))), 'INVALID_CREDENTIALS');
  }
  assert.equal(await codeOf(identity.login(ada, from(99))), 'RATE_LIMITED');
  await identity.login(ada, here);
});

test('threat G-3: who has no account, or none with a password, is refused with the same words after the same work', async (t) => {
  const { identity } = await openTestIdentity(t);
  await identity.register(ada, here);
  await identity.provision([{ username: 'demo', email: 'demo@example.org' }]);
  const time = async (email: string) => {
    const started = performance.now();
    assert.equal(await codeOf(identity.login({ email, password: 'Wrong-password1' }, here)), 'INVALID_CREDENTIALS');
    return performance.now() - started;
  };
  const median = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  const times: Record<'known' | 'unknown' | 'demo', number[]> = { known: [], unknown: [], demo: [] };
  for (let n = 0; n < 15; n += 1) {
    times.known.push(await time(ada.email));
    times.unknown.push(await time(`nobody${n}@example.org`));
    times.demo.push(await time('demo@example.org'));
  }
  // A hash takes tens of milliseconds and everything else a few tenths: left out, it would show as a tenth or less.
  for (const kind of ['unknown', 'demo'] as const) assert.ok(median(times[kind]) > median(times.known) / 2);
});

test('hashing is bounded: what does not fit into the queue is refused at once', async () => {
  const passwords = argon2Passwords();
  const results = await Promise.allSettled(Array.from({ length: 110 }, () => passwords.hash('Password123')));
  const refused = results.filter(({ status }) => status === 'rejected');
  assert.equal(refused.length, 7);
  assert.equal(
    await codeOf(Promise.reject(refused[0]?.status === 'rejected' ? refused[0].reason : null)),
    'UNAVAILABLE',
  );
  const stored = await passwords.hash('Password123');
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  assert.equal(await passwords.verify('Password123', stored), true);
  assert.equal(await passwords.verify('Password124', stored), false);
  assert.equal(await passwords.verify('Password123', null), false);
});

test('provision makes many accounts in one transaction, in order, and gives the same people a new session', async (t) => {
  const { identity } = await openTestIdentity(t);
  const people = Array.from({ length: 1_200 }, (_, n) => ({ username: `demo_${n}`, email: `demo${n}@example.org` }));
  const made = await identity.provision(people);
  assert.deepEqual(
    made.map(({ profile }) => profile.username),
    people.map(({ username }) => username),
  );
  const last = made.at(-1);
  assert.ok(last);
  assert.deepEqual(await identity.authenticate(last.accessToken), last.principal);
  const again = await identity.provision(people.slice(0, 2));
  assert.equal(again[1]?.principal.account, made[1]?.principal.account);
  assert.notEqual(again[1]?.principal.session, made[1]?.principal.session);
  assert.equal(await codeOf(identity.login({ email: 'demo0@example.org', password: '' }, here)), 'INVALID_CREDENTIALS');
});

test('an email is no identity: provisioning gives no session for an account with a password', async (t) => {
  const { identity } = await openTestIdentity(t);
  await identity.register(ada, here);
  const people = [
    { username: 'bob', email: 'bob@example.org' },
    { username: 'x', email: 'ADA@example.org' },
  ];
  assert.equal(await codeOf(identity.provision(people)), 'EMAIL_TAKEN');
  await identity.register({ ...ada, username: 'bob', email: 'bob@example.org' }, here);
});

test('an administrator is made once; a role change is heard of and holds for tokens that are out', async (t) => {
  const { identity, log } = await openTestIdentity(t, { NODE_ENV: 'development' });
  const boss = await identity.createAdmin({ email: 'boss@example.org', password: 'Password123' });
  assert.deepEqual([boss.role, boss.username], ['ADMIN', 'boss']);
  assert.equal(
    await codeOf(identity.createAdmin({ email: 'BOSS@example.org', password: 'Other-pass1' })),
    'EMAIL_TAKEN',
  );
  const made = await identity.register(ada, here);
  assert.equal(made.profile.role, 'GUEST');
  const before = await log.head();
  assert.equal((await identity.setRole('ADA@example.org', 'HR')).role, 'HR');
  assert.equal((await identity.authenticate(made.accessToken)).role, 'HR');
  const [row] = await log.rowsAfter(before, 10);
  assert.deepEqual([row?.topic, row?.type], [topicOf('user', made.principal.account), 'account.role']);
  assert.deepEqual(row?.body, { role: 'HR' });
  assert.equal(await codeOf(identity.setRole('nobody@example.org', 'HR')), 'ACCOUNT_NOT_FOUND');
});

test('people are found by id in any case and by number; unknown ids are missing', async (t) => {
  const { identity } = await openTestIdentity(t);
  const { principal } = await identity.register(ada, here);
  const person = { account: principal.account, id: principal.id, username: 'ada', avatar: null };
  assert.deepEqual(await identity.findAccount(principal.id.toUpperCase()), person);
  assert.equal(await identity.findAccount('no id'), undefined);
  assert.equal(await identity.findAccount('00000000-0000-7000-8000-000000000000'), undefined);
  const ids = [principal.id, 'no id', '00000000-0000-7000-8000-000000000000'];
  assert.deepEqual([...(await identity.peopleByIds(ids))], [[principal.id, person]]);
  assert.deepEqual([...(await identity.peopleByAccounts([principal.account, 999_999]))], [[principal.account, person]]);
  assert.equal((await identity.profileOf(principal.id)).email, 'ada@example.org');
  assert.equal(await codeOf(identity.profileOf('no id')), 'ACCOUNT_NOT_FOUND');
});

test('a service key works by itself, is stored as a hash, and is no access token', async (t) => {
  const { identity, sql, log, clock } = await openTestIdentity(t);
  const made = await identity.createKey({ name: 'back end', scopes: ['push:send'] });
  assert.match(made.key, /^rk_[\w-]{43}$/);
  assert.deepEqual(await identity.authenticateKey(made.key), { id: made.id, name: 'back end', scopes: ['push:send'] });
  for (const key of ['', 'rk_', `${made.key}x`, made.key.slice(0, -1)]) {
    assert.equal(await codeOf(identity.authenticateKey(key)), 'INVALID_KEY');
  }
  assert.equal(await codeOf(identity.authenticate(made.key)), 'INVALID_TOKEN');
  const [stored] = await sql.statement<{ hash: Uint8Array }>('SELECT hash FROM service_keys').all();
  assert.equal(stored?.hash.length, 32);
  const config = {
    NODE_ENV: 'production',
    ACCESS_TOKEN_SECONDS: 900,
    LOGIN_ATTEMPTS: { count: 1, seconds: 1 },
  } as const;
  const restarted = buildIdentity({
    sql,
    log,
    clock,
    limits: new UnlimitedLimits(clock),
    secret: testSecret,
    config,
    isOnline: () => false,
    leftAt: () => 0,
    onDelete: async () => {},
  });
  assert.equal((await restarted.authenticateKey(made.key)).id, made.id);
});
