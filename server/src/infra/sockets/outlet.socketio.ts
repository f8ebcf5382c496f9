import type { Socket } from 'socket.io';
import type { Outlet, WireEvent } from '../log/wire-event.ts';
import { waitUntilDrained } from './drained.ts';
import { textFrame } from './frame.ts';

/** An EVENT packet of the default namespace (Socket.IO protocol 5): its text, and the whole WebSocket frame of it. */
type Encoded = { text: string; options: { compress: false; wsPreEncodedFrame: Buffer[] } };

/** A Socket.IO connection, written to below `emit`: a row is encoded once for all the sockets it goes to. */
export class SocketIoOutlet implements Outlet {
  readonly #connection: Socket['conn'];

  constructor(socket: Socket) {
    this.#connection = socket.conn;
  }

  send(event: WireEvent): void {
    event.socketIo ??= encode(event);
    const { text, options } = event.socketIo as Encoded;
    this.#connection.write(text, options);
  }

  buffered(): number {
    const { transport, writeBuffer } = this.#connection as unknown as EngineBuffers;
    let bytes = transport.socket?.bufferedAmount ?? 0;
    for (const packet of writeBuffer) bytes += packet.data?.length ?? 0;
    return bytes;
  }

  drained(): Promise<boolean> {
    return waitUntilDrained({
      buffered: () => this.buffered(),
      isOpen: () => this.#connection.readyState === 'open',
    });
  }

  /** Closes the transport: after a disconnect packet a stock client would not come back. */
  cut(): void {
    this.#connection.close(true);
  }
}

type EngineBuffers = {
  transport: { socket?: { bufferedAmount: number } };
  writeBuffer: readonly { data?: string }[];
};

function encode({ event, data, offset }: WireEvent): Encoded {
  const last = offset === null ? '' : `,${JSON.stringify(offset)}`;
  const text = `2[${JSON.stringify(event)},${JSON.stringify(data)}${last}]`;
  return { text, options: { compress: false, wsPreEncodedFrame: [textFrame(`4${text}`)] } };
}
