import { randomBytes } from 'node:crypto';
import type { WebSocket } from 'ws';
import type { Last, Outlet, WireEvent } from '../delivery/wire-event.ts';
import { plainCodec, type WriteEvent } from './codec.ts';
import { listen, type Unsent, unsent, waitUntilDrained } from './drained.ts';
import type { Corkable, SocketGate } from './gate.ts';
import { closeCodes } from './sockets.ts';

/** A plain WebSocket. Those that get the same event must write it with the same codec: it is encoded once for all. */
export class WebSocketOutlet implements Outlet {
  readonly #socket: WebSocket;
  readonly #gate: SocketGate;
  readonly #encode: WriteEvent;
  /** Called behind an event after which nothing may come. */
  onLast: (last: Last) => void = () => {};

  constructor(socket: WebSocket, gate: SocketGate, encode: WriteEvent = plainCodec.write) {
    this.#socket = socket;
    this.#gate = gate;
    this.#encode = encode;
  }

  send(event: WireEvent): void {
    event.webSocket ??= this.#encode(event);
    const frames = event.webSocket as ReturnType<WriteEvent>;
    if (typeof frames === 'string') this.write(frames);
    else for (const frame of frames) this.write(frame);
    if (event.last !== undefined) this.onLast(event.last);
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
