import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { Outlet, WireEvent } from '../delivery/wire-event.ts';
import { listen, type Unsent, unsent, waitUntilDrained } from './drained.ts';
import type { Corkable, SocketGate } from './gate.ts';
import { closeCodes } from './sockets.ts';

/** A plain WebSocket: `{"event", "data", "offset"}` a frame. */
export class WebSocketOutlet implements Outlet {
  readonly #socket: WebSocket;
  readonly #gate: SocketGate;

  constructor(socket: WebSocket, gate: SocketGate) {
    this.#socket = socket;
    this.#gate = gate;
  }

  send(event: WireEvent): void {
    event.webSocket ??= encode(event);
    this.write(event.webSocket as string);
  }

  /** Once the end has begun nothing leaves; it counts as waiting. */
  write(text: string): void {
    if (this.#socket.readyState === this.#socket.OPEN) {
      this.#gate.touch((this.#socket as unknown as { _socket?: Corkable })._socket);
    }
    this.#socket.send(text);
  }

  buffered(): number {
    return unsent(this.#socket as unknown as Unsent);
  }

  drained(): Promise<boolean> {
    return waitUntilDrained({
      buffered: () => this.buffered(),
      isOpen: () => this.#socket.readyState === this.#socket.OPEN,
      echo: (over) => this.#echo(over),
    });
  }

  /** A ping with a mark of its own: the heartbeat's answers come too. */
  #echo(over: AbortSignal): Promise<boolean> {
    const mark = randomBytes(8);
    return new Promise((resolve) => {
      const pong = (data: Buffer): void => {
        if (mark.equals(data)) resolve(true);
      };
      listen(this.#socket, { pong, close: () => resolve(false) }, over);
      this.#socket.ping(mark);
    });
  }

  /** From here on nothing is heard, also when the client does not answer the close. */
  cut(reason: string): void {
    this.#socket.removeAllListeners('message');
    this.#socket.close(closeCodes.TOO_SLOW.code, reason);
  }
}

const encode = ({ event, json, offset }: WireEvent): string =>
  `{"event":${JSON.stringify(event)},"data":${json}${offset === null ? '' : `,"offset":"${offset}"`}}`;
