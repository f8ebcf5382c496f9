/** The load generator: one process of its own, told over IPC what to do, so that its CPU never counts as a server's. */
import autocannon from 'autocannon';
import { type BroadcastOptions, broadcast } from './broadcast.ts';
import { type Client, connectClients, type Person } from './client.ts';
import { type ExchangeOptions, exchange } from './exchange.ts';
import { type PagesOptions, readPages } from './pages.ts';
import { type ReadingOptions, readAll } from './reading.ts';

/** A request; `target` names a set of connections that stays open from `connect` to `disconnect`. */
export type Order =
  | { kind: 'connect'; target: string; url: string; people: Person[] }
  | { kind: 'disconnect'; target: string }
  | { kind: 'exchange'; target: string; options: Omit<ExchangeOptions, 'onWindow'> }
  | { kind: 'broadcast'; target: string; members: number; options: BroadcastOptions }
  | { kind: 'read'; target: string; members: number; options: ReadingOptions }
  | { kind: 'requests'; url: string; token: string; connections: number; seconds: number }
  | { kind: 'pages'; options: PagesOptions };

/** The answer, or a note that the measured window begins or ends. */
export type Answer =
  | { id: number; result: unknown }
  | { id: number; error: string }
  | { id: number; edge: 'begin' | 'end' };

const connections = new Map<string, Client[]>();

function clientsOf(target: string): Client[] {
  const clients = connections.get(target);
  if (!clients) throw new Error(`nobody is connected to ${target}`);
  return clients;
}

async function obey(order: Order, onWindow: (edge: 'begin' | 'end') => void): Promise<unknown> {
  switch (order.kind) {
    case 'connect': {
      const clients = await connectClients(order.url, order.people);
      connections.set(order.target, [...(connections.get(order.target) ?? []), ...clients]);
      return clients.length;
    }
    case 'disconnect':
      await Promise.all(clientsOf(order.target).map((client) => client.close()));
      connections.delete(order.target);
      return null;
    case 'exchange':
      return exchange(clientsOf(order.target), { ...order.options, onWindow });
    case 'broadcast':
      return broadcast(clientsOf(order.target).slice(0, order.members), order.options);
    case 'read':
      return readAll(clientsOf(order.target).slice(0, order.members), order.options);
    case 'requests':
      return autocannon({
        url: order.url,
        connections: order.connections,
        duration: order.seconds,
        headers: { authorization: `Bearer ${order.token}` },
      });
    case 'pages':
      return readPages(order.options);
  }
}

process.on('message', ({ id, order }: { id: number; order: Order }) => {
  const reply = (answer: Answer) => process.send?.(answer);
  obey(order, (edge) => reply({ id, edge })).then(
    (result) => reply({ id, result }),
    (error: unknown) => reply({ id, error: error instanceof Error ? error.message : String(error) }),
  );
});
