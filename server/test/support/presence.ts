import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Signal } from '../../src/infra/delivery/signal.ts';
import type { Later } from '../../src/kernel/clock.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import { Presence } from '../../src/modules/presence/index.ts';
import type { TestClock } from './identity.ts';
import { type House, openHouse } from './messaging.ts';

export const delay = 5_000;

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

export type Told = Signal & { except: readonly number[] };

export type Blocked = ReadonlySet<number> | undefined;

/** Presence over a house, with timers that stand still until `pass` moves them. `reading` stands between it and the blocks. */
export async function openPresence(t: TestContext, reading = (read: () => Promise<Blocked>) => read()) {
  const house = await openHouse(t);
  const told: Told[] = [];
  const alarms = new Alarms(house.clock);
  const failures: unknown[] = [];
  const build = async (): Promise<Presence> => {
    const presence = new Presence({
      ...house,
      signal: (signal) => void told.push({ except: [], ...signal }),
      blocksAround: (account) => reading(() => house.identity.blocksAround(account)),
      publicProfile: (account) => house.identity.publicProfile(account),
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
export async function heard(told: readonly Told[], people: readonly Principal[], count: number): Promise<string[]> {
  const until = performance.now() + 8_000;
  while (told.length < count && performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
  return told.map(({ type, body }) => {
    const { userId } = body as { userId: string };
    return `${type === 'presence.online' ? '+' : '-'}${people.findIndex(({ id }) => id === userId)}`;
  });
}

/** So many people in one group. */
export async function together(house: House, count: number): Promise<Principal[]> {
  const people = await house.people(count);
  const [owner, ...others] = people;
  assert.ok(owner);
  await house.group(owner, ...others);
  return people;
}

export const at = (people: readonly Principal[], index: number): Principal => {
  const found = people[index];
  assert.ok(found);
  return found;
};
