import type { IncomingMessage } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { type Arrived, dispatch, EventRate } from './dispatch.ts';
import type { SocketGate } from './gate.ts';
import type { Hub } from './hub.ts';
import { WebSocketOutlet } from './outlet.ws.ts';
import { type Connection, closeCodes, type SocketBounds, type SocketDoor } from './sockets.ts';
import { tokenOf } from './token.ts';
import type { Upgrade } from './upgrades.ts';
import type { Waiting } from './waiting.ts';

export type WebSocketOptions = {
  door: SocketDoor;
  hub: Hub;
  gate: SocketGate;
  bounds: SocketBounds;
  waiting: Waiting;
  onFailure: (error: unknown) => void;
};

/** How long a client may take to answer a close, in milliseconds. */
const closeWithin = 1_000;

/**
 * Plain WebSockets. A client says `?since=<offset>` to go on where it was; its first frame tells whether that was
 * possible (`recovered`). Client frames: `{"event", "data", "id"?}`; with an `id` the answer is `{"reply": id, …}`.
 */
export function serveWebSocket(options: WebSocketOptions): { take(upgrade: Upgrade): void; close(): void } {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: options.bounds.transportFrame,
    perMessageDeflate: false,
    handleProtocols: (offered) => (offered.has('bearer') ? 'bearer' : false),
  });
  return {
    take: ({ request, stream, head, query }) => {
      sockets.handleUpgrade(request, stream, head, (socket) => {
        accept(socket, request, query, options).catch((error) => {
          options.onFailure(error);
          socket.terminate();
        });
      });
    },
    close: () => {
      for (const socket of sockets.clients) socket.close(closeCodes.GOING_AWAY.code, 'The server is restarting');
      sockets.close();
    },
  };
}

async function accept(
  socket: WebSocket,
  request: IncomingMessage,
  query: Record<string, string>,
  { door, hub, gate, bounds, waiting }: WebSocketOptions,
): Promise<void> {
  socket.on('error', () => socket.terminate());
  const admitted = waiting.enter(request);
  socket.once('close', admitted);
  const early: Buffer[] = [];
  const keepEarly = (data: Buffer): void => void (early.length < 16 && early.push(data));
  socket.on('message', keepEarly);
  const outlet = new WebSocketOutlet(socket, gate);
  const late = setTimeout(() => socket.terminate(), bounds.authenticateWithin);
  socket.once('close', () => clearTimeout(late));
  let principal: Principal;
  try {
    principal = await door.authenticate(tokenOf({ headers: request.headers, query }) ?? '', { continuation: false });
  } catch (error) {
    if (!(error instanceof Refusal) || error.error.kind === 'unavailable') throw error;
    const [event, data] = door.greeting.unauthenticated;
    outlet.write(JSON.stringify({ event, data }));
    socket.close(closeCodes.UNAUTHENTICATED.code, 'Authentication failed');
    return;
  }
  const start = await hub.startFor(principal, query.since);
  clearTimeout(late);
  admitted();
  if (socket.readyState !== socket.OPEN) return;
  // From here on nothing is heard and nothing counts as seen, also when the client does not answer the close.
  const end = ({ code }: { code: number }, reason: string): void => {
    hub.close(connection);
    socket.removeAllListeners('message');
    socket.close(code, reason);
    setTimeout(() => socket.terminate(), closeWithin).unref();
  };
  const id = crypto.randomUUID();
  const connection = hub.open({ id, principal, outlet, door, start }, (reason) =>
    end(closeCodes.SESSION_ENDED, reason),
  );
  socket.on('close', () => hub.close(connection));
  watchHeartbeat(socket, bounds);
  const rate = new EventRate(bounds.events, () => end(closeCodes.FLOOD, 'Too many events'));
  const take = (data: Buffer): void => receive(data, { door, connection, outlet, rate, bounds });
  socket.off('message', keepEarly);
  socket.on('message', take);
  early.forEach(take);
}

type Receiver = {
  door: SocketDoor;
  connection: Connection;
  outlet: WebSocketOutlet;
  rate: EventRate;
  bounds: SocketBounds;
};

function receive(data: Buffer, { door, connection, outlet, rate, bounds }: Receiver): void {
  // Who asks and does not read the answers must not fill the memory with them.
  if (outlet.buffered() > bounds.sendBuffer) {
    connection.feed.cut('Nothing is read');
    return;
  }
  const frame = parseFrame(data);
  const acknowledge =
    frame.id === undefined ? undefined : (reply: object) => outlet.write(JSON.stringify({ reply: frame.id, ...reply }));
  void dispatch(door, connection, frame, { rate, bounds, acknowledge });
}

function parseFrame(data: Buffer): Arrived & { id: string | number | undefined } {
  const nothing = { event: undefined, input: undefined, bytes: data.length, id: undefined };
  try {
    const frame: unknown = JSON.parse(data.toString());
    if (typeof frame !== 'object' || frame === null) return nothing;
    const { event, data: input, id } = frame as Record<string, unknown>;
    return { event, input, bytes: data.length, id: typeof id === 'string' || typeof id === 'number' ? id : undefined };
  } catch {
    return nothing;
  }
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
