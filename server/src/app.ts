import { randomBytes } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from './config.ts';
import { socialEnvelope } from './doors/social/envelope.ts';
import { groupRoutes } from './doors/social/groups.routes.ts';
import { healthRoutes } from './doors/social/health.routes.ts';
import { socialLimits } from './doors/social/limits.ts';
import { messageRoutes } from './doors/social/messages.routes.ts';
import { socialRoutes } from './doors/social/routes.ts';
import { socialSocket } from './doors/social/socket.ts';
import { welcomeRoutes } from './doors/social/welcome.ts';
import { MemoryBus } from './infra/bus/bus.memory.ts';
import { followConnections } from './infra/http/connections.ts';
import { createHttp } from './infra/http/http.ts';
import { createLogger } from './infra/http/logger.ts';
import { SqlJobs } from './infra/jobs/jobs.sql.ts';
import { MemoryLimits } from './infra/limits/limits.memory.ts';
import { UnlimitedLimits } from './infra/limits/limits.none.ts';
import type { Limits } from './infra/limits/limits.ts';
import { Cursors } from './infra/log/cursors.ts';
import { Delivery } from './infra/log/delivery.ts';
import { Recent } from './infra/log/recent.ts';
import { Replay, type ReplayOptions } from './infra/log/replay.ts';
import { Retention } from './infra/log/retention.ts';
import { accountOf } from './infra/log/topic.ts';
import { SocketGate } from './infra/sockets/gate.ts';
import { Hub } from './infra/sockets/hub.ts';
import { Pids } from './infra/sockets/pid.ts';
import { serveSocketIo } from './infra/sockets/socketio.ts';
import type { SocketBounds } from './infra/sockets/sockets.ts';
import { serveWebSocket } from './infra/sockets/websocket.ts';
import { systemClock } from './kernel/clock.ts';
import { Groups } from './modules/groups/index.ts';
import { buildIdentity, type Identity, identityEvents, type SessionsRevoked } from './modules/identity/index.ts';
import { Messaging } from './modules/messaging/index.ts';
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
  /** Where the social and push doors listen, once they do. */
  listen(): Promise<{ social: string }>;
  /** Not ready first, then no new work, what is under way finishes, transports close, everything is stored. */
  close(): Promise<void>;
};

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

const hour = 3_600_000;
/** Login sessions that are forgotten in one transaction. */
const expirySlice = 500;
/** How long commits under way may hold up the closing of transports, in milliseconds. */
const settleFor = 500;
/** How long requests under way may take to finish, in milliseconds; then their connections are cut. */
const drainWithin = 6_000;

type ModuleOptions = {
  config: Config;
  storage: Storage;
  limits: Limits;
  secret: Uint8Array;
  isOnline: (id: string) => boolean;
};

/** The modules over the log, which is ready for reading and writing once all of them have said what they keep in it. */
async function buildModules({ config, storage, limits, secret, isOnline }: ModuleOptions) {
  const { sql, log, messageStore } = storage;
  const clock = systemClock;
  const identity = buildIdentity({ sql, log, limits, clock, secret, config });
  const groups = new Groups({ sql, log, clock });
  const messaging = new Messaging({
    sql,
    log,
    store: messageStore,
    clock,
    isOnline,
    findAccount: (id) => identity.findAccount(id),
    findGroup: (id) => groups.find(id),
  });
  await log.start();
  return { identity, groups, messaging };
}

/** The modules without doors, for a command on a folder that no server holds; they sign and verify no token. */
export async function buildOffline({ config, storage }: { config: Config; storage: Storage }) {
  const limits = new UnlimitedLimits(systemClock);
  const { identity } = await buildModules({ config, storage, limits, secret: randomBytes(32), isOnline: () => false });
  const close = async (): Promise<void> => {
    await storage.log.close();
    await storage.sql.close();
  };
  return { identity, close };
}

/** Constructs everything, by hand, top to bottom. */
export async function buildApp({ config, secrets, storage, replayWith }: AppOptions): Promise<App> {
  const { sql, log } = storage;
  const clock = systemClock;
  const logger = createLogger(config.LOG_LEVEL);
  const onFailure = (error: unknown): void => logger.error({ err: error }, 'unexpected failure');
  const limits = config.RATE_LIMITS === 'off' ? new UnlimitedLimits(clock) : new MemoryLimits(clock);
  const bus = new MemoryBus();
  let ready = false;
  const isOnline = (id: string): boolean => hub.isOnline(id);
  const { identity, groups, messaging } = await buildModules({
    config,
    storage,
    limits,
    secret: secrets.tokens,
    isOnline,
  });

  // The log to the sockets.
  const gate = new SocketGate();
  const recent = new Recent(await log.head());
  const delivery = new Delivery({
    log,
    recent,
    gate,
    sendBuffer: config.SEND_BUFFER,
    onFailure: (row, error) => logger.error({ err: error, seq: row.seq, type: row.type }, 'row not delivered'),
  });
  const replayOptions = { log, recent, delivery, gate, onFailure };
  const replay = replayWith === undefined ? new Replay(replayOptions) : replayWith(replayOptions);
  const cursors = new Cursors({ sql, log, feedsOf: (account) => delivery.feedsOf(account) });
  const hub = new Hub({ log, delivery, replay, cursors, replayMax: config.REPLAY_MAX });
  log.committed = (rows) => bus.announce(rows);
  bus.onAnnounced((rows) => delivery.take(rows));
  delivery.react(identityEvents.sessionsRevoked, ({ body }) =>
    hub.endSessions((body as SessionsRevoked).sessions, 'The login session has ended'),
  );
  delivery.react(identityEvents.roleChanged, ({ topic }) => hub.renew(accountOf(topic), 'The role has changed'));

  // Doors.
  const http = createHttp({ logger, trustProxy: config.TRUST_PROXY, corsOrigins: config.CORS_ORIGINS });
  http.setEnvelope('/', socialEnvelope);
  await http.app.register(welcomeRoutes({ identity, config }));
  const health = { clock, pingDatabase: () => sql.ping(), isReady: () => ready };
  await http.app.register(healthRoutes(health));
  await http.app.register(
    socialRoutes({
      ...health,
      identity,
      limits,
      config,
      isOnline: (account) => delivery.feedsOf(account).size > 0,
      others: [messageRoutes(messaging), groupRoutes(groups)],
    }),
    { prefix: '/api/v1' },
  );
  const door = socialSocket({ identity, messaging, limits: socialLimits(limits, config, clock), onFailure });
  const origins = originsOf(config);
  const common = { server: http.app.server, door, hub, gate, bounds: bounds(config), origins, onFailure };
  const io = serveSocketIo({ ...common, pids: new Pids(secrets.keyFor('pid')) });
  const webSockets = serveWebSocket({ ...common, path: '/ws' });
  const connections = followConnections(http.app.server);

  // What runs by itself.
  const jobs = new SqlJobs({ sql, log, clock, onFailure: (kind, err) => logger.error({ err, kind }, 'job failed') });
  const retention = new Retention({ sql, log, clock });
  jobs.repeat('log.retention', hour, ({ signal }) => retention.run(signal));
  jobs.repeat('identity.expiry', hour, ({ signal }) => forgetSessions(identity, signal));

  return {
    identity,
    async listen() {
      const host = config.NODE_ENV === 'production' ? config.HOST : '127.0.0.1';
      await http.app.listen({ host, port: config.SOCIAL_PORT });
      await jobs.start();
      ready = true;
      return { social: addressOf(http.app.server.address(), host) };
    },
    async close() {
      ready = false;
      await jobs.close();
      // What waits for its commit gets its answer first. Under steady load there is always something, so not for long.
      await Promise.race([log.close(), sleep(settleFor)]);
      hub.closeAll();
      webSockets.close();
      io.engine.close();
      connections.drain(drainWithin);
      await http.app.close();
      await cursors.close();
      hub.stop();
      delivery.close();
      await bus.close();
      await log.close();
      await sql.close();
    },
  };
}

async function forgetSessions(identity: Identity, signal: AbortSignal): Promise<void> {
  for (let more = true; more && !signal.aborted; ) more = (await identity.forgetExpired(expirySlice)) === expirySlice;
}

const originsOf = ({ CORS_ORIGINS }: Config): string[] | '*' =>
  CORS_ORIGINS === undefined ? '*' : CORS_ORIGINS.split(',').map((origin) => origin.trim());

function addressOf(address: AddressInfo | string | null, host: string): string {
  const port = typeof address === 'object' && address !== null ? address.port : address;
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}
