import assert from 'node:assert/strict';
import test from 'node:test';
import { Random } from '../../../test/faults/random.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { type House, openHouse } from '../../../test/support/messaging.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { MemberRole } from './schema.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

async function people<const Count extends number>(house: House, count: Count): Promise<Principal[]> {
  const made = await house.people(count);
  assert.equal(made.length, count);
  return made;
}

async function four(house: House): Promise<[Principal, Principal, Principal, Principal]> {
  const [ada, bob, carol, dan] = await people(house, 4);
  assert.ok(ada && bob && carol && dan);
  return [ada, bob, carol, dan];
}

/** Who is what, in the order of the accounts. */
async function rolesIn({ groups }: House, reader: Principal, group: string): Promise<[string, MemberRole][]> {
  return (await groups.read(reader, group)).members.map(({ userId, role }) => [userId, role]);
}

const joinedLater = async (house: House, by: Principal, group: string, ...members: readonly Principal[]) => {
  for (const member of members) {
    house.clock.forward(1);
    await house.groups.addMember(by, group, { userId: member.id, key: null });
  }
};

/** Topics that the account reads now, besides its own. */
const reads = async ({ log }: House, who: Principal): Promise<number> =>
  (await log.intervals(who.account, 0)).slice(1).filter(({ to }) => to === null).length;

test('whoever leaves hears of it last, and reads nothing of the group that comes after', async (t) => {
  const house = await openHouse(t);
  const { groups, log } = house;
  const [ada, bob] = await four(house);
  const group = await house.group(ada, bob);
  await groups.leave(bob, group, null);
  const head = await log.head();
  const [row] = await log.rowsAfter(head - 1, 1);
  const topic = topicOf('group', (await groups.find(group))?.group ?? 0);
  assert.deepEqual(
    [row?.type, row?.topic, row?.peer, row?.body],
    ['group.member_removed', topic, topicOf('user', bob.account), { groupId: group, userId: bob.id }],
  );
  const [, interval] = await log.intervals(bob.account, 0);
  assert.equal(interval?.to, head);
  assert.equal(await codeOf(groups.leave(bob, group, null)), 'NOT_A_MEMBER');
  assert.deepEqual(await rolesIn(house, ada, group), [[ada.id, 'OWNER']]);
});

test('after an owner the oldest admin follows, else the oldest member; the last one out ends the group', async (t) => {
  const house = await openHouse(t);
  const { groups } = house;
  const [ada, bob, carol, dan] = await four(house);
  const group = await house.group(ada);
  await joinedLater(house, ada, group, dan, carol, bob);
  await groups.setRole(ada, group, { userId: bob.id, role: 'ADMIN' });
  await groups.leave(ada, group, null);
  assert.deepEqual(await rolesIn(house, bob, group), [
    [bob.id, 'OWNER'],
    [carol.id, 'MEMBER'],
    [dan.id, 'MEMBER'],
  ]);
  await groups.leave(bob, group, null);
  assert.deepEqual(await rolesIn(house, dan, group), [
    [carol.id, 'MEMBER'],
    [dan.id, 'OWNER'],
  ]);
  await groups.leave(carol, group, null);
  await groups.leave(dan, group, null);
  for (const who of [ada, dan]) assert.equal(await codeOf(groups.read(who, group)), 'GROUP_NOT_FOUND');
  assert.equal(await reads(house, dan), 0);
});

test('a deleted group is nothing to anybody: no reader, no member, no message to it', async (t) => {
  const house = await openHouse(t);
  const { groups, messaging } = house;
  const [ada, bob] = await four(house);
  const { id } = await groups.create(ada, { title: 'x', type: 'PUBLIC' }, null);
  await groups.addMember(ada, id, { userId: bob.id, role: 'ADMIN', key: null });
  const { id: message } = await messaging.send(bob, { content: 'a', groupId: id });
  assert.equal(await codeOf(groups.remove(bob, id)), 'OWNER_ONLY');
  await groups.remove(ada, id);
  const acts = [
    () => groups.read(ada, id),
    () => groups.update(ada, id, { title: 'y' }),
    () => groups.remove(ada, id),
    () => groups.join(bob, id, null),
    () => groups.leave(bob, id, null),
    () => groups.members(ada, id, { page: 1, limit: 20 }),
    () => messaging.send(bob, { content: 'b', groupId: id }),
    () => messaging.groupHistory(bob, id, { page: 1, limit: 20 }),
  ];
  for (const act of acts) assert.equal(await codeOf(act()), 'GROUP_NOT_FOUND');
  assert.equal(await codeOf(messaging.read(bob, message)), 'MESSAGE_NOT_FOUND');
  assert.deepEqual([await reads(house, ada), await reads(house, bob)], [0, 0]);
  assert.deepEqual(await groups.list(ada, { page: 1, limit: 20 }), { groups: [], total: 0 });
});

test('threat S-2: nobody removes the owner, and an admin only the owner does; who was removed comes back only when added', async (t) => {
  const house = await openHouse(t);
  const { groups } = house;
  const [ada, bob, carol, dan] = await four(house);
  const { id } = await groups.create(ada, { title: 'x', type: 'PUBLIC' }, null);
  await groups.addMember(ada, id, { userId: bob.id, role: 'ADMIN', key: null });
  await groups.addMember(ada, id, { userId: carol.id, role: 'ADMIN', key: null });
  await groups.join(dan, id, null);
  assert.equal(await codeOf(groups.join(dan, id, null)), 'ALREADY_MEMBER');
  assert.equal(await codeOf(groups.removeMember(bob, id, ada.id)), 'NOT_BELOW');
  assert.equal(await codeOf(groups.removeMember(ada, id, ada.id)), 'NOT_BELOW');
  assert.equal(await codeOf(groups.removeMember(bob, id, carol.id)), 'NOT_BELOW');
  assert.equal(await codeOf(groups.removeMember(dan, id, carol.id)), 'NOT_ALLOWED');
  assert.equal(await codeOf(groups.removeMember(bob, id, nobody)), 'MEMBER_NOT_FOUND');
  assert.equal(await codeOf(groups.removeMember(bob, id, 'nonsense')), 'MEMBER_NOT_FOUND');
  await groups.removeMember(bob, id, dan.id);
  assert.equal(await codeOf(groups.removeMember(bob, id, dan.id)), 'MEMBER_NOT_FOUND');
  assert.equal(await codeOf(groups.join(dan, id, null)), 'WAS_REMOVED');
  await groups.addMember(bob, id, { userId: dan.id, key: null });
  await groups.leave(dan, id, null);
  await groups.join(dan, id, null);
  await groups.removeMember(ada, id, carol.id);
  assert.deepEqual(await rolesIn(house, ada, id), [
    [ada.id, 'OWNER'],
    [bob.id, 'ADMIN'],
    [dan.id, 'MEMBER'],
  ]);
});

test('only a PUBLIC group can be joined, and a SECRET one does not exist', async (t) => {
  const house = await openHouse(t);
  const { groups } = house;
  const [ada, bob] = await four(house);
  const closed = await house.group(ada);
  const secret = await groups.create(ada, { title: 'x', type: 'SECRET' }, null);
  assert.equal(await codeOf(groups.join(bob, closed, null)), 'NOT_OPEN');
  assert.equal(await codeOf(groups.join(bob, secret.id, null)), 'GROUP_NOT_FOUND');
  await groups.update(ada, closed, { type: 'PUBLIC' });
  await groups.join(bob, closed, null);
  assert.equal(await reads(house, bob), 1);
});

test('the owner alone gives roles, and keeps the group until somebody else has it', async (t) => {
  const house = await openHouse(t);
  const { groups } = house;
  const [ada, bob, carol] = await four(house);
  const group = await house.group(ada, bob, carol);
  const role = (by: Principal, who: Principal, wanted: MemberRole) =>
    groups.setRole(by, group, { userId: who.id, role: wanted });
  assert.equal(await codeOf(role(bob, bob, 'ADMIN')), 'OWNER_ONLY');
  await role(ada, bob, 'ADMIN');
  assert.equal(await codeOf(role(bob, carol, 'ADMIN')), 'OWNER_ONLY');
  assert.equal(await codeOf(role(ada, ada, 'MEMBER')), 'OWNER_HANDS_OVER');
  assert.equal(await codeOf(groups.setRole(ada, group, { userId: nobody, role: 'ADMIN' })), 'MEMBER_NOT_FOUND');
  await role(ada, carol, 'OWNER');
  assert.equal(await codeOf(role(ada, ada, 'OWNER')), 'OWNER_ONLY');
  assert.deepEqual(await rolesIn(house, ada, group), [
    [ada.id, 'ADMIN'],
    [bob.id, 'ADMIN'],
    [carol.id, 'OWNER'],
  ]);
});

test('a role that somebody has already, and changes that change nothing, leave no row', async (t) => {
  const house = await openHouse(t);
  const { groups, log } = house;
  const [ada, bob] = await four(house);
  const group = await house.group(ada, bob);
  const before = await groups.update(ada, group, { title: 'y', description: 'z' });
  const head = await log.head();
  house.clock.forward(1_000);
  assert.deepEqual(await groups.update(ada, group, {}), before);
  assert.deepEqual(await groups.update(ada, group, { title: 'y', cover: null }), before);
  await groups.setRole(ada, group, { userId: bob.id, role: 'MEMBER' });
  await groups.setRole(ada, group, { userId: ada.id, role: 'OWNER' });
  assert.equal(await log.head(), head);
  assert.equal(await codeOf(groups.update(bob, group, { title: 'x' })), 'NOT_ALLOWED');
  const changed = await groups.update(ada, group, { description: null });
  assert.deepEqual([changed.title, changed.description, changed.updatedAt], ['y', null, house.clock.now()]);
});

test('whoever blocked somebody is not added to a group by them', async (t) => {
  const house = await openHouse(t);
  const { groups, identity } = house;
  const [ada, bob] = await four(house);
  const group = await house.group(ada);
  await identity.block(bob, ada.id);
  assert.equal(await codeOf(groups.addMember(ada, group, { userId: bob.id, key: null })), 'BLOCKED');
  await identity.unblock(bob, ada.id);
  await identity.block(ada, bob.id);
  await groups.addMember(ada, group, { userId: bob.id, key: null });
});

test('threat S-2: 500 promotions, handovers and leaves at once: every group that has members has one owner', async (t) => {
  const house = await openHouse(t);
  const { groups, sql } = house;
  const all = await people(house, 25);
  const [owner, ...others] = all;
  assert.ok(owner);
  const group = await house.group(owner, ...others);
  for (const { id } of others.slice(0, 12)) await groups.setRole(owner, group, { userId: id, role: 'ADMIN' });
  const random = new Random(2_026);
  const acts = Array.from({ length: 500 }, (_, index) => {
    const by = random.pick(all);
    const who = random.pick(all);
    const kind = index % 10;
    if (kind === 0) return groups.leave(by, group, null);
    if (kind === 1) return groups.removeMember(by, group, who.id);
    if (kind < 5) return groups.addMember(by, group, { userId: who.id, key: null });
    return groups.setRole(by, group, { userId: who.id, role: random.chance(0.5) ? 'OWNER' : 'ADMIN' });
  });
  const outcomes = await Promise.allSettled(acts);
  const unexpected = outcomes.filter(
    (one) => one.status === 'rejected' && (!('error' in one.reason) || one.reason.error.kind === 'unavailable'),
  );
  assert.deepEqual(unexpected, []);
  assert.ok(outcomes.filter(({ status }) => status === 'fulfilled').length > 20);
  const tables = sql.read.withTables<{
    group_members: { account: number; role: string };
    groups: { members: number };
    readers: { account: number; topic: number; to_seq: number | null };
  }>();
  const members = await tables.selectFrom('group_members').selectAll().orderBy('account').execute();
  const readers = await tables.selectFrom('readers').select('account').where('to_seq', 'is', null).execute();
  assert.ok(members.length > 0);
  assert.equal(members.filter(({ role }) => role === 'OWNER').length, 1);
  assert.equal((await tables.selectFrom('groups').select('members').executeTakeFirst())?.members, members.length);
  assert.deepEqual(
    readers.map(({ account }) => account).sort((a, b) => a - b),
    members.map(({ account }) => account),
  );
});

test('a deleted account leaves every group, and each has an owner after it', async (t) => {
  const house = await openHouse(t);
  const { groups, log } = house;
  const [ada, bob, carol, dan] = await four(house);
  const shared = await house.group(ada, bob);
  const large = await house.group(ada);
  await joinedLater(house, ada, large, dan, carol, bob);
  await groups.setRole(ada, large, { userId: bob.id, role: 'ADMIN' });
  const old = await house.group(ada);
  await joinedLater(house, ada, old, dan, carol);
  const alone = await house.group(ada);
  const foreign = await house.group(bob, ada);
  const heard: [string, number[]][] = [];
  groups.departures = {
    left: async (_, left) => void heard.push(['left', [...left]]),
    ended: async (_, ended) => void heard.push(['ended', [...ended]]),
  };
  const head = await log.head();
  await log.write((transaction) => groups.leaveAll(transaction, ada));
  const numbers = await Promise.all([shared, large, old, foreign].map(async (id) => (await groups.find(id))?.group));
  assert.deepEqual(heard, [
    ['ended', [(await groups.find(alone))?.group]],
    ['left', numbers],
  ]);
  const told = (await log.rowsAfter(head, 100)).filter(({ topic }) => topic === topicOf('group', numbers[1] ?? 0));
  assert.deepEqual(
    told.map(({ type, body }) => [type, Object(body).userId]),
    [
      ['group.member_removed', ada.id],
      ['group.role_changed', bob.id],
    ],
  );
  assert.deepEqual(await rolesIn(house, bob, shared), [[bob.id, 'OWNER']]);
  assert.deepEqual(await rolesIn(house, bob, foreign), [[bob.id, 'OWNER']]);
  const [b, c, d] = [bob, carol, dan].map(({ id }) => id);
  assert.deepEqual(await rolesIn(house, bob, large), [
    [b, 'OWNER'],
    [c, 'MEMBER'],
    [d, 'MEMBER'],
  ]);
  assert.deepEqual(await rolesIn(house, dan, old), [
    [c, 'MEMBER'],
    [d, 'OWNER'],
  ]);
  assert.equal(await codeOf(groups.read(ada, alone)), 'GROUP_NOT_FOUND');
  assert.equal(await reads(house, ada), 0);
});

test('one leaves once with a key, however often it is asked', async (t) => {
  const house = await openHouse(t);
  const { groups, log } = house;
  const [ada, bob] = await four(house);
  const group = await house.group(ada, bob);
  const head = await log.head();
  await Promise.all([1, 2, 3].map(() => groups.leave(bob, group, 'key-00001')));
  assert.equal(await log.head(), head + 1);
  await groups.addMember(ada, group, { userId: bob.id, key: null });
  await groups.leave(bob, group, 'key-00001');
  assert.equal(await reads(house, bob), 1, 'the key was used for another time');
});

test('lists go by pages and by key, and no key tells of a group that is not one’s own', async (t) => {
  const house = await openHouse(t);
  const { groups } = house;
  const [ada, bob, carol] = await four(house);
  const ids: string[] = [];
  for (let index = 0; index < 5; index += 1) ids.push(await house.group(ada, bob, carol));
  const titles = async (page: Parameters<typeof groups.list>[1]) =>
    (await groups.list(ada, page)).groups.map(({ id }) => ids.indexOf(id));
  assert.deepEqual(await titles({ page: 1, limit: 2 }), [4, 3]);
  assert.deepEqual(await titles({ page: 3, limit: 2 }), [0]);
  assert.deepEqual(await titles({ page: 4, limit: 2 }), []);
  assert.deepEqual(await titles({ page: 1, limit: 2, before: ids[3] ?? '' }), [2, 1]);
  assert.deepEqual(await titles({ page: 1, limit: 2, after: ids[1] ?? '' }), [3, 2]);
  assert.equal((await groups.list(ada, { page: 4, limit: 2 })).total, 5);
  const secret = await groups.create(bob, { title: 'x', type: 'SECRET' }, null);
  for (const before of [secret.id, nobody, 'nonsense']) {
    assert.equal(await codeOf(groups.list(ada, { page: 1, limit: 2, before })), 'GROUP_NOT_FOUND');
  }
  const members = async (page: Parameters<typeof groups.members>[2]) =>
    (await groups.members(ada, ids[0] ?? '', page)).members.map(({ userId }) =>
      [ada, bob, carol].findIndex(({ id }) => id === userId),
    );
  assert.deepEqual(await members({ page: 1, limit: 2 }), [0, 1]);
  assert.deepEqual(await members({ page: 2, limit: 2 }), [2]);
  assert.deepEqual(await members({ page: 1, limit: 2, after: ada.id }), [1, 2]);
  assert.deepEqual(await members({ page: 1, limit: 1, before: carol.id }), [1]);
  assert.equal(
    await codeOf(groups.members(ada, ids[0] ?? '', { page: 1, limit: 2, after: nobody })),
    'MEMBER_NOT_FOUND',
  );
});
