import { setTimeout as sleep } from 'node:timers/promises';

import type { Account } from './accounts.ts';
import type { Oracle } from './oracle.ts';
import type { Target } from './outbox.ts';
import { contentFor, isJson, text } from './wire.ts';

/**
 * Sends over REST, with the clientId as `Idempotency-Key`, again and again until the server answers that it is done.
 * `false` when it was not by the time `deadline` (of performance.now) had come.
 */
export async function sendByRest(
  account: Account,
  { key, target, oracle, deadline }: { key: string; target: Target; oracle: Oracle; deadline: number },
): Promise<boolean> {
  oracle.sending(key, target.conversation, account.id);
  while (performance.now() < deadline) {
    const body = { ...target.to, content: contentFor(key) };
    const reply = await account.call('POST', '/messages', { body, headers: { 'idempotency-key': key } });
    if (reply.status === 201 || reply.status === 200) {
      oracle.acknowledge(key, text(isJson(reply.body) ? reply.body['data'] : undefined, 'id'));
      return true;
    }
    if (reply.status !== 0 && reply.status !== 503) oracle.refuse(key, `HTTP ${reply.status}`);
    await sleep(50);
  }
  return false;
}
