import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf } from '../../../test/support/identity.ts';
import { type House, openHouse } from '../../../test/support/messaging.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { GroupDraft, MemberRole } from './schema.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

async function four(house: House): Promise<[Principal, Principal, Principal, Principal]> {
  const [ada, bob, carol, dan] = await house.people(4);
  assert.ok(ada && bob && carol && dan);
  return [ada, bob, carol, dan];
}

const add = (
  { groups }: House,
  by: Principal,
  group: string,
  who: string,
  role: 'MEMBER' | 'ADMIN' = 'MEMBER',
  key: string | null = null,
) => groups.addMember(by, group, { userId: who, role, key });

test('who creates a group is its owner, and reads it from the row that says so', async (t) => {
  const house = await openHouse(t);
  const { groups, log, clock } = house;
  const [ada] = await four(house);
  const made = await groups.create(
    ada,
    { title: 'Team', description: 'é 🚀', cover: 'https://example.org/a.png', type: 'PUBLIC' },
    null,
  );
  const group = { title: 'Team', description: 'é 🚀', cover: 'https://example.org/a.png', type: 'PUBLIC' };
  assert.deepEqual(made, { ...group, id: made.id, createdAt: clock.now(), updatedAt: clock.now() });
  const found = await groups.read(ada, made.id);
  assert.deepEqual(found, { ...made, members: [{ userId: ada.id, username: 'p_1', avatar: null, role: 'OWNER' }] });
  const number = (await groups.find(made.id))?.group ?? 0;
  const head = await log.head();
  const interval = { topic: topicOf('group', number), from: head, to: null };
  assert.deepEqual((await log.intervals(ada.account, 0)).map((one) => ({ ...one })).slice(1), [interval]);
  const [row] = await log.rowsAfter(head - 1, 1);
  assert.deepEqual(
    [row?.topic, row?.peer, row?.body],
    [topicOf('group', number), topicOf('user', ada.account), { groupId: made.id, userId: ada.id }],
  );
  const plain = await groups.create(ada, { title: 'x' }, null);
  assert.deepEqual([plain.description, plain.cover, plain.type], [null, null, 'PRIVATE']);
});

test('the owner and admins add members; only the owner makes admins', async (t) => {
  const house = await openHouse(t);
  const { groups } = house;
  const [ada, bob, carol, dan] = await four(house);
  const group = await house.group(ada);
  assert.equal(await codeOf(add(house, bob, group, carol.id)), 'NOT_ALLOWED');
  await add(house, ada, group, bob.id);
  assert.equal(await codeOf(add(house, bob, group, carol.id)), 'NOT_ALLOWED');
  await add(house, ada, group, carol.id, 'ADMIN');
  assert.equal(await codeOf(add(house, carol, group, dan.id, 'ADMIN')), 'ADMIN_BY_OWNER');
  await add(house, carol, group, dan.id);
  assert.equal(await codeOf(add(house, ada, group, dan.id)), 'ALREADY_MEMBER');
  assert.equal(await codeOf(add(house, ada, group, ada.id)), 'ALREADY_MEMBER');
  assert.equal(await codeOf(add(house, ada, group, nobody)), 'USER_NOT_FOUND');
  assert.equal(await codeOf(add(house, ada, group, 'nonsense')), 'USER_NOT_FOUND');
  assert.equal(await codeOf(add(house, ada, nobody, bob.id)), 'GROUP_NOT_FOUND');
  assert.equal(await codeOf(add(house, ada, 'nonsense', bob.id)), 'GROUP_NOT_FOUND');
  const { members } = await groups.read(dan, group.toUpperCase());
  const roles: [string, MemberRole][] = [
    [ada.id, 'OWNER'],
    [bob.id, 'MEMBER'],
    [carol.id, 'ADMIN'],
    [dan.id, 'MEMBER'],
  ];
  assert.deepEqual(new Map(members.map(({ userId, role }) => [userId, role])), new Map(roles));
});

test('a refused addition leaves nothing: no member, no interval, no row, no number', async (t) => {
  const house = await openHouse(t);
  const { groups, log } = house;
  const [ada, bob] = await four(house);
  const group = await house.group(ada);
  await house.remove(bob);
  const head = await log.head();
  assert.equal(await codeOf(add(house, ada, group, bob.id)), 'USER_NOT_FOUND');
  assert.equal(await codeOf(add(house, ada, group, ada.id)), 'ALREADY_MEMBER');
  assert.equal(await log.head(), head);
  assert.equal((await log.intervals(bob.account, 0)).length, 1);
  assert.equal((await groups.read(ada, group)).members.length, 1);
});

test('two who add the same person at once: one is told so, and the person is a member once', async (t) => {
  const house = await openHouse(t);
  const { groups, log } = house;
  const [ada, bob] = await four(house);
  const group = await house.group(ada);
  const codes = await Promise.all(Array.from({ length: 8 }, () => codeOf(add(house, ada, group, bob.id))));
  assert.deepEqual(codes.sort(), [...Array.from({ length: 7 }, () => 'ALREADY_MEMBER'), 'no refusal']);
  assert.equal((await log.intervals(bob.account, 0)).length, 2);
  assert.equal((await groups.read(ada, group)).members.length, 2);
});

test('what a stranger sees of a group depends on its type', async (t) => {
  const house = await openHouse(t);
  const { groups } = house;
  const [ada, bob] = await four(house);
  const make = async (type: NonNullable<GroupDraft['type']>) =>
    (await groups.create(ada, { title: type, type }, null)).id;
  const [open, closed, secret] = [await make('PUBLIC'), await make('PRIVATE'), await make('SECRET')];
  assert.equal((await groups.read(bob, open)).members.length, 1);
  const seen = await groups.read(bob, closed);
  assert.deepEqual([seen.title, seen.members], ['PRIVATE', []]);
  assert.equal(await codeOf(groups.read(bob, secret)), 'GROUP_NOT_FOUND');
  assert.equal(await codeOf(add(house, bob, secret, bob.id)), 'GROUP_NOT_FOUND');
  assert.equal(await codeOf(add(house, bob, closed, bob.id)), 'NOT_ALLOWED');
  await add(house, ada, secret, bob.id);
  assert.equal((await groups.read(bob, secret)).members.length, 2);
  for (const id of [nobody, 'nonsense']) assert.equal(await codeOf(groups.read(ada, id)), 'GROUP_NOT_FOUND');
});

test('with a key a group is made, and a member added, once, however often and however fast it is asked', async (t) => {
  const house = await openHouse(t);
  const { groups, log } = house;
  const [ada, bob, carol] = await four(house);
  const made = await Promise.all(Array.from({ length: 6 }, () => groups.create(ada, { title: 'x' }, 'key-00001')));
  assert.equal(new Set(made.map(({ id }) => id)).size, 1);
  assert.equal(await codeOf(groups.create(ada, { title: 'y' }, 'key-00001')), 'KEY_REUSED');
  assert.notEqual((await groups.create(bob, { title: 'x' }, 'key-00001')).id, made[0]?.id);
  const group = made[0]?.id ?? '';
  const head = await log.head();
  const codes = await Promise.all(
    Array.from({ length: 6 }, () => codeOf(add(house, ada, group, bob.id, 'MEMBER', 'key-00002'))),
  );
  assert.deepEqual(new Set(codes), new Set(['no refusal']));
  assert.equal(await log.head(), head + 1);
  assert.equal(await codeOf(add(house, ada, group, carol.id, 'MEMBER', 'key-00002')), 'KEY_REUSED');
  // A refusal keeps no key.
  assert.equal(await codeOf(add(house, ada, group, nobody, 'MEMBER', 'key-00003')), 'USER_NOT_FOUND');
  await add(house, ada, group, carol.id, 'MEMBER', 'key-00003');
});
