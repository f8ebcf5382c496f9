import { setTimeout as sleep } from 'node:timers/promises';

/** Below this many waiting bytes the next page may be written. */
const lowWater = 65_536;
/** How often the buffer is looked at, in milliseconds. */
const lookEvery = 50;
/** Without any progress for this long a client counts as gone, in milliseconds. */
const patience = 30_000;

/** True when little waits; false when the connection has closed, or nothing has moved for half a minute. */
export async function waitUntilDrained(client: { buffered(): number; isOpen(): boolean }): Promise<boolean> {
  let before = client.buffered();
  let still = 0;
  while (client.isOpen()) {
    if (before <= lowWater) return true;
    await sleep(lookEvery, undefined, { ref: false });
    const now = client.buffered();
    still = now < before ? 0 : still + lookEvery;
    if (still >= patience) return false;
    before = now;
  }
  return false;
}
