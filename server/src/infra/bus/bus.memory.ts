import type { Signal } from '../delivery/signal.ts';
import type { Row } from '../log/log.ts';
import type { Bus } from './bus.ts';

/** One node: calls the same delivery function that a bus between nodes calls. */
export class MemoryBus implements Bus {
  readonly #listeners = new Set<(rows: readonly Row[]) => void>();
  readonly #signalled = new Set<(signal: Signal) => void>();

  announce(rows: readonly Row[]): void {
    for (const listener of this.#listeners) listener(rows);
  }

  onAnnounced(listener: (rows: readonly Row[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  signal(signal: Signal): void {
    for (const listener of this.#signalled) listener(signal);
  }

  onSignal(listener: (signal: Signal) => void): () => void {
    this.#signalled.add(listener);
    return () => this.#signalled.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#signalled.clear();
  }
}
