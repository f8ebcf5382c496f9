import type { Socket } from 'socket.io';
import type { Outlet, WireEvent } from '../log/wire-event.ts';
import { waitUntilDrained } from './drained.ts';
import { textFrame } from './frame.ts';

/** An EVENT packet of the default namespace (Socket.IO protocol 5), and from the second socket on its whole frame. */
type Encoded = { text: string; uses: number; framed: { compress: false; wsPreEncodedFrame: Buffer[] } | undefined };

const unframed = { compress: false } as const;

/** A Socket.IO connection, written to below `emit`: a row is encoded once for all the sockets it goes to. */
export class SocketIoOutlet implements Outlet {
  readonly #connection: Socket['conn'];

  constructor(socket: Socket) {
    this.#connection = socket.conn;
  }

  send(event: WireEvent): void {
    event.socketIo ??= encode(event);
    const encoded = event.socketIo as Encoded;
    encoded.uses += 1;
    // For one socket the gate makes the bytes; for many they are made once.
    if (encoded.uses === 2) encoded.framed = { compress: false, wsPreEncodedFrame: [textFrame(`4${encoded.text}`)] };
    this.#connection.write(encoded.text, encoded.framed ?? unframed);
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

const encode = ({ event, json, offset }: WireEvent): Encoded => ({
  text: `2[${JSON.stringify(event)},${json}${offset === null ? '' : `,"${offset}"`}]`,
  uses: 0,
  framed: undefined,
});
