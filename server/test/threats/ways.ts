import type { TestContext } from 'node:test';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { connected, type Ear, field, plainClient } from '../support/clients.ts';
import type { TestServer } from '../support/server.ts';

/** One live connection, whatever it speaks. `ended` answers once the server has closed it. */
export type Way = Readonly<{
  name: string;
  ear: Ear;
  ask(event: string, data: unknown): Promise<unknown>;
  ended: Promise<unknown>;
}>;

/** A live connection over each transport: what goes past the log reaches nobody who is still catching up. */
export async function everyWay(t: TestContext, server: TestServer, who: SignedIn): Promise<Way[]> {
  const { accessToken: token, principal } = who;
  const [stock, polling] = [
    await connected(t, server, { token }),
    await connected(t, server, { token, transports: ['polling'] }),
  ];
  const plain = plainClient(t, server, { token });
  await plain.ear.until('connected');
  const gone = ({ socket }: typeof stock) => new Promise((resolve) => socket.once('disconnect', resolve));
  const ways = [
    { name: 'Socket.IO', ear: stock.ear, ask: stock.ask, ended: gone(stock) },
    { name: 'polling', ear: polling.ear, ask: polling.ask, ended: gone(polling) },
    { name: 'WebSocket', ear: plain.ear, ask: plain.ask, ended: plain.closed },
  ];
  await server.send(who, { receiverId: principal.id }, 'to oneself');
  for (const { ear } of ways) await ear.until(({ data }) => contentOf(data) === 'to oneself');
  for (const { ear } of ways) ear.forget();
  return ways;
}

export const contentOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null ? field(data, 'content') : undefined;

/** Everything that was sent before has arrived: a message to oneself comes behind it. */
export async function quiet(server: TestServer, who: SignedIn, ways: readonly Way[]): Promise<void> {
  const content = `behind everything ${crypto.randomUUID()}`;
  await server.send(who, { receiverId: who.principal.id }, content);
  for (const { ear } of ways) await ear.until(({ data }) => contentOf(data) === content);
}

/** What was heard apart from the connection itself and messages to oneself. */
export const eventsOf = ({ ear }: Way, who: SignedIn): string[] =>
  ear.all
    .filter(({ data }) => {
      const own = typeof data === 'object' && data !== null && field(data, 'receiverId') === who.principal.id;
      return !(own && field(data, 'senderId') === who.principal.id);
    })
    .map(({ event }) => event)
    .filter((event) => event !== 'connected' && event !== 'cursor');
