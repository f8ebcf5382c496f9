import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildGround } from './compose/ground.ts';
import { inOrder } from './compose/in-order.ts';
import { buildLive } from './compose/live.ts';
import { meetingSockets } from './compose/meeting-sockets.ts';
import { buildModules } from './compose/modules.ts';
import { wireReactions } from './compose/reactions.ts';
import { buildRoutes } from './compose/routes.ts';
import { openTransports } from './compose/transports.ts';
import { keepUp } from './compose/upkeep.ts';
import { watched } from './compose/watched.ts';
import type { Config } from './config.ts';
import { meetingsLimits } from './doors/meetings/limits.ts';
import { pushDoor } from './doors/push/door.ts';
import { pushLimits } from './doors/push/limits.ts';
import { socialLimits } from './doors/social/limits.ts';
import { socialSocket } from './doors/social/socket.ts';
import type { Replay, ReplayOptions } from './infra/delivery/replay.ts';
import { followConnections } from './infra/http/connections.ts';
import { joinDoors } from './infra/sockets/join.ts';
import type { Identity } from './modules/identity/index.ts';
import type { Secrets } from './secrets.ts';
import type { Storage } from './storage.ts';

export type AppOptions = {
  config: Config;
  secrets: Secrets;
  storage: Storage;
  /** Replaces the part that brings returning clients up to date; the fault runs show that a broken one is noticed. */
  replayWith?: (options: ReplayOptions) => Replay;
};

export type App = {
  identity: Identity;
  /** All that can be asked for: routes as in `GET /api/v1/health`, and the events that clients may emit. */
  readonly surface: Readonly<{ routes: readonly string[]; events: readonly string[] }>;
  /** Where the social and push doors listen, once they do. */
  listen(): Promise<{ social: string }>;
  /** Not ready first, then no new work, what is under way finishes, transports close, everything is stored. */
  close(): Promise<void>;
};

/** How long commits under way may hold up the closing of transports, in milliseconds. */
const settleFor = 500;
/** How long requests under way may take to finish, in milliseconds; then their connections are cut. */
const drainWithin = 6_000;

/** Constructs everything, by hand, top to bottom; each part in `compose/` builds one layer on those before it. */
export async function buildApp({ config, secrets, storage, replayWith }: AppOptions): Promise<App> {
  const ground = buildGround({ config, secrets, storage });
  const { limits, clock, jobs, bus, onFailure } = ground;
  const { sql, log } = storage;
  let ready = false;
  // The modules ask who is connected: the connections are there by then.
  const online = {
    has: (id: string) => live.hub.isOnline(id),
    isConnected: (id: string) => live.hub.isConnected(id),
    all: () => live.hub.onlineIds(),
  };
  const modules = await buildModules(ground, online);
  const { identity, presence, search, hostWatch } = modules;
  const live = await buildLive(ground, { replayWith });
  wireReactions({ live, modules, onFailure });

  const gateway = pushDoor({ push: modules.push, limits: pushLimits(limits, config, clock), identity, clock });
  // Both contracts are on one default namespace: every connection has the events and the words of both.
  const counted = socialLimits(limits, config, clock);
  const social = socialSocket({ ...modules, limits: counted, onFailure });
  const door = joinDoors(social, gateway);
  const countedInMeetings = meetingsLimits(limits, config, clock);
  const meetings = meetingSockets({ ...modules, limits: countedInMeetings, onFailure }, live);
  const metrics = watched({ log, live, search });
  const http = await buildRoutes(ground, {
    modules,
    gateway,
    metrics,
    limits: counted,
    meetingsLimits: countedInMeetings,
    isReady: () => ready,
  });
  const transports = openTransports(ground, { server: http.app.server, door, meetings, live });
  const connections = followConnections(http.app.server);
  keepUp(ground, modules);

  return {
    identity,
    surface: { routes: http.routes(), events: [...door.events.keys(), ...meetings.events.map((name) => `ws:${name}`)] },
    async listen() {
      const host = config.NODE_ENV === 'production' ? config.HOST : '127.0.0.1';
      await presence.start();
      await hostWatch.start();
      await http.app.listen({ host, port: config.SOCIAL_PORT });
      await jobs.start();
      ready = true;
      return { social: addressOf(http.app.server.address(), host) };
    },
    async close() {
      ready = false;
      await inOrder(onFailure, [
        () => jobs.close(),
        // What waits for its commit gets its answer first. Under steady load there is always something, so not for long.
        () => Promise.race([log.settled(), sleep(settleFor)]),
        () => presence.close(),
        () => hostWatch.close(),
        () => live.hub.closeAll(),
        () => transports.close(),
        () => connections.drain(drainWithin),
        () => http.app.close(),
        () => live.cursors.close(),
        () => live.hub.stop(),
        () => live.delivery.close(),
        () => search.close(),
        () => modules.liveKitDepartures?.close(),
        () => metrics.close(),
        () => bus.close(),
        () => log.close(),
        () => sql.close(),
      ]);
    },
  };
}

function addressOf(address: AddressInfo | string | null, host: string): string {
  const port = typeof address === 'object' && address !== null ? address.port : address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
