import type { Signal } from '../delivery/signal.ts';
import type { Row } from '../log/log.ts';

/**
 * What carries words between nodes. Promises: `announce` reaches every node that listens, this one too, mostly once and
 * mostly in order, and may be lost: it only wakes. What is complete is decided by the log. A listener on the node that
 * announced is called before `announce` returns.
 */
export interface Bus {
  /** The rows of one commit, in order. */
  announce(rows: readonly Row[]): void;
  /** Returns what ends the listening. */
  onAnnounced(listener: (rows: readonly Row[]) => void): () => void;
  /** What goes past the log: it reaches every node that listens, this one too, at most once. */
  signal(signal: Signal): void;
  /** Returns what ends the listening. */
  onSignal(listener: (signal: Signal) => void): () => void;
  close(): Promise<void>;
}
