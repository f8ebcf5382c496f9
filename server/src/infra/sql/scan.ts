import { Worker } from 'node:worker_threads';
import type { CompiledQuery } from 'kysely';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { ScanReply, ScanRequest } from './scan.worker.ts';
import { scanTimeout } from './sql.ts';
import { bindable } from './sqlite.dialect.ts';

type Waiting = {
  request: ScanRequest;
  resolve: (rows: unknown[]) => void;
  reject: (error: Error) => void;
};

/** A thread and what it works on. */
type Working = Waiting & { timer: NodeJS.Timeout };

/** How many scans may wait for a thread; the next one is refused at once. */
const queueLimit = 256;
/** One long scan must not hold up all others; more threads than processors would only share them. */
const threads = 2;
/** Threads that were given up may still work on their statements; with more of them everybody waits. */
const abandonedAtMost = 2;

/**
 * The threads that run statements whose cost grows with the data, so that the event loop stays free; the second starts
 * when there is work for it. SQLite cannot be interrupted from JavaScript: a scan over its time is answered UNAVAILABLE,
 * its thread is given up (it ends with the statement) and a new one takes the next.
 */
export class ScanThreads {
  readonly #path: string;
  readonly #queue: Waiting[] = [];
  readonly #idle: Worker[] = [];
  readonly #working = new Map<Worker, Working>();
  readonly #abandoned = new Set<Worker>();

  constructor(path: string) {
    this.#path = path;
  }

  run(query: CompiledQuery): Promise<unknown[]> {
    if (this.#queue.length >= queueLimit || this.#abandoned.size > abandonedAtMost) {
      return Promise.reject(new Refusal(commonErrors.UNAVAILABLE, { message: 'Too many searches wait, please retry' }));
    }
    return new Promise((resolve, reject) => {
      const request = { sql: query.sql, values: query.parameters.map(bindable) };
      this.#queue.push({ request, resolve, reject });
      this.#next();
    });
  }

  async close(): Promise<void> {
    for (const waiting of this.#queue.splice(0)) waiting.reject(new Refusal(commonErrors.UNAVAILABLE));
    const all = [...this.#idle, ...this.#working.keys(), ...this.#abandoned];
    await Promise.all(all.map((worker) => worker.terminate()));
  }

  #next(): void {
    if (this.#queue.length === 0 || this.#working.size >= threads) return;
    const worker = this.#idle.pop() ?? this.#start();
    const waiting = this.#queue.shift();
    if (waiting === undefined) return;
    const giveUp = (): void => this.#giveUp(worker, 'The search took too long; narrow it down');
    this.#working.set(worker, { ...waiting, timer: setTimeout(giveUp, scanTimeout) });
    worker.postMessage(waiting.request);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./scan.worker.ts', import.meta.url), { workerData: { path: this.#path } });
    worker.unref();
    worker.on('message', (reply: ScanReply) => this.#finish(worker, reply));
    worker.on('error', (error) => this.#giveUp(worker, String(error)));
    return worker;
  }

  #finish(worker: Worker, reply: ScanReply): void {
    const done = this.#release(worker);
    if (done === undefined) return;
    this.#idle.push(worker);
    if ('rows' in reply) done.resolve(reply.rows);
    else done.reject(new Error(reply.problem));
    this.#next();
  }

  #giveUp(worker: Worker, message: string): void {
    const idle = this.#idle.indexOf(worker);
    if (idle >= 0) this.#idle.splice(idle, 1);
    this.#release(worker)?.reject(new Refusal(commonErrors.UNAVAILABLE, { message }));
    this.#abandoned.add(worker);
    worker.once('exit', () => this.#abandoned.delete(worker));
    void worker.terminate();
    this.#next();
  }

  /** What the thread worked on; nothing when it had been given up. */
  #release(worker: Worker): Working | undefined {
    const working = this.#working.get(worker);
    clearTimeout(working?.timer);
    this.#working.delete(worker);
    return working;
  }
}
