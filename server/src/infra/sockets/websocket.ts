import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { plainCodec } from './codec.ts';
import { type ConverseNeeds, closeSockets, converse, socketServer } from './converse.ts';
import { WebSocketOutlet } from './outlet.ws.ts';
import { closeCodes, type SocketDoor } from './sockets.ts';
import { tokenOf } from './token.ts';
import type { Upgrade } from './upgrades.ts';
import type { Waiting } from './waiting.ts';

export type WebSocketOptions = ConverseNeeds &
  Readonly<{ door: SocketDoor; waiting: Waiting; onFailure: (error: unknown) => void }>;

/**
 * Plain WebSockets. A client says `?since=<offset>` to go on where it was; its first frame tells whether that was
 * possible (`recovered`). Client frames: `{"event", "data", "id"?}`; with an `id` the answer is `{"reply": id, …}`.
 */
export function serveWebSocket(options: WebSocketOptions): { take(upgrade: Upgrade): void; close(): void } {
  const sockets = socketServer(options.bounds);
  return {
    take: ({ request, stream, head, query }) => {
      sockets.handleUpgrade(request, stream, head, (socket) => {
        accept(socket, request, query, options).catch((error) => {
          options.onFailure(error);
          socket.terminate();
        });
      });
    },
    close: () => closeSockets(sockets),
  };
}

async function accept(
  socket: WebSocket,
  request: IncomingMessage,
  query: Record<string, string>,
  { door, waiting, ...needs }: WebSocketOptions,
): Promise<void> {
  socket.on('error', () => socket.terminate());
  const admitted = waiting.enter(request);
  socket.once('close', admitted);
  const early: Buffer[] = [];
  socket.on('message', (data: Buffer) => void (early.length < 16 && early.push(data)));
  const late = setTimeout(() => socket.terminate(), needs.bounds.authenticateWithin);
  socket.once('close', () => clearTimeout(late));
  let principal: Principal;
  try {
    principal = await door.authenticate(tokenOf({ headers: request.headers, query }) ?? '', { continuation: false });
  } catch (error) {
    if (!(error instanceof Refusal) || error.error.kind === 'unavailable') throw error;
    const [event, data] = door.greeting.unauthenticated;
    new WebSocketOutlet(socket, needs.gate).write(JSON.stringify({ event, data }));
    socket.close(closeCodes.UNAUTHENTICATED.code, 'Authentication failed');
    return;
  }
  const start = await needs.hub.startFor(principal, query.since);
  clearTimeout(late);
  admitted();
  if (socket.readyState !== socket.OPEN) return;
  converse(socket, { principal, door, codec: plainCodec, start, early }, needs);
}
