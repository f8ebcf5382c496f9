import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Connection, SocketBounds, SocketDoor, WireError } from './sockets.ts';

/** The answer to one event: an acknowledgement's content. */
type Reply = { success: true; data: unknown } | ({ success: false } & WireError);

/** Counts one socket's events in fixed windows. */
export class EventRate {
  readonly #bounds: SocketBounds['events'];
  #windowEnd = 0;
  #count = 0;

  constructor(bounds: SocketBounds['events']) {
    this.#bounds = bounds;
  }

  /** Whether this event is still within the rate. */
  take(now: number): boolean {
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + this.#bounds.seconds * 1_000;
      this.#count = 0;
    }
    this.#count += 1;
    return this.#count <= this.#bounds.count;
  }
}

export type Arrived = { event: unknown; input: unknown; bytes: number };

type DispatchOptions = {
  rate: EventRate;
  bounds: SocketBounds;
  acknowledge: ((reply: Reply) => void) | undefined;
};

/**
 * One event of a client through the door: size, rate, name, act. With an acknowledgement the client hears the reply
 * there; without one a refusal comes as `error`.
 */
export async function dispatch(
  door: SocketDoor,
  connection: Connection,
  { event, input, bytes }: Arrived,
  { rate, bounds, acknowledge }: DispatchOptions,
): Promise<void> {
  try {
    if (!rate.take(Date.now())) throw new Refusal(commonErrors.RATE_LIMITED);
    if (bytes > bounds.frame) {
      throw new Refusal(commonErrors.TOO_LARGE, {
        message: `A frame may have ${bounds.frame} bytes; this one had ${bytes}`,
      });
    }
    const handler = typeof event === 'string' ? door.events.get(event) : undefined;
    if (handler === undefined) throw new Refusal(commonErrors.INVALID_INPUT, { message: 'There is no such event' });
    const result = await handler(connection, input);
    acknowledge?.({ success: true, data: result() });
  } catch (error) {
    const wire = door.errorOf(error);
    if (acknowledge === undefined)
      connection.emit('error', { ...wire, event: typeof event === 'string' ? event.slice(0, 64) : null });
    else acknowledge({ success: false, ...wire });
  }
}
