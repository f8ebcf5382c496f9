import type { Transaction } from '../log/log.ts';

export type NewJob = Readonly<{
  kind: string;
  /** When it is due, in milliseconds since 1970; it starts within about a second of that. */
  at: number;
  /** JSON. */
  payload: unknown;
  /** Of one kind and key one job exists: a second one takes its place. Needed to cancel it. */
  key?: string;
}>;

/** One try of a job. */
export type Run = Readonly<{
  payload: unknown;
  /** 1 for the first try. */
  attempt: number;
  /** Fires when the server drains: a long job stops between two steps, by returning or throwing. */
  signal: AbortSignal;
}>;

export type Handler = (run: Run) => Promise<void>;

/**
 * Timers that survive the process. Promises, for every implementation:
 * - a job is stored with the transaction that schedules it, and with nothing else;
 * - it runs at least once, after its time; one that came due while no server ran starts soon after the next start;
 * - no two nodes run the same try, as long as their clocks differ by less than the lease (a minute), which a node
 *   renews while it runs a job; a job whose node died runs again when the lease is over;
 * - a handler that throws is tried again, each time later (5 seconds to an hour); after ten tries a job is kept as
 *   failed, with its error, until it is forgotten. A repeating job is never given up;
 * - finding what is due costs the same however many jobs wait for their time. While a bounded kind runs as many as it may, those
 *   of it that are due are passed over in the index, and keep no other kind from running.
 */
export interface Jobs {
  /** Before `start`: who runs jobs of this kind; of one that waits for others, `atOnce` at a time on one node. */
  handle(kind: string, handler: Handler, bounds?: { atOnce: number }): void;
  /** Before `start`: runs now and then again `every` milliseconds after each end, on one node at a time. */
  repeat(kind: string, every: number, handler: Handler): void;
  start(): Promise<void>;
  schedule(transaction: Transaction, job: NewJob): Promise<void>;
  /** Whether there was such a job. A try under way is not stopped, but it is the last. */
  cancel(transaction: Transaction, job: { kind: string; key: string }): Promise<boolean>;
  /** Forgets up to `limit` jobs that failed for good more than seven days ago, and returns how many; for a timer. */
  forgetFailed(limit: number): Promise<number>;
  /**
   * Starts nothing more, signals what runs, and waits for it; what was interrupted runs again at the next start. What does
   * not stop within two seconds is left behind, said to the server's log, and runs again when its lease is over.
   */
  close(): Promise<void>;
}
