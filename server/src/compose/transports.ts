import type { Server } from 'node:http';
import type { Config } from '../config.ts';
import { clientAddresses } from '../infra/http/client-address.ts';
import { originsOf } from '../infra/http/lists.ts';
import { Pids } from '../infra/sockets/pid.ts';
import { type Places, servePlaces } from '../infra/sockets/placed.ts';
import { serveSocketIo } from '../infra/sockets/socketio.ts';
import type { SocketBounds, SocketDoor } from '../infra/sockets/sockets.ts';
import { Upgrades } from '../infra/sockets/upgrades.ts';
import { boundWaiting, Waiting } from '../infra/sockets/waiting.ts';
import { serveWebSocket } from '../infra/sockets/websocket.ts';
import type { Ground } from './ground.ts';
import type { Live } from './live.ts';

const bounds = (config: Config): SocketBounds => ({
  frame: 65_536,
  transportFrame: 131_072,
  authenticateWithin: 10_000,
  pingEvery: 25_000,
  silentFor: 20_000,
  events: config.SOCKET_EVENTS,
  sendBuffer: 4 * config.SEND_BUFFER,
  replayMax: config.REPLAY_MAX,
});

type Needs = { server: Server; door: SocketDoor; meetings: Places; live: Live };

/** The sockets of stock clients and of plain WebSockets on one HTTP server. */
export function openTransports(
  { config, secrets, onFailure }: Ground,
  { server, door, meetings, live }: Needs,
): { close(): void } {
  const { hub, gate } = live;
  const origins = originsOf(config.CORS_ORIGINS);
  const needs = { hub, gate, bounds: bounds(config) };
  const common = { ...needs, door, onFailure };
  const atOnce = config.RATE_LIMITS === 'off' ? Number.POSITIVE_INFINITY : config.SOCKETS_WAITING;
  const waiting = new Waiting(atOnce, clientAddresses(config.TRUST_PROXY));
  const io = serveSocketIo({ ...common, server, origins, pids: new Pids(secrets.keyFor('pid')) });
  boundWaiting(io, waiting);
  const webSockets = serveWebSocket({ ...common, waiting });
  const upgrades = new Upgrades({ server, waiting, origins });
  upgrades.at('/ws', webSockets.take);
  const meetingSockets = servePlaces({ ...needs, places: meetings, waiting });
  upgrades.at('/ws/meetings/:id', meetingSockets.take);
  return {
    close() {
      upgrades.close();
      webSockets.close();
      meetingSockets.close();
      io.engine.close();
    },
  };
}
