import type { SocketDoor } from './sockets.ts';

type Part = Pick<SocketDoor, 'events' | 'words'>;

/**
 * Several contracts on one namespace: every connection has the events and the words of all of them. Throws when two
 * of them mean something by the same event. What a refusal is called is for the first to say.
 */
export function joinDoors(first: SocketDoor, ...others: readonly Part[]): SocketDoor {
  const events = new Map(first.events);
  for (const [name, handler] of others.flatMap((other) => [...other.events])) {
    if (events.has(name)) throw new Error(`Two doors have an event ${name}`);
    events.set(name, handler);
  }
  const all = [first, ...others].map(({ words }) => words);
  return {
    ...first,
    events,
    words: {
      row: (row, offset) => firstOf(all, (words) => words.row(row, offset)),
      signal: (signal) => firstOf(all, (words) => words.signal(signal)),
    },
  };
}

function firstOf<Item, Found>(items: readonly Item[], find: (item: Item) => Found | null): Found | null {
  for (const item of items) {
    const found = find(item);
    if (found !== null) return found;
  }
  return null;
}
