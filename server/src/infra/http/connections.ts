import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** How long a connection that owes no answer may take to say goodbye, in milliseconds. */
const goodbye = 1_000;

/** How long a client may take nothing of an answer that waits for it, in milliseconds. */
const patience = 30_000;

/** The connections of one HTTP server, and how a drain ends them. */
export type Connections = {
  /**
   * Ends every connection as soon as it owes no answer: idle ones, those that never asked, and sockets whose other end
   * does not close, after a second; the others after their answer. After `within` milliseconds all that is left is cut.
   */
  drain(within: number): void;
};

/**
 * `server.close` alone waits for connections that nobody ends: it closes those that are idle at that moment, but not
 * those whose answer comes later, that never sent a request, or that were upgraded. Call it once all upgrades and
 * request listeners are in place.
 *
 * From then on a client that does not read its answers is cut as well: they would be kept for it without end.
 */
export function followConnections(server: Server, stalledFor = patience): Connections {
  const owed = new Map<Socket, number>();
  const owing = new Set<Socket>();
  let draining = false;
  server.on('connection', (socket: Socket) => {
    owed.set(socket, 0);
    socket.once('close', () => {
      owed.delete(socket);
      owing.delete(socket);
    });
  });
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    owed.set(socket, (owed.get(socket) ?? 0) + 1);
    owing.add(socket);
    response.once('close', () => {
      const left = (owed.get(socket) ?? 1) - 1;
      if (!owed.has(socket)) return;
      owed.set(socket, left);
      if (left === 0) owing.delete(socket);
      if (draining && left === 0) socket.end();
    });
  });
  // Node says so when a connection has moved no byte for the time, also not out of what waits to be sent. Only those
  // whose answers take long are asked to: a timeout of the server's renews two timers a request, and the garbage of that
  // was a quarter of the CPU of a short answer.
  setInterval(() => {
    for (const socket of owing) if (socket.timeout !== stalledFor) socket.setTimeout(stalledFor);
  }, stalledFor / 2).unref();
  // Who waits for us is left alone; who has asked for nothing since its last answer was kept alive for long enough.
  server.on('timeout', (socket: Socket) => {
    if (socket.writableLength > 0 || !owed.get(socket)) socket.destroy();
  });
  const end = (socket: Socket): void => {
    if (owed.get(socket) === 0) socket.destroy();
  };
  return {
    drain(within) {
      draining = true;
      setTimeout(() => {
        for (const socket of owed.keys()) end(socket);
        // From here on an answer is the last thing a connection is for; who does not hang up after it is cut.
        setInterval(() => [...owed.keys()].forEach(end), goodbye).unref();
      }, goodbye).unref();
      setTimeout(() => {
        for (const socket of owed.keys()) socket.destroy();
      }, within).unref();
    },
  };
}
