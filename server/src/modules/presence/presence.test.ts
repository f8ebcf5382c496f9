import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import type { TestClock } from '../../../test/support/identity.ts';
import { type House, openHouse } from '../../../test/support/messaging.ts';
import type { Signal } from '../../infra/delivery/signal.ts';
import { isUserTopic, topicOf } from '../../infra/log/topic.ts';
import type { Later } from '../../kernel/clock.ts';
import type { Principal } from '../../kernel/principal.ts';
import { Presence } from './presence.ts';

const delay = 5_000;
const returning = 30_000;

/** What shall run later, by a clock that stands still until time passes. */
class Alarms {
  readonly #clock: TestClock;
  readonly #due = new Set<{ act: () => void; at: number }>();

  constructor(clock: TestClock) {
    this.#clock = clock;
  }

  readonly later: Later = (act, milliseconds) => {
    const alarm = { act, at: this.#clock.now() + milliseconds };
    this.#due.add(alarm);
    return () => void this.#due.delete(alarm);
  };

  pass(milliseconds: number): void {
    const end = this.#clock.now() + milliseconds;
    for (;;) {
      const [next] = [...this.#due].sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > end) break;
      this.#due.delete(next);
      this.#clock.forward(next.at - this.#clock.now());
      next.act();
    }
    this.#clock.forward(end - this.#clock.now());
  }
}

type Told = Signal & { except: readonly number[] };

type Blocked = ReadonlySet<number> | undefined;

/** Presence over a house, with timers that stand still until `pass` moves them. `reading` stands between it and the blocks. */
async function open(t: TestContext, reading = (read: () => Promise<Blocked>) => read()) {
  const house = await openHouse(t);
  const told: Told[] = [];
  const alarms = new Alarms(house.clock);
  const failures: unknown[] = [];
  const build = async (): Promise<Presence> => {
    const presence = new Presence({
      ...house,
      signal: (signal) => void told.push({ except: [], ...signal }),
      blocksAround: (account) => reading(() => house.identity.blocksAround(account)),
      isBlocked: (by, who) => house.identity.isBlocked(by, who),
      noteSeen: (accounts, at) => house.identity.noteSeen(accounts, at),
      later: alarms.later,
      onFailure: (error) => void failures.push(error),
      delay,
    });
    await presence.start();
    return presence;
  };
  const presence = await build();
  const pass = async (milliseconds: number): Promise<void> => {
    alarms.pass(milliseconds);
    await new Promise((resolve) => setImmediate(resolve));
  };
  /** Before the database goes: what is still being told reads it. */
  const end = async (): Promise<void> => {
    await presence.close();
    assert.deepEqual(failures, []);
  };
  return { house, presence, told, pass, again: build, end, failures };
}

/** Waits for so many signals and answers them, as `+` or `-` and the place of whom they are about. */
async function heard(told: readonly Told[], people: readonly Principal[], count: number): Promise<string[]> {
  const until = performance.now() + 8_000;
  while (told.length < count && performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
  return told.map(({ type, body }) => {
    const { userId } = body as { userId: string };
    return `${type === 'presence.online' ? '+' : '-'}${people.findIndex(({ id }) => id === userId)}`;
  });
}

/** So many people in one group. */
async function together(house: House, count: number): Promise<Principal[]> {
  const people = await house.people(count);
  const [owner, ...others] = people;
  assert.ok(owner);
  await house.group(owner, ...others);
  return people;
}

const at = (people: readonly Principal[], index: number): Principal => {
  const found = people[index];
  assert.ok(found);
  return found;
};

test('coming is said at once, going when the delay is over, and a reconnection in between not at all', async (t) => {
  const { house, presence, told, pass, end } = await open(t);
  const people = await together(house, 3);
  const [ada, bob, carol] = [at(people, 0), at(people, 1), at(people, 2)];
  presence.note(ada, true);
  assert.deepEqual(await heard(told, people, 1), ['+0']);
  await pass(delay);
  presence.note(ada, false);
  await pass(delay - 1);
  presence.note(ada, true);
  await pass(delay);
  presence.note(ada, false);
  await pass(delay - 1);
  presence.note(bob, true);
  assert.deepEqual(await heard(told, people, 2), ['+0', '+1']);
  await pass(1);
  assert.deepEqual(await heard(told, people, 3), ['+0', '+1', '-0']);
  presence.note(carol, true);
  assert.deepEqual(await heard(told, people, 4), ['+0', '+1', '-0', '+2']);
  await end();
});

test('whoever comes and goes all the time is said to change once in the delay at most, and in the end what is so', async (t) => {
  const { house, presence, told, pass, end } = await open(t);
  const people = await together(house, 2);
  const ada = at(people, 0);
  for (let change = 0; change < 400; change += 1) {
    presence.note(ada, change % 2 === 0);
    await pass(100);
    await heard(told, people, 1);
  }
  await pass(delay);
  // It never stayed away for the whole delay.
  assert.deepEqual(await heard(told, people, 2), ['+0', '-0']);
  for (let round = 0; round < 5; round += 1) {
    presence.note(ada, true);
    presence.note(ada, false);
    await pass(delay);
    await pass(1);
  }
  const said = await heard(told, people, 4);
  const changes = said.map((text) => text[0]);
  for (let index = 1; index < changes.length; index += 1) assert.notEqual(changes[index], changes[index - 1]);
  assert.ok(said.length <= 2 + 10, `${said.length} changes in ten delays`);
  await end();
});

test('a change that comes within the delay after the last is said when it is over', async (t) => {
  const { house, presence, told, pass, end } = await open(t);
  const people = await together(house, 3);
  const ada = at(people, 0);
  presence.note(ada, true);
  presence.note(ada, false);
  await heard(told, people, 1);
  await pass(delay);
  assert.deepEqual(await heard(told, people, 2), ['+0', '-0']);
  presence.note(ada, true);
  await pass(delay - 1);
  presence.note(at(people, 1), true);
  assert.deepEqual(await heard(told, people, 3), ['+0', '-0', '+1']);
  await pass(1);
  assert.deepEqual(await heard(told, people, 4), ['+0', '-0', '+1', '+0']);
  presence.note(ada, false);
  await pass(delay);
  assert.deepEqual((await heard(told, people, 5)).slice(4), ['-0']);
  await pass(delay);
  // The last change was said a delay ago: no time passes any more.
  presence.note(ada, true);
  assert.deepEqual((await heard(told, people, 6)).slice(4), ['-0', '+0']);
  await end();
});

test('those are told who share a group of up to 200 members or a direct conversation, but for whom one has blocked', async (t) => {
  const { house, presence, told, end } = await open(t);
  const { groups, identity, messaging, sql, log } = house;
  const [ada, bob, carol, dan, eve] = await house.people(5);
  assert.ok(ada && bob && carol && dan && eve);
  const small = await house.group(ada, dan);
  const large = await house.group(ada, eve);
  const number = async (id: string) => (await groups.find(id))?.group ?? 0;
  const group = await number(large);
  await log.write(async (transaction) => {
    const tables = transaction.sql.withTables<{ groups: { id: number; members: number } }>();
    await tables.updateTable('groups').set({ members: 201 }).where('id', '=', group).execute();
  });
  await messaging.send(bob, { content: 'x', receiverId: ada.id });
  await messaging.send(ada, { content: 'x', receiverId: carol.id });
  await messaging.send(ada, { content: 'x', receiverId: ada.id });
  await identity.block(ada, carol.id);
  presence.note(ada, true);
  await heard(told, [ada], 1);
  const [signal] = told;
  const topics = [topicOf('group', await number(small)), topicOf('user', bob.account), topicOf('user', carol.account)];
  assert.deepEqual([...(signal?.topics ?? [])].sort(), topics.sort());
  assert.deepEqual(signal?.except, [ada.account, carol.account]);
  assert.deepEqual(signal?.body, { userId: ada.id });
  assert.ok(sql.statementTexts.size > 0);
  await end();
});

test('when others hear that somebody has gone, lastSeen says since when', async (t) => {
  const { house, presence, told, pass, end } = await open(t);
  const people = await together(house, 2);
  const [ada, bob] = [at(people, 0), at(people, 1)];
  presence.note(ada, true);
  await heard(told, people, 1);
  await pass(3_600_000);
  presence.note(ada, false);
  const left = house.clock.now();
  await pass(delay);
  await heard(told, people, 2);
  assert.equal((await house.identity.profileFor(bob, ada.id)).lastSeen, left);
  await end();
});

test('after a restart nothing is said of those who come back, and of the others that they have gone', async (t) => {
  const { house, presence, told, pass, again, end } = await open(t);
  const people = await together(house, 4);
  const [ada, bob, carol, dan] = [at(people, 0), at(people, 1), at(people, 2), at(people, 3)];
  for (const one of [ada, bob, carol]) presence.note(one, true);
  await heard(told, people, 3);
  presence.note(carol, false);
  await pass(delay);
  await heard(told, people, 4);
  assert.equal(told.length, 4);
  // Whoever signed in just now counts as there.
  await pass(60_000);
  await end();
  for (const one of [ada, bob]) presence.note(one, false);
  const stopped = house.clock.now();
  told.length = 0;
  house.clock.forward(10_000);
  const next = await again();
  next.note(ada, true);
  next.note(dan, true);
  assert.deepEqual(await heard(told, people, 1), ['+3']);
  await pass(returning);
  assert.deepEqual(await heard(told, people, 2), ['+3', '-1']);
  assert.equal((await house.identity.profileFor(ada, bob.id)).lastSeen, stopped - (stopped % 1_000));
  await next.close();
});

test('what could not be told because a read failed is told once the delay is over', async (t) => {
  let away = true;
  const { house, presence, told, pass, end, failures } = await open(t, async (read) => {
    if (away) throw new Error('away');
    return read();
  });
  const people = await together(house, 2);
  presence.note(at(people, 0), true);
  while (failures.length === 0) await new Promise((resolve) => setImmediate(resolve));
  away = false;
  await pass(delay);
  assert.deepEqual(await heard(told, people, 1), ['+0']);
  await pass(delay);
  presence.note(at(people, 0), false);
  await pass(delay);
  assert.deepEqual(await heard(told, people, 2), ['+0', '-0']);
  failures.length = 0;
  await end();
});

/** A read of the blocks that has its answer and waits to give it; `held` once one does. */
function heldRead() {
  let hold = false;
  const held = Promise.withResolvers<void>();
  const given = Promise.withResolvers<void>();
  const reading = async (read: () => Promise<Blocked>): Promise<Blocked> => {
    const answer = await read();
    if (!hold) return answer;
    hold = false;
    held.resolve();
    await given.promise;
    return answer;
  };
  const start = (): void => {
    hold = true;
  };
  return { reading, start, held: held.promise, give: given.resolve };
}

test('a block that is made while it is looked up who hears of a coming keeps it from the blocked one', async (t) => {
  const { reading, start, held, give } = heldRead();
  const { house, presence, told, end } = await open(t, reading);
  const [ada, bob] = await together(house, 2);
  assert.ok(ada && bob);
  start();
  presence.note(ada, true);
  await held;
  await house.identity.block(ada, bob.id);
  await presence.show(ada.account, { to: bob.account, shown: false });
  give();
  await heard(told, [ada, bob], 1);
  assert.deepEqual(
    told.map(({ type, except }) => [type, except]),
    [['presence.online', [ada.account, bob.account]]],
  );
  await end();
});

test('who is blocked while it is looked up who hears of a going hears of it all the same, once', async (t) => {
  const { reading, start, held, give } = heldRead();
  const { house, presence, told, pass, end } = await open(t, reading);
  const [ada, bob] = await together(house, 2);
  assert.ok(ada && bob);
  presence.note(ada, true);
  await heard(told, [ada, bob], 1);
  start();
  presence.note(ada, false);
  await pass(delay);
  await held;
  await house.identity.block(ada, bob.id);
  const shown = presence.show(ada.account, { to: bob.account, shown: false });
  give();
  await shown;
  await pass(0);
  await heard(told, [ada, bob], 3);
  const toBob = told.filter(({ except }) => !except.includes(bob.account)).map(({ type }) => type);
  assert.deepEqual(toBob, ['presence.online', 'presence.offline']);
  await end();
});

test('a block that was taken back before it was told says nothing', async (t) => {
  const { house, presence, told, pass, end } = await open(t);
  const [ada, bob] = await together(house, 2);
  assert.ok(ada && bob);
  presence.note(ada, true);
  await heard(told, [ada, bob], 1);
  await house.identity.block(ada, bob.id);
  await house.identity.unblock(ada, bob.id);
  await Promise.all([false, true].map((shown) => presence.show(ada.account, { to: bob.account, shown })));
  await pass(delay);
  presence.note(bob, true);
  assert.deepEqual(await heard(told, [ada, bob], 2), ['+0', '+1']);
  await end();
});

/** What one of a group heard: the signals to their own topic, and those to the group that do not leave them out. */
const heardBy = (told: readonly Told[], who: Principal): string[] =>
  told
    .filter(({ topics, except }) =>
      topics.every(isUserTopic) ? topics.includes(topicOf('user', who.account)) : !except.includes(who.account),
    )
    .map(({ type, body }) => `${type} ${(body as { userId: string }).userId}`);

test('after a block both have gone for each other, as late as if their connections had ended; a second block says nothing', async (t) => {
  const { house, presence, told, pass, end } = await open(t);
  const people = await together(house, 2);
  const [ada, bob] = [at(people, 0), at(people, 1)];
  for (const one of people) presence.note(one, true);
  await heard(told, people, 2);
  told.length = 0;
  const change = async (by: Principal, other: Principal, blocks: boolean): Promise<void> => {
    await (blocks ? house.identity.block(by, other.id) : house.identity.unblock(by, other.id));
    await presence.show(by.account, { to: other.account, shown: !blocks });
  };
  await change(ada, bob, true);
  await pass(delay - 1);
  assert.deepEqual(told, []);
  // Who is blocked and blocks in turn must not learn that they were.
  await change(bob, ada, true);
  await pass(1);
  await heard(told, people, 2);
  const gone = (who: Principal) => `presence.offline ${who.id}`;
  assert.deepEqual([heardBy(told, bob), heardBy(told, ada)], [[gone(ada)], [gone(bob)]]);
  await pass(delay * 2);
  await change(ada, bob, false);
  await pass(delay);
  assert.equal(told.length, 2, 'one block is left');
  await change(bob, ada, false);
  await heard(told, people, 4);
  assert.deepEqual(heardBy(told, bob), [gone(ada), `presence.online ${ada.id}`]);
  await end();
});

test('who leaves and blocks then has gone for the blocked one when they have for the others', async (t) => {
  const { house, presence, told, pass, end } = await open(t);
  const people = await together(house, 3);
  const [ada, bob] = [at(people, 0), at(people, 1)];
  presence.note(ada, true);
  await heard(told, people, 1);
  presence.note(ada, false);
  await pass(delay - 2);
  await house.identity.block(ada, bob.id);
  await presence.show(ada.account, { to: bob.account, shown: false });
  await pass(2);
  await heard(told, people, 3);
  for (const who of people.slice(1)) assert.equal(heardBy(told, who).length, 2);
  await end();
});

test('a coming reaches groups of 10,000 people in all, the latest first, and every conversation before them', async (t) => {
  const { house, presence, told, end } = await open(t);
  const { groups, messaging, log } = house;
  const [ada, bob] = await house.people(2);
  assert.ok(ada && bob);
  const ids: string[] = [];
  for (let n = 0; n < 52; n += 1) ids.push(await house.group(ada));
  await log.write(({ sql }) =>
    sql.withTables<{ groups: { members: number } }>().updateTable('groups').set({ members: 200 }).execute(),
  );
  await messaging.send(bob, { content: 'x', receiverId: ada.id });
  presence.note(ada, true);
  await heard(told, [ada], 1);
  const numbers = await Promise.all(ids.slice(3).map(async (id) => (await groups.find(id))?.group ?? 0));
  const topics = [topicOf('user', bob.account), ...numbers.reverse().map((number) => topicOf('group', number))];
  assert.deepEqual(told[0]?.topics, topics);
  await end();
});
