import type { Socket } from 'socket.io';
import type { Outlet, WireEvent } from '../delivery/wire-event.ts';
import { listen, type Unsent, unsent, waitUntilDrained } from './drained.ts';
import { joinFrames, textFrame } from './frame.ts';
import { type Holding, messagePacket, type SocketGate } from './gate.ts';

/** An EVENT packet of the default namespace (Socket.IO protocol 5), and from the second socket on its whole frame. */
type Encoded = { text: string; uses: number; framed: Framed | undefined };

/** How Socket.IO's own adapter hands frames through Engine.IO, whose types do not know it. */
type Framed = { compress: false; wsPreEncodedFrame: [Buffer] };

const framed = (frame: Buffer): Framed => ({ compress: false, wsPreEncodedFrame: [frame] });

/**
 * A Socket.IO connection, written to below `emit`: a row is encoded once for all the sockets it goes to, and what one
 * batch brings to one socket is one packet of Engine.IO's, whose bytes are all the frames.
 */
export class SocketIoOutlet implements Outlet, Holding {
  readonly #connection: Socket['conn'];
  readonly #gate: SocketGate;
  /** Most batches bring one event to a socket; only more take a list. */
  #first: Encoded | undefined;
  #others: Encoded[] | undefined;
  /** Pings that wait for their pongs, counted from the first that asks behind rows until none is out. */
  #pingsOut = 0;

  constructor(socket: Socket, gate: SocketGate) {
    this.#connection = socket.conn;
    this.#gate = gate;
  }

  send(event: WireEvent): void {
    event.socketIo ??= encode(event);
    const encoded = event.socketIo as Encoded;
    encoded.uses += 1;
    // For one socket the bytes are made when it is written; for many they are made once.
    if (encoded.uses === 2) encoded.framed = framed(textFrame(`${messagePacket}${encoded.text}`));
    if (this.#first !== undefined) {
      this.#others ??= [];
      this.#others.push(encoded);
      return;
    }
    this.#first = encoded;
    if (this.#gate.held) this.#gate.keep(this);
    else this.release();
  }

  release(): void {
    const first = this.#first;
    const others = this.#others;
    this.#first = undefined;
    this.#others = undefined;
    if (first === undefined) return;
    if (!takesFrames(this.#connection)) {
      // A long poll takes packets, not frames.
      for (const { text } of [first, ...(others ?? [])]) this.#connection.write(text, { compress: false });
      return;
    }
    this.#connection.write('', others === undefined ? framesOf(first) : joined([first, ...others]));
  }

  buffered(): number {
    const { transport, writeBuffer } = this.#connection as unknown as EngineInside;
    let bytes = transport.socket === undefined ? 0 : unsent(transport.socket);
    for (const { data, options } of writeBuffer) bytes += options?.wsPreEncodedFrame?.[0]?.length ?? data?.length ?? 0;
    if (this.#first !== undefined) bytes += this.#first.text.length;
    if (this.#others !== undefined) for (const { text } of this.#others) bytes += text.length;
    return bytes;
  }

  drained(): Promise<boolean> {
    return waitUntilDrained({
      buffered: () => this.buffered(),
      isOpen: () => this.#connection.readyState === 'open',
      echo: (over) => this.#echo(over),
    });
  }

  /** A ping of Engine.IO's own, ahead of its time; without access to it the empty buffer has to do. */
  #echo(over: AbortSignal): Promise<boolean> {
    const { sendPacket } = this.#connection as unknown as EngineInside;
    if (typeof sendPacket !== 'function') return Promise.resolve(true);
    // What is held for the end of the turn must not leave behind the ping that asks for it.
    this.release();
    this.#countPings();
    return new Promise((resolve) => {
      let ahead = this.#pingsOut;
      const heartbeat = (): void => {
        if (ahead === 0) resolve(true);
        ahead -= 1;
      };
      listen(this.#connection, { heartbeat, close: () => resolve(false) }, over);
      sendPacket.call(this.#connection, 'ping');
    });
  }

  /** Pongs carry no mark, but come in the order of the pings: as long as any is out, those are counted. */
  #countPings(): void {
    if (this.#pingsOut > 0) return;
    const { pingTimeoutTimer } = this.#connection as unknown as EngineInside;
    // One of Engine.IO's own may be out already.
    if (pingTimeoutTimer) this.#pingsOut = 1;
    const over = new AbortController();
    const packetCreate = ({ type }: { type: string }): void => {
      if (type === 'ping') this.#pingsOut += 1;
    };
    const heartbeat = (): void => {
      this.#pingsOut -= 1;
      if (this.#pingsOut === 0) over.abort();
    };
    listen(this.#connection, { packetCreate, heartbeat }, over.signal);
  }

  /** Closes the transport: after a disconnect packet a stock client would not come back. */
  cut(): void {
    this.#connection.close(true);
  }
}

/** What is used of Engine.IO and of its WebSocket beyond their types. */
type EngineInside = {
  transport: { name: string; socket?: Unsent & { _sender?: { sendFrame?: unknown } } };
  writeBuffer: readonly { data?: string; options?: { wsPreEncodedFrame?: Buffer[] } }[];
  sendPacket?: (type: 'ping') => void;
  /** Set while a heartbeat waits for its answer. */
  pingTimeoutTimer?: unknown;
};

/** The same conditions under which Engine.IO's WebSocket transport writes a frame as it is. */
function takesFrames(connection: Socket['conn']): boolean {
  const { transport } = connection as unknown as EngineInside;
  return transport.name === 'websocket' && typeof transport.socket?._sender?.sendFrame === 'function';
}

const framesOf = ({ framed: ready, text }: Encoded): Framed => ready ?? framed(joinFrames([text], messagePacket));

const joined = (waiting: readonly Encoded[]): Framed =>
  framed(
    joinFrames(
      waiting.map(({ framed: ready, text }) => ready?.wsPreEncodedFrame[0] ?? text),
      messagePacket,
    ),
  );

const encode = ({ event, json, offset }: WireEvent): Encoded => ({
  text: `2[${JSON.stringify(event)},${json}${offset === null ? '' : `,"${offset}"`}]`,
  uses: 0,
  framed: undefined,
});
