import assert from 'node:assert/strict';
import test from 'node:test';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { createLogger } from './logger.ts';

test('an error is logged with its message and stack, whatever hangs on it', () => {
  const lines: string[] = [];
  const logger = createLogger('error', { write: (line) => void lines.push(line) });
  logger.error({ err: new Refusal(commonErrors.UNAVAILABLE, { message: 'busy' }) }, 'refused');
  logger.error({ err: new Error('plain', { cause: Object.freeze(new Error('frozen')) }) }, 'failed');
  const [refused, failed] = lines.map((line) => JSON.parse(line) as { err: Record<string, string> });
  assert.deepEqual([refused?.err['type'], refused?.err['message']], ['Refusal', 'busy']);
  assert.match(String(refused?.err['stack']), /logger\.test/);
  assert.match(String(failed?.err['message']), /plain/);
});
