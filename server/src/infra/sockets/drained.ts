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
  /** Asks the client for a sign of life, behind everything sent so far: true when it comes, false when it cannot. */
  echo(): Promise<boolean>;
};

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
    return await Promise.race([client.echo(), late]);
  } finally {
    over.abort();
  }
}
