import type { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** Below this many waiting bytes the next page may be written. */
const lowWater = 65_536;
/** How often the buffer is looked at, in milliseconds. */
const lookEvery = 50;
/** Without any progress for this long a client counts as gone, in milliseconds. */
const patience = 30_000;

export type Draining = {
  buffered(): number;
  isOpen(): boolean;
  /**
   * Asks the client for a sign of life, behind everything sent so far: true when it comes, false when it cannot. Once
   * `over`, nobody waits for it any more.
   */
  echo(over: AbortSignal): Promise<boolean>;
};

/** What is used of a WebSocket and of its stream beyond their types. */
export type Unsent = { bufferedAmount: number; _socket?: { destroyed: boolean; writableFinished: boolean } | null };

/**
 * Bytes of a WebSocket that wait in this process. A stream that breaks off forgets what it has not written: unless it
 * ended in order, something counts as waiting for ever.
 */
export function unsent({ bufferedAmount, _socket }: Unsent): number {
  if (bufferedAmount === 0 && _socket?.destroyed === true && !_socket.writableFinished) return 1;
  return bufferedAmount;
}

/** Listens until the signal: each page of a replay asks again, and must leave no listener behind. */
export function listen(
  emitter: Pick<EventEmitter, 'on' | 'off'>,
  listeners: Readonly<Record<string, Parameters<EventEmitter['on']>[1]>>,
  over: AbortSignal,
): void {
  for (const [event, listener] of Object.entries(listeners)) {
    emitter.on(event, listener);
    over.addEventListener('abort', () => emitter.off(event, listener), { once: true });
  }
}

/**
 * True when the client has taken what was sent; false when the connection has closed, or nothing has moved for half a
 * minute. An empty buffer here is not enough: the kernel takes megabytes for a client that reads slowly, and behind
 * them the heartbeat would come too late (a reader of 50 KB/s was cut after 45 s).
 */
export async function waitUntilDrained(client: Draining): Promise<boolean> {
  let before = client.buffered();
  let still = 0;
  while (client.isOpen()) {
    if (before <= lowWater) return answers(client);
    await sleep(lookEvery, undefined, { ref: false });
    const now = client.buffered();
    still = now < before ? 0 : still + lookEvery;
    if (still >= patience) return false;
    before = now;
  }
  return false;
}

async function answers(client: Draining): Promise<boolean> {
  const over = new AbortController();
  const late = sleep(patience, false, { ref: false, signal: over.signal }).catch(() => false);
  try {
    return await Promise.race([client.echo(over.signal), late]);
  } finally {
    over.abort();
  }
}
