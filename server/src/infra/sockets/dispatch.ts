import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Connection, EventLimit, EventVerdict, SocketBounds, SocketDoor, WireError } from './sockets.ts';

/** The answer to one event: an acknowledgement's content. */
type Reply = { success: true; data: unknown } | ({ success: false } & WireError);

/** So many windows' worth of events over the rate are a flood; a window within the rate forgives those before it. */
const patience = 10;

/**
 * Counts one socket's events in fixed windows. The first one over the rate is to be answered, the others of its window
 * are not: an answer to each would let a client make us write as much as it likes.
 */
export class EventRate implements EventLimit {
  readonly #bounds: SocketBounds['events'];
  readonly #onFlood: () => void;
  #windowEnd = 0;
  #count = 0;
  #over = 0;

  /** `onFlood` must close the connection; it is called once. */
  constructor(bounds: SocketBounds['events'], onFlood: () => void) {
    this.#bounds = bounds;
    this.#onFlood = onFlood;
  }

  /** `now`: milliseconds. */
  take(now: number): EventVerdict {
    const { count, seconds } = this.#bounds;
    if (now >= this.#windowEnd) {
      if (this.#count <= count) this.#over = 0;
      this.#windowEnd = now + seconds * 1_000;
      this.#count = 0;
    }
    this.#count += 1;
    if (this.#count <= count) return 'within';
    this.#over += 1;
    if (this.#over === patience * count + 1) this.#onFlood();
    return this.#count === count + 1 ? 'refused' : 'ignored';
  }
}

export type Arrived = { event: unknown; input: unknown; bytes: number };

type DispatchOptions = {
  rate: EventLimit;
  bounds: SocketBounds;
  acknowledge: ((reply: Reply) => void) | undefined;
};

const unknownEvent = (event: unknown): string =>
  typeof event === 'string'
    ? 'There is no such event'
    : 'This names no event; a plain frame is {"event": "…", "data": …}';

/**
 * One event of a client through the door: rate, size, name, act. With an acknowledgement the client hears the reply
 * there; without one a refusal comes as `error`. Of those over the rate only the first in a window is answered.
 */
export async function dispatch(
  door: SocketDoor,
  connection: Connection,
  { event, input, bytes }: Arrived,
  { rate, bounds, acknowledge }: DispatchOptions,
): Promise<void> {
  const verdict = rate.take(Date.now());
  // Where the count is in this process it is there at once, and nothing comes in between.
  const taken = typeof verdict === 'string' ? verdict : await verdict;
  if (taken === 'ignored') return;
  let reply: Reply;
  try {
    if (taken === 'refused') throw new Refusal(commonErrors.RATE_LIMITED);
    if (bytes > bounds.frame) {
      throw new Refusal(commonErrors.TOO_LARGE, {
        message: `A frame may have ${bounds.frame} bytes; this one had ${bytes}`,
      });
    }
    const handler = typeof event === 'string' ? door.events.get(event) : undefined;
    if (handler === undefined) throw new Refusal(commonErrors.INVALID_INPUT, { message: unknownEvent(event) });
    const result = await handler(connection, input);
    if (acknowledge === undefined) return;
    reply = { success: true, data: result() };
  } catch (error) {
    reply = { success: false, ...door.errorOf(error) };
  }
  try {
    if (acknowledge !== undefined) acknowledge(reply);
    else if (!reply.success) {
      const { success: _, ...wire } = reply;
      const named = { ...wire, event: typeof event === 'string' ? event.slice(0, 64) : null };
      connection.emit('error', door.complaint?.(wire) ?? named);
    }
  } catch {
    // Who cannot be answered comes back and asks again; what was done stays done.
    connection.feed.cut('write failed');
  }
}
