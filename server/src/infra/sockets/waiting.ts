import type { IncomingMessage } from 'node:http';
import type { Server, Socket } from 'socket.io';
import { addressKey } from '../limits/address.ts';

/** Connections that nobody has signed in on yet, by the address that made them: there may be so many at a time. */
export class Waiting {
  readonly #limit: number;
  readonly #addressOf: (request: IncomingMessage) => string;
  readonly #counts = new Map<string, number>();

  constructor(limit: number, addressOf: (request: IncomingMessage) => string) {
    this.#limit = limit;
    this.#addressOf = addressOf;
  }

  isFull(request: IncomingMessage): boolean {
    return (this.#counts.get(addressKey(this.#addressOf(request))) ?? 0) >= this.#limit;
  }

  /** Counts one more; the answer takes it away again, once, when it is signed in or gone. */
  enter(request: IncomingMessage): () => void {
    const key = addressKey(this.#addressOf(request));
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const others = (this.#counts.get(key) ?? 1) - 1;
      if (others === 0) this.#counts.delete(key);
      else this.#counts.set(key, others);
    };
  }
}

/** Refuses new Engine.IO connections of an address that has too many without a CONNECT that was admitted. */
export function boundWaiting(io: Server, waiting: Waiting): void {
  io.engine.use(
    (request: IncomingMessage & { _query?: { sid?: string } }, _response: unknown, next: (error?: Error) => void) => {
      const isNew = request._query?.sid === undefined;
      next(isNew && waiting.isFull(request) ? new Error('Too many connections of this address wait') : undefined);
    },
  );
  const leaving = new WeakMap<object, () => void>();
  io.engine.on('connection', (connection: Socket['conn']) => {
    const leave = waiting.enter(connection.request as IncomingMessage);
    leaving.set(connection, leave);
    connection.once('close', leave);
  });
  io.on('connection', ({ conn }) => leaving.get(conn)?.());
}
