import type { Server as HttpServer } from 'node:http';
import { Server, type Socket } from 'socket.io';
import { Adapter } from 'socket.io-adapter';
import { isShallow } from '../../kernel/depth.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { WireEvent } from '../delivery/wire-event.ts';
import { dispatch, EventRate } from './dispatch.ts';
import { ackPacket, type EventPacket, readEvent } from './event-packet.ts';
import type { EngineConnection, SocketGate } from './gate.ts';
import type { Hub, Start } from './hub.ts';
import { isAllowedOrigin } from './origins.ts';
import { SocketIoOutlet } from './outlet.socketio.ts';
import type { Pids } from './pid.ts';
import type { SocketBounds, SocketDoor } from './sockets.ts';
import { tokenOf } from './token.ts';

export type SocketIoOptions = {
  server: HttpServer;
  door: SocketDoor;
  hub: Hub;
  pids: Pids;
  gate: SocketGate;
  bounds: SocketBounds;
  /** Browser origins, `'*'` for any without credentials. */
  origins: string[] | '*';
  onFailure: (error: unknown) => void;
};

/** Packets between two looks at what waits for their client. */
const lookAtBuffer = 16;

/** Objects and lists inside each other, in what Socket.IO has parsed. */
const deepest = 100;

/** Packets of a connection that has not asked to connect. */
const earlyPackets = 16;

/** What the authentication leaves for the connection handler. */
type Admission = { principal: Principal; start: Start } | { refused: true };
type Admitted = Socket<Record<string, never>, Record<string, never>, Record<string, never>, { admission?: Admission }>;

/** Stock `socket.io-client`s on the default namespace, resumed from the log by their connection state recovery. */
export function serveSocketIo(options: SocketIoOptions): Server {
  const { server, door, hub, pids, gate, bounds, origins } = options;
  const io = new Server(server, {
    adapter: recoveringAdapter(hub, pids),
    connectionStateRecovery: { skipMiddlewares: false },
    perMessageDeflate: false,
    httpCompression: false,
    maxHttpBufferSize: bounds.transportFrame,
    connectTimeout: bounds.authenticateWithin,
    pingInterval: bounds.pingEvery,
    pingTimeout: bounds.silentFor,
    destroyUpgrade: false,
    // The bundle is served with the start page; from here everybody could have it compressed at any cost.
    serveClient: false,
    cors: origins === '*' ? { origin: '*' } : { origin: origins, credentials: true },
    allowRequest: (request, decide) => decide(null, isAllowedOrigin(request.headers.origin, origins)),
  });
  const early = new WeakMap<object, () => void>();
  io.engine.on('connection', (connection: Socket['conn']) => {
    gate.attach(connection as unknown as EngineConnection);
    boundEarlyPackets(connection, early);
    // Long polling waits 30 seconds for one more request of a client that is being closed; it has been told by then.
    Object.assign(connection.transport, { closeTimeout: 1_000 });
  });
  io.use((socket: Admitted, next) => {
    // One connection is one client: a second CONNECT on it would begin a feed beside the first.
    const count = early.get(socket.conn);
    if (count === undefined) {
      socket.conn.close(true);
      return;
    }
    early.delete(socket.conn);
    socket.conn.off('packet', count);
    admit(socket, options).then(
      (admission) => {
        socket.data.admission = admission;
        next();
      },
      (error) => {
        options.onFailure(error);
        // Stock clients come back from a closed transport by themselves, and from a refused handshake they do not.
        socket.conn.close(true);
      },
    );
  });
  const newest = new Map<string, Admitted>();
  io.on('connection', (socket: Admitted) => {
    // It may have gone while it was admitted; then nobody would end what begins here.
    if (!socket.connected) return;
    const { admission } = socket.data;
    if (admission === undefined || 'refused' in admission) {
      refuse(socket, { door, gate });
      return;
    }
    endHalfOpen(socket, newest);
    begin(socket, admission, { door, hub, gate, bounds });
  });
  return io;
}

/** Before its CONNECT a client has nothing to say; who goes on talking is answered each time and may not read it. */
function boundEarlyPackets(connection: Socket['conn'], early: WeakMap<object, () => void>): void {
  let packets = 0;
  const count = (): void => {
    packets += 1;
    if (packets > earlyPackets) connection.close(true);
  };
  early.set(connection, count);
  connection.on('packet', count);
}

/** Recovery without anything kept: the pid is signed, the offset is ours, and the replay happens after the middleware. */
function recoveringAdapter(hub: Hub, pids: Pids): typeof Adapter {
  return class extends Adapter {
    override async restoreSession(pid: string, offset: string): ReturnType<Adapter['restoreSession']> {
      const known = pids.ownerOf(pid) !== undefined && (await hub.resumable(offset)) !== undefined;
      // Always a new sid: with the old one the new socket would end when the half-open old connection does.
      const session = { sid: crypto.randomUUID(), pid, rooms: [], data: {}, missedPackets: [] };
      return known ? session : (null as never);
    }
    override persistSession(): void {}
  };
}

async function admit(socket: Admitted, { door, hub, pids }: SocketIoOptions): Promise<Admission> {
  const { auth } = socket.handshake;
  const owner = pids.ownerOf(auth.pid);
  const token = tokenOf({ auth: auth.token, headers: socket.handshake.headers, query: socket.handshake.query }) ?? '';
  const isOwner = ({ id, sessionId }: Principal): boolean => owner?.account === id && owner.session === sessionId;
  let principal: Principal;
  try {
    principal = await door.authenticate(token, { continuation: owner !== undefined });
    // Somebody else's pid continues nothing: then the token must be good by itself.
    if (owner !== undefined && !isOwner(principal)) principal = await door.authenticate(token, { continuation: false });
  } catch (error) {
    if (!(error instanceof Refusal) || error.error.kind === 'unavailable') throw error;
    // The client keeps what it came with, so that its next try with a good token still resumes.
    setPid(socket, typeof auth.pid === 'string' && auth.pid.length <= 200 ? auth.pid : undefined, false);
    return { refused: true };
  }
  const mine = isOwner(principal);
  const start = await hub.startFor(principal, mine ? auth.offset : auth.since);
  if (!(mine && start.recovered && socket.recovered)) {
    setPid(socket, pids.issue({ account: principal.id, session: principal.sessionId }), false);
  }
  return { principal, start };
}

function setPid(socket: Admitted, pid: string | undefined, recovered: boolean): void {
  Object.assign(socket, { pid, recovered });
}

/** As documented: the connection is made, says `error`, and is closed. */
function refuse(socket: Admitted, { door, gate }: Pick<SocketIoOptions, 'door' | 'gate'>): void {
  const [event, data] = door.greeting.unauthenticated;
  new SocketIoOutlet(socket, gate).send(new WireEvent(event, JSON.stringify(data), null));
  socket.disconnect(true);
}

/** A client may come back while its old connection still looks alive: the new one goes on, the old one ends. */
function endHalfOpen(socket: Admitted, newest: Map<string, Admitted>): void {
  const { pid } = socket as unknown as { pid: string };
  newest.get(pid)?.conn.close(true);
  newest.set(pid, socket);
  socket.on('disconnect', () => {
    if (newest.get(pid) === socket) newest.delete(pid);
  });
}

function begin(
  socket: Admitted,
  { principal, start }: Exclude<Admission, { refused: true }>,
  { door, hub, gate, bounds }: Pick<SocketIoOptions, 'door' | 'hub' | 'gate' | 'bounds'>,
): void {
  const outlet = new SocketIoOutlet(socket, gate);
  const rate = new EventRate(bounds.events, () => socket.conn.close(true));
  const connection = hub.open({ id: socket.id, principal, outlet, door, start }, () => socket.disconnect(true));
  socket.on('disconnect', () => hub.close(connection));
  readUsualEvents(socket, {
    isEvent: (event) => socket.connected && door.events.has(event),
    onPacket: boundAnswers(socket, outlet, bounds.sendBuffer),
    onEvent: ({ event, input, ack }, bytes) => {
      const acknowledge =
        ack === null
          ? undefined
          : (reply: unknown) => void socket.conn.write(ackPacket(ack, reply), { compress: false });
      void dispatch(door, connection, { event, input, bytes }, { rate, bounds, acknowledge });
    },
  });
  socket.onAny((event: string, ...given: unknown[]) => {
    const last = given.at(-1);
    const acknowledge = typeof last === 'function' ? (reply: unknown) => void last(reply) : undefined;
    const input = typeof given[0] === 'function' ? undefined : given[0];
    // Measuring descends once a level: what is nested deeper than any event of a door counts as none.
    const arrived = isShallow(input, deepest)
      ? { event, input, bytes: bytesOf(input) }
      : { event: undefined, input: undefined, bytes: 0 };
    void dispatch(door, connection, arrived, { rate, bounds, acknowledge });
  });
  // Every event has been taken above; Socket.IO's own dispatch would only look for listeners that must not exist.
  Object.assign(socket, { dispatch: ignore });
}

const ignore = (): void => {};

/** Who asks and does not read the answers must not fill the memory with them. */
function boundAnswers(socket: Admitted, outlet: SocketIoOutlet, sendBuffer: number): () => void {
  let packets = 0;
  return () => {
    packets += 1;
    if (packets % lookAtBuffer === 0 && outlet.buffered() > sendBuffer) socket.conn.close(true);
  };
}

type UsualEvents = {
  isEvent: (event: string) => boolean;
  onPacket: () => void;
  onEvent: (packet: EventPacket, bytes: number) => void;
};

/** Takes the door's events before Socket.IO's parser; should its client lose `ondata`, they come by `onAny` as well. */
function readUsualEvents(socket: Admitted, { isEvent, onPacket, onEvent }: UsualEvents): void {
  const { conn, client } = socket as unknown as { conn: Socket['conn']; client: { ondata?: (data: unknown) => void } };
  const { ondata } = client;
  if (typeof ondata !== 'function') {
    conn.on('data', onPacket);
    return;
  }
  conn.off('data', ondata);
  conn.on('data', (data: unknown): void => {
    if (conn.readyState === 'closed') return;
    onPacket();
    const packet = typeof data === 'string' ? readEvent(data) : null;
    if (packet !== null && isEvent(packet.event)) onEvent(packet, Buffer.byteLength(data as string));
    else ondata(data);
  });
}

/** Of what Socket.IO has parsed. A buffer inside an object counts as the text it would be. */
const bytesOf = (input: unknown): number =>
  input instanceof Uint8Array ? input.length : Buffer.byteLength(JSON.stringify(input) ?? '');
