import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocketServer } from 'ws';
import type { Principal } from '../../kernel/principal.ts';
import type { Codec } from './codec.ts';
import { type ConverseNeeds, type Conversing, closeSockets, converse, socketServer } from './converse.ts';
import type { Start } from './hub.ts';
import type { SocketDoor } from './sockets.ts';
import { tokenOf } from './token.ts';
import { deny, type Upgrade } from './upgrades.ts';
import type { Waiting } from './waiting.ts';

/** What somebody gets who is let into a place: its door, and its spelling for them. */
export type Seat = Readonly<{
  door: SocketDoor;
  codec: Codec;
  /** What was before is not for them: they begin now, whatever their client says. */
  fromNow: boolean;
  /** When the connection is there, and when it has caught up with the log for the first time. */
  opened(conversing: Conversing): void;
  caughtUp(conversing: Conversing): void;
  /** Once, when it is gone or, without one, was never made. */
  left(conversing: Conversing | undefined): void;
}>;

/** A kind of places, one of which the address of each WebSocket names. */
export type Places = Readonly<{
  authenticate(token: string): Promise<Principal>;
  /** Refuses who may not be there, before the upgrade. */
  seat(principal: Principal, params: Readonly<Record<string, string>>): Promise<Seat>;
  /** How a refusal is answered over HTTP. */
  refused(error: unknown): Readonly<{ status: number; body: unknown }>;
}>;

export type PlacedOptions = ConverseNeeds & Readonly<{ places: Places; waiting: Waiting }>;

/**
 * WebSockets of places, such as a meeting: whoever may not be there is refused over HTTP, before the upgrade. A client
 * says `?since=<offset>` to go on where it was, and begins now otherwise.
 */
export function servePlaces(options: PlacedOptions): { take(upgrade: Upgrade): void; close(): void } {
  const sockets = socketServer(options.bounds);
  return {
    take: (upgrade) => {
      const { stream, request } = upgrade;
      const admitted = options.waiting.enter(request);
      stream.once('close', admitted);
      const late = setTimeout(() => stream.destroy(), options.bounds.authenticateWithin);
      admit(upgrade, options)
        .then((admission) => {
          admitted();
          begin(upgrade, admission, { ...options, sockets });
        })
        .catch((error) => refuse(stream, options.places.refused(error)))
        .finally(() => clearTimeout(late));
    },
    close: () => closeSockets(sockets),
  };
}

type Admission = { principal: Principal; start: Start; seat: Seat };

async function admit({ request, query, params }: Upgrade, { places, hub }: PlacedOptions): Promise<Admission> {
  const principal = await places.authenticate(tokenOf({ headers: request.headers, query }) ?? '');
  // Before the look at who may be there: whatever changes that afterwards is a row behind these.
  const now = await hub.startFor(principal, 'now', true);
  const start = await hub.startFor(principal, query.since, true);
  const seat = await places.seat(principal, params);
  return { principal, start: seat.fromNow ? now : start, seat };
}

function begin(
  { request, stream, head }: Upgrade,
  { principal, start, seat }: Admission,
  { sockets, ...needs }: PlacedOptions & { sockets: WebSocketServer },
): void {
  if (stream.destroyed) {
    seat.left(undefined);
    return;
  }
  let made: Conversing | undefined;
  stream.once('close', () => seat.left(made));
  sockets.handleUpgrade(request, stream, head, (socket) => {
    socket.on('error', () => socket.terminate());
    const { door, codec } = seat;
    // Catching up takes a turn at least: by then it is there.
    const caughtUp = (): void => seat.caughtUp(conversing);
    const conversing = converse(socket, { principal, door, codec, start, caughtUp }, needs);
    made = conversing;
    seat.opened(conversing);
  });
}

function refuse(stream: Duplex, { status, body }: ReturnType<Places['refused']>): void {
  deny(stream, `${status} ${STATUS_CODES[status] ?? 'Error'}`, body);
}
