import { Disk, writeRemains } from './disk.ts';
import type { Random } from './random.ts';
import type { TraceEvent } from './strace.ts';

/**
 * Follows a trace: what a power cut at this point would leave on the disk, and which messages had been shown to anybody by
 * then. A message counts as promised when its key begins to leave on any socket, in an acknowledgement or an event.
 */
export class Replay {
  readonly promised = new Set<string>();
  readonly #disk: Disk;
  readonly #keys: RegExp;
  readonly #tails = new Map<string, string>();

  constructor(folder: string, keys: RegExp) {
    this.#disk = new Disk(folder);
    this.#keys = keys;
  }

  take(event: TraceEvent): void {
    this.#disk.take(event);
    if (event.kind !== 'leave') return;
    // A key may be cut in two by the end of a write.
    const said = (this.#tails.get(event.connection) ?? '') + event.data.toString('latin1');
    for (const [key] of said.matchAll(this.#keys)) this.promised.add(key);
    this.#tails.set(event.connection, said.slice(-64));
  }

  rebuild(folder: string, torn?: Random): Promise<void> {
    return writeRemains(this.#disk.remains(torn), folder);
  }
}

/**
 * Random places in a trace, in order, after the first promise. Half of them lie right behind bytes that left: an
 * acknowledgement that outran its sync is most easily caught there.
 */
export function cutPoints(
  events: readonly TraceEvent[],
  { keys, count, random }: { keys: RegExp; count: number; random: Random },
): number[] {
  const leaving: number[] = [];
  for (const [place, event] of events.entries()) {
    if (event.kind === 'leave' && event.data.toString('latin1').search(keys) !== -1) leaving.push(place + 1);
  }
  const first = leaving[0];
  if (first === undefined) return [];
  const points = Array.from({ length: count }, (_, number) =>
    number % 2 === 0 ? random.pick(leaving) : random.between(first, events.length),
  );
  return points.sort((one, other) => one - other);
}
