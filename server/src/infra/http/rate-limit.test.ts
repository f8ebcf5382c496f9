import assert from 'node:assert/strict';
import test from 'node:test';
import fastify from 'fastify';
import { systemClock } from '../../kernel/clock.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { MemoryLimits } from '../limits/limits.memory.ts';
import { rateLimit } from './rate-limit.ts';

test('what is refused counts against the address it came from; our own failures do not', async (t) => {
  const app = fastify();
  t.after(() => app.close());
  const { refusedBy } = rateLimit(new MemoryLimits(systemClock), systemClock);
  const errors = {
    refused: new Refusal(commonErrors.UNAUTHENTICATED),
    away: new Refusal(commonErrors.UNAVAILABLE),
    broken: new Error('a mistake of ours'),
  };
  const errorHandler = refusedBy({ name: 'strangers', count: 5, seconds: 60 });
  for (const [name, error] of Object.entries(errors)) {
    app.get(`/${name}`, { errorHandler }, async () => {
      throw error;
    });
  }
  const left = async (name: string) => (await app.inject(`/${name}`)).headers['x-ratelimit-remaining'];
  assert.deepEqual(
    [await left('refused'), await left('away'), await left('broken'), await left('refused')],
    ['4', undefined, undefined, '3'],
  );
});
