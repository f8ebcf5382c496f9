import { type WebSocket, WebSocketServer } from 'ws';
import type { Principal } from '../../kernel/principal.ts';
import type { Codec } from './codec.ts';
import { dispatch, EventRate } from './dispatch.ts';
import type { SocketGate } from './gate.ts';
import type { Hub, Start } from './hub.ts';
import { WebSocketOutlet } from './outlet.ws.ts';
import { type Connection, closeCodes, type EventLimit, type SocketBounds, type SocketDoor } from './sockets.ts';

export type ConverseNeeds = Readonly<{ hub: Hub; gate: SocketGate; bounds: SocketBounds }>;

/** Who speaks here, with which door, in which spelling, and where in the log they begin. */
export type Conversation = Readonly<{
  principal: Principal;
  door: SocketDoor;
  codec: Codec;
  start: Start;
  /** What came before this. */
  early?: readonly Buffer[];
  /** When the connection has caught up for the first time. */
  caughtUp?: (() => void) | undefined;
}>;

/** `end`: from then on nothing is heard and nothing counts as seen, also when the client does not answer the close. */
export type Conversing = Readonly<{ connection: Connection; end(code: number, reason: string): void }>;

/** How long a client may take to answer a close, in milliseconds. */
const closeWithin = 1_000;
/** Events of one connection that wait for those before them: with more nothing is read, and with half of them again. */
const mostWaiting = 64;

/** Takes upgrades; `bearer` is the subprotocol behind which a token stands. */
export const socketServer = ({ transportFrame }: SocketBounds): WebSocketServer =>
  new WebSocketServer({
    noServer: true,
    maxPayload: transportFrame,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('bearer') ? 'bearer' : false),
  });

/** Asks all clients to come back. */
export function closeSockets(sockets: WebSocketServer): void {
  for (const socket of sockets.clients) socket.close(closeCodes.GOING_AWAY.code, 'The server is restarting');
  sockets.close();
}

/** A WebSocket whose account is known: from here on it hears the log, and is heard. */
export function converse(
  socket: WebSocket,
  { principal, door, codec, start, early = [], caughtUp }: Conversation,
  { hub, gate, bounds }: ConverseNeeds,
): Conversing {
  const end = (code: number, reason: string): void => {
    hub.close(connection);
    socket.removeAllListeners('message');
    socket.close(code, reason);
    setTimeout(() => socket.terminate(), closeWithin).unref();
  };
  const outlet = new WebSocketOutlet(socket, gate, codec.write);
  outlet.onLast = ({ code, reason }) => end(code, reason);
  const id = crypto.randomUUID();
  const ended = door.sessionEnded ?? closeCodes.SESSION_ENDED.code;
  const connection = hub.open({ id, principal, outlet, door, start, caughtUp }, (reason) => end(ended, reason));
  socket.on('close', () => hub.close(connection));
  watchHeartbeat(socket, bounds);
  const onFlood = (): void => end(closeCodes.FLOOD.code, 'Too many events');
  const rate = door.rate?.(principal, onFlood) ?? new EventRate(bounds.events, onFlood);
  const receiver = { door, codec, connection, outlet, rate, bounds };
  const take = door.inOrder ? inOrder(socket, receiver) : (data: Buffer) => void receive(data, receiver);
  socket.removeAllListeners('message');
  socket.on('message', take);
  early.forEach(take);
  return { connection, end };
}

type Receiver = Readonly<{
  door: SocketDoor;
  codec: Codec;
  connection: Connection;
  outlet: WebSocketOutlet;
  rate: EventLimit;
  bounds: SocketBounds;
}>;

async function receive(data: Buffer, { door, codec, connection, outlet, rate, bounds }: Receiver): Promise<void> {
  // Who asks and does not read the answers must not fill the memory with them.
  if (outlet.buffered() > bounds.sendBuffer) {
    connection.feed.cut('Nothing is read');
    return;
  }
  const frame = codec.read(data);
  const { answer } = frame;
  const acknowledge = answer === undefined ? undefined : (reply: object) => outlet.write(answer(reply));
  await dispatch(door, connection, frame, { rate, bounds, acknowledge });
}

/** One event after the other; what comes faster waits, and when too much does, in the kernel. */
function inOrder(socket: WebSocket, receiver: Receiver): (data: Buffer) => void {
  let last = Promise.resolve();
  let waiting = 0;
  return (data) => {
    waiting += 1;
    if (waiting === mostWaiting) socket.pause();
    last = last.then(async () => {
      // What was sent before the end, and not begun, is not done any more.
      if (!receiver.connection.feed.ended) await receive(data, receiver);
      waiting -= 1;
      if (waiting === mostWaiting / 2 && socket.isPaused) socket.resume();
    });
  };
}

/** Ends connections whose other end is gone without a word. */
function watchHeartbeat(socket: WebSocket, { pingEvery, silentFor }: SocketBounds): void {
  let heard = Date.now();
  socket.on('pong', () => {
    heard = Date.now();
  });
  const timer = setInterval(() => {
    if (Date.now() - heard > pingEvery + silentFor) socket.terminate();
    else socket.ping();
  }, pingEvery);
  timer.unref();
  socket.on('close', () => clearInterval(timer));
}
