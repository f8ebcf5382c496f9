import assert from 'node:assert/strict';
import test from 'node:test';
import { TestClock } from '../../../test/support/identity.ts';
import { addressKey } from './address.ts';
import { MemoryLimits } from './limits.memory.ts';
import { UnlimitedLimits } from './limits.none.ts';
import type { Limits, Rule } from './limits.ts';

const rule: Rule = { name: 'test', count: 3, seconds: 60 };

/** What every implementation that counts must do. */
function limitsContract(name: string, build: (clock: TestClock) => Limits): void {
  test(`${name}: lets through the count and refuses the next, until the window ends`, async () => {
    const clock = new TestClock();
    const limits = build(clock);
    const first = await limits.take(rule, 'a');
    assert.deepEqual(first, { allowed: true, limit: 3, remaining: 2, resetAt: clock.now() / 1_000 + 60 });
    clock.forward(30_000);
    await limits.take(rule, 'a');
    assert.equal((await limits.take(rule, 'a')).allowed, true);
    const refused = await limits.take(rule, 'a');
    assert.deepEqual(refused, { ...first, allowed: false, remaining: 0 });
    clock.forward(30_000);
    assert.equal((await limits.take(rule, 'a')).remaining, 2);
  });

  test(`${name}: of parallel callers exactly the count pass`, async () => {
    const limits = build(new TestClock());
    const taken = await Promise.all(Array.from({ length: 100 }, () => limits.take(rule, 'a')));
    assert.equal(taken.filter(({ allowed }) => allowed).length, 3);
  });

  test(`${name}: keys and rules are counted apart; a reset forgets one, giving back takes one count away`, async () => {
    const limits = build(new TestClock());
    const other: Rule = { ...rule, name: 'other' };
    for (let n = 0; n < 4; n += 1) await limits.take(rule, 'a');
    assert.equal((await limits.take(rule, 'b')).remaining, 2);
    assert.equal((await limits.take(other, 'a')).remaining, 2);
    await limits.giveBack(rule, 'a');
    await limits.giveBack(rule, 'a');
    assert.equal((await limits.take(rule, 'a')).allowed, true);
    await limits.reset(rule, 'a');
    assert.equal((await limits.take(rule, 'a')).remaining, 2);
    await limits.giveBack(rule, 'never taken');
    assert.equal((await limits.take(rule, 'never taken')).remaining, 2);
  });
}

limitsContract('MemoryLimits', (clock) => new MemoryLimits(clock));

test('MemoryLimits: memory stays bounded; expired windows go first, then the oldest', async () => {
  const clock = new TestClock();
  const limits = new MemoryLimits(clock, 100);
  for (let n = 0; n < 50; n += 1) await limits.take({ ...rule, seconds: 10 }, `short ${n}`);
  for (let n = 0; n < 50; n += 1) await limits.take(rule, `long ${n}`);
  clock.forward(10_000);
  await limits.take(rule, 'new');
  assert.equal(limits.size, 51);
  assert.equal((await limits.take(rule, 'long 0')).remaining, 1);
  for (let n = 0; n < 10_000; n += 1) await limits.take(rule, `flood ${n}`);
  assert.ok(limits.size <= 100);
  assert.equal((await limits.take(rule, 'flood 9999')).remaining, 1);
  assert.equal((await limits.take(rule, 'long 0')).remaining, 2);
});

test('UnlimitedLimits: never refuses and tells a limit all the same', async () => {
  const limits = new UnlimitedLimits(new TestClock());
  for (let n = 0; n < 10; n += 1) {
    const taken = await limits.take(rule, 'a');
    assert.deepEqual([taken.allowed, taken.limit, taken.remaining], [true, 3, 3]);
  }
});

test('an IPv6 address is counted by its network of 64 bits, in whatever spelling', () => {
  assert.equal(addressKey('203.0.113.7'), '203.0.113.7');
  assert.equal(addressKey('::ffff:203.0.113.7'), '203.0.113.7');
  assert.equal(addressKey('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(addressKey('2001:0DB8:0001:0002::9'), '2001:db8:1:2::/64');
  assert.equal(addressKey('2001:db8::1'), '2001:db8:0:0::/64');
  assert.equal(addressKey('fe80::1%eth0'), 'fe80:0:0:0::/64');
  assert.equal(addressKey('::1'), '0:0:0:0::/64');
});
