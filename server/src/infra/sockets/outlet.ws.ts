import type { WebSocket } from 'ws';
import type { Outlet, WireEvent } from '../log/wire-event.ts';
import { waitUntilDrained } from './drained.ts';
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

  write(text: string): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#gate.touch((this.#socket as unknown as { _socket?: Corkable })._socket);
    this.#socket.send(text);
  }

  buffered(): number {
    return this.#socket.bufferedAmount;
  }

  drained(): Promise<boolean> {
    return waitUntilDrained({
      buffered: () => this.#socket.bufferedAmount,
      isOpen: () => this.#socket.readyState === this.#socket.OPEN,
      echo: () => this.#echo(),
    });
  }

  #echo(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#socket.once('pong', () => resolve(true));
      this.#socket.once('close', () => resolve(false));
      this.#socket.ping();
    });
  }

  cut(reason: string): void {
    this.#socket.close(closeCodes.TOO_SLOW.code, reason);
  }
}

const encode = ({ event, json, offset }: WireEvent): string =>
  `{"event":${JSON.stringify(event)},"data":${json}${offset === null ? '' : `,"offset":"${offset}"`}}`;
