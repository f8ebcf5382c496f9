import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { Cursors } from '../../src/infra/delivery/cursors.ts';
import { Delivery } from '../../src/infra/delivery/delivery.ts';
import { Recent } from '../../src/infra/delivery/recent.ts';
import { Replay } from '../../src/infra/delivery/replay.ts';
import type { Log, NewRow } from '../../src/infra/log/log.ts';
import { topicOf } from '../../src/infra/log/topic.ts';
import { SocketGate } from '../../src/infra/sockets/gate.ts';
import { Hub } from '../../src/infra/sockets/hub.ts';
import { Pids } from '../../src/infra/sockets/pid.ts';
import { serveSocketIo } from '../../src/infra/sockets/socketio.ts';
import type { EventHandler, Greeting, SocketBounds, SocketDoor } from '../../src/infra/sockets/sockets.ts';
import { Upgrades } from '../../src/infra/sockets/upgrades.ts';
import { boundWaiting, Waiting } from '../../src/infra/sockets/waiting.ts';
import { serveWebSocket } from '../../src/infra/sockets/websocket.ts';
import { commonErrors, Refusal } from '../../src/kernel/errors.ts';
import { openTestDatabase } from './database.ts';
import { plainly } from './feeds.ts';

type Options = {
  bounds?: Partial<SocketBounds>;
  events?: Record<string, EventHandler>;
  origins?: string[] | '*';
  /** Before an authentication is answered. */
  hold?: () => Promise<void>;
  /** Connections of one address that may wait at a time. */
  waiting?: number;
  /** Live connections that one account may have. */
  perAccount?: number;
  /** For how long an authentication holds, in milliseconds. */
  lasting?: number;
};

export type Sockets = {
  url: string;
  log: Log;
  hub: Hub;
  failures: unknown[];
  /** Rows of the log in one commit. */
  write(...rows: readonly NewRow[]): Promise<void>;
  server: Server;
  upgrades: Upgrades;
  /** What a further endpoint is made of. */
  parts: { hub: Hub; gate: SocketGate; bounds: SocketBounds; waiting: Waiting; door: SocketDoor };
  closeWebSockets(): void;
  /** Before the server closes, which waits for its connections. */
  whenClosing(close: () => void): void;
};

/**
 * Both transports over a real log, with a door of a few events. The token is the number of the account, and of its
 * session; anything else is refused.
 */
export async function openSockets(t: TestContext, options: Options = {}): Promise<Sockets> {
  const closing: (() => Promise<unknown> | unknown)[] = [];
  // Before the database's own: these hooks run in the order in which they are registered.
  t.after(async () => {
    for (const close of closing) await close();
  });
  const { sql, log } = await openTestDatabase(t);
  const failures: unknown[] = [];
  const onFailure = (error: unknown): void => void failures.push(error);
  const gate = new SocketGate(onFailure);
  const recent = new Recent(await log.head());
  const delivery = new Delivery({
    log,
    recent,
    gate,
    sendBuffer: 1_048_576,
    onFailure: (_row, error) => onFailure(error),
  });
  const replay = new Replay({ log, recent, delivery, gate, onFailure });
  const cursors = new Cursors({ sql, log, feedsOf: (account) => delivery.feedsOf(account), onFailure });
  const door = doorOf(options);
  const perAccount = options.perAccount ?? 1_000;
  const hub = new Hub({ log, delivery, replay, cursors, replayMax: 50_000, perAccount });
  log.committed = (rows) => delivery.take(rows);
  const server = createServer((_request, response) => response.end());
  const origins = options.origins ?? ('*' as const);
  const common = { hub, gate, onFailure, door, bounds: { ...testBounds, ...options.bounds } };
  const io = serveSocketIo({
    ...common,
    server,
    origins,
    pids: new Pids(Buffer.from('a key for the pids of these tests')),
  });
  const waiting = new Waiting(options.waiting ?? 1_000, ({ socket }) => socket.remoteAddress ?? '');
  boundWaiting(io, waiting);
  const webSockets = serveWebSocket({ ...common, waiting });
  const upgrades = new Upgrades({ server, waiting, origins });
  upgrades.at('/ws', webSockets.take);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  closing.push(
    () => upgrades.close(),
    () => webSockets.close(),
    () => io.engine.close(),
    () => server.closeAllConnections(),
    () => new Promise((resolve) => server.close(resolve)),
    () => cursors.close(),
    () => delivery.close(),
  );
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    log,
    hub,
    failures,
    server,
    upgrades,
    parts: { hub, gate, bounds: common.bounds, waiting, door },
    write: (...rows) => log.write(async ({ append }) => rows.forEach(append)),
    closeWebSockets: () => webSockets.close(),
    whenClosing: (close) => void closing.unshift(close),
  };
}

/** The topic of the account whose token is `1`. */
export const ada = topicOf('user', 1);

const testBounds: SocketBounds = {
  frame: 65_536,
  transportFrame: 131_072,
  authenticateWithin: 5_000,
  pingEvery: 25_000,
  silentFor: 20_000,
  events: { count: 1_000, seconds: 10 },
  sendBuffer: 4_194_304,
  replayMax: 50_000,
};

export const plainGreeting: Greeting = {
  connected: ({ id, principal, recovered }) => ['connected', { userId: principal.id, socketId: id, recovered }],
  resync: (missed) => ['resync', { missed }],
  refused: ({ error, message }) => ['error', { code: error.code, message }],
  unauthenticated: ['error', { message: 'Authentication failed' }],
};

function doorOf({ events = {}, hold, lasting = 3_600_000 }: Options): SocketDoor {
  const own: Record<string, EventHandler> = {
    echo: async (_connection, input) => () => input,
    'tell me': async (connection, input) => {
      connection.emit('told', input);
      return () => null;
    },
    refuse: async () => {
      throw new Refusal(commonErrors.NOT_FOUND);
    },
    fail: async () => {
      throw new Error('the canary of an inner error');
    },
  };
  return {
    events: new Map(Object.entries({ ...own, ...events })),
    words: plainly,
    greeting: plainGreeting,
    authenticate: async (token) => {
      await hold?.();
      if (!/^[1-9]\d*$/.test(token)) throw new Refusal(commonErrors.UNAUTHENTICATED);
      const number = Number(token);
      const ids = { account: number, id: `user-${number}`, session: number, sessionId: `session-${number}` };
      return { ...ids, role: 'GUEST', until: Date.now() + lasting };
    },
    errorOf: (error) => {
      if (error instanceof Refusal) return { code: error.error.code, message: error.message };
      return { code: 'INTERNAL', message: 'Something went wrong' };
    },
  };
}

/** A Socket.IO connection spoken by hand, packet by packet, over a WebSocket. */
export async function rawSocketIo(t: TestContext, { url }: { url: string }, token?: string) {
  const address = new URL('/socket.io/?EIO=4&transport=websocket', url.replace('http', 'ws'));
  const socket = new WebSocket(address);
  const packets: string[] = [];
  let look = (): void => {};
  socket.on('message', (data: Buffer) => {
    packets.push(data.toString());
    look();
  });
  t.after(() => socket.terminate());
  const closed = once(socket, 'close').then(([code]) => Number(code));
  const until = async (start: string): Promise<string> => {
    for (;;) {
      const found = packets.find((packet) => packet.startsWith(start));
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        look = resolve;
      });
    }
  };
  await until('0');
  if (token !== undefined) {
    socket.send(`40${JSON.stringify({ token })}`);
    await until('42["connected"');
  }
  return { socket, packets, closed, until };
}

/** The server hears of a closing a little after the client. The test's own time limit ends a wait in vain. */
export async function offline(hub: Hub): Promise<void> {
  while (hub.isOnline('user-1')) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets handshakes wait: `asked` when one is there, and `answer` lets it go on. */
export function held() {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const hold = () => {
    asked.resolve();
    return answer.promise;
  };
  return { hold, asked: asked.promise, answer: answer.resolve };
}
