import assert from 'node:assert/strict';
import test from 'node:test';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { ConnectionLost } from '../sql/sql.ts';
import { Gathering } from './gathering.ts';

/** Answers each set in turn: with what `answers` throws, or with its drafts. Remembers the sets. */
function gather(...answers: (Error | undefined)[]) {
  const sets: number[][] = [];
  const gathering = new Gathering<number, number>(async (drafts) => {
    sets.push([...drafts]);
    const error = answers.shift();
    if (error !== undefined) throw error;
    return [...drafts];
  });
  const submit = (...drafts: number[]) => Promise.allSettled(drafts.map((draft) => gathering.submit(draft)));
  return { sets, submit };
}

const outcomes = (settled: readonly PromiseSettledResult<number>[]): unknown[] =>
  settled.map((one) => (one.status === 'fulfilled' ? one.value : one.reason));

test('a draft that breaks its set fails alone', async () => {
  const wrong = new Error('wrong');
  const { sets, submit } = gather(wrong, undefined, wrong);
  assert.deepEqual(outcomes(await submit(1, 2, 3)), [1, wrong, 3]);
  assert.deepEqual(sets, [[1, 2, 3], [1], [2], [3]]);
});

test('a set that is refused for the moment is refused at once, and not draft by draft', async () => {
  const busy = new Refusal(commonErrors.UNAVAILABLE);
  const { sets, submit } = gather(busy);
  assert.deepEqual(outcomes(await submit(1, 2, 3)), [busy, busy, busy]);
  assert.deepEqual(sets, [[1, 2, 3]]);
});

test('a set whose connection broke is written once more as it is; a second break refuses it', async () => {
  const lost = new ConnectionLost(new Error('reset'));
  const once = gather(lost);
  assert.deepEqual(outcomes(await once.submit(1, 2)), [1, 2]);
  assert.deepEqual(once.sets, [
    [1, 2],
    [1, 2],
  ]);
  const twice = gather(lost, lost);
  assert.deepEqual(outcomes(await twice.submit(1, 2)), [lost, lost]);
  assert.equal(twice.sets.length, 2);
});

test('two sets that lose one connection are written again in their order', async () => {
  const sets: number[][] = [];
  const given: PromiseWithResolvers<number[]>[] = [];
  const gathering = new Gathering<number, number>((drafts) => {
    sets.push([...drafts]);
    const answer = Promise.withResolvers<number[]>();
    given.push(answer);
    return answer.promise;
  });
  const answered = async (index: number): Promise<PromiseWithResolvers<number[]>> => {
    while (given[index] === undefined) await new Promise((resolve) => setImmediate(resolve));
    return given[index];
  };
  const first = gathering.submit(1);
  const one = await answered(0);
  const second = gathering.submit(2);
  const two = await answered(1);
  two.reject(new ConnectionLost(new Error('reset')));
  await new Promise((resolve) => setImmediate(resolve));
  one.reject(new ConnectionLost(new Error('reset')));
  (await answered(2)).resolve([1]);
  (await answered(3)).resolve([2]);
  assert.deepEqual([await first, await second], [1, 2]);
  assert.deepEqual(sets, [[1], [2], [1], [2]]);
});

test('who comes behind ten thousand that wait is refused at once; when there is no database, all who wait are', async () => {
  const sets: (() => void)[] = [];
  const gathering = new Gathering<number, number>(
    () => new Promise((_, reject) => sets.push(() => reject(new ConnectionLost(new Error('reset'))))),
  );
  const first = Promise.allSettled([gathering.submit(0)]);
  await new Promise((resolve) => setImmediate(resolve));
  const waiting = Promise.allSettled(Array.from({ length: 10_500 }, (_, n) => gathering.submit(n)));
  const refused = (settled: readonly PromiseSettledResult<number>[]) =>
    settled.filter((one) => one.status === 'rejected' && one.reason instanceof Refusal).length;
  assert.equal(refused(await Promise.allSettled([gathering.submit(1)])), 1);
  for (let tries = 0; tries < 20; tries += 1) {
    for (const end of sets.splice(0)) end();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.deepEqual([refused(await first), refused(await waiting)], [1, 10_500]);
});
