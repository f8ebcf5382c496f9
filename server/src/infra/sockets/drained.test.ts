import assert from 'node:assert/strict';
import { syncBuiltinESMExports } from 'node:module';
import test, { type TestContext } from 'node:test';
import { waitUntilDrained } from './drained.ts';

/** A client whose buffer is moved by hand, over a clock that is moved by hand. */
function client(t: TestContext, waiting: number) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  // What was imported by name changes with the module.
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.timers.reset();
    syncBuiltinESMExports();
  });
  const state: { waiting: number; open: boolean; echo: Promise<boolean> } = {
    waiting,
    open: true,
    echo: Promise.resolve(true),
  };
  const outcome = waitUntilDrained({ buffered: () => state.waiting, isOpen: () => state.open, echo: () => state.echo });
  let answer: boolean | undefined;
  void outcome.then((drained) => {
    answer = drained;
  });
  const pass = async (milliseconds: number): Promise<boolean | undefined> => {
    for (let passed = 0; passed < milliseconds && answer === undefined; passed += 50) {
      for (let turns = 0; turns < 4; turns += 1) await Promise.resolve();
      t.mock.timers.tick(50);
    }
    await new Promise((resolve) => setImmediate(resolve));
    return answer;
  };
  return { state, pass };
}

test('little that waits is drained at once', async (t) => {
  const { pass } = client(t, 65_536);
  assert.equal(await pass(0), true);
});

test('it waits until little is left', async (t) => {
  const { state, pass } = client(t, 1_000_000);
  assert.equal(await pass(1_000), undefined);
  state.waiting = 1_000;
  assert.equal(await pass(100), true);
});

test('a client that reads, however slowly, is not given up; half a minute without progress is', async (t) => {
  const { state, pass } = client(t, 1_000_000);
  for (let step = 0; step < 5; step += 1) {
    state.waiting -= 1;
    assert.equal(await pass(29_000), undefined);
  }
  assert.equal(await pass(31_000), false);
});

test('a connection that has closed is given up', async (t) => {
  const { state, pass } = client(t, 1_000_000);
  assert.equal(await pass(100), undefined);
  state.open = false;
  assert.equal(await pass(100), false);
});

test('what the kernel has taken is not drained before the client answers', async (t) => {
  const { state, pass } = client(t, 1_000_000);
  let answer = (_came: boolean): void => {};
  state.echo = new Promise((resolve) => {
    answer = resolve;
  });
  state.waiting = 0;
  assert.equal(await pass(20_000), undefined);
  answer(true);
  assert.equal(await pass(100), true);
});

test('a client that answers nothing for half a minute is given up, though its buffer is empty', async (t) => {
  const { state, pass } = client(t, 1_000_000);
  state.echo = new Promise(() => {});
  state.waiting = 0;
  assert.equal(await pass(29_000), undefined);
  assert.equal(await pass(2_000), false);
});
