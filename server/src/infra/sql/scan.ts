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
  timer: NodeJS.Timeout | undefined;
};

/** How many scans may wait for the thread; the next one is refused at once. */
const queueLimit = 256;

/**
 * The thread that runs statements whose cost grows with the data, one at a time, so that the event loop stays free.
 * SQLite cannot be interrupted from JavaScript: a scan over its time is answered UNAVAILABLE, its thread is given up
 * (it ends with the statement) and a new one takes the next.
 */
export class ScanThread {
  readonly #path: string;
  readonly #queue: Waiting[] = [];
  #worker: Worker | undefined;
  #running: Waiting | undefined;
  #ids = 0;

  constructor(path: string) {
    this.#path = path;
  }

  run(query: CompiledQuery): Promise<unknown[]> {
    if (this.#queue.length >= queueLimit) {
      return Promise.reject(new Refusal(commonErrors.UNAVAILABLE, { message: 'Too many searches wait, please retry' }));
    }
    return new Promise((resolve, reject) => {
      const request = { id: ++this.#ids, sql: query.sql, values: query.parameters.map(bindable) };
      this.#queue.push({ request, resolve, reject, timer: undefined });
      this.#next();
    });
  }

  async close(): Promise<void> {
    for (const waiting of this.#queue.splice(0)) waiting.reject(new Refusal(commonErrors.UNAVAILABLE));
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const waiting = this.#queue.shift();
    if (waiting === undefined) return;
    this.#running = waiting;
    waiting.timer = setTimeout(() => this.#giveUp('The search took too long; narrow it down'), scanTimeout);
    this.#worker ??= this.#start();
    this.#worker.postMessage(waiting.request);
  }

  #start(): Worker {
    const worker = new Worker(new URL('./scan.worker.ts', import.meta.url), { workerData: { path: this.#path } });
    worker.unref();
    worker.on('message', (reply: ScanReply) => this.#finish(worker, reply));
    worker.on('error', (error) => {
      if (worker === this.#worker) this.#giveUp(String(error));
    });
    return worker;
  }

  #finish(worker: Worker, reply: ScanReply): void {
    const waiting = this.#running;
    if (worker !== this.#worker || waiting === undefined || waiting.request.id !== reply.id) return;
    clearTimeout(waiting.timer);
    this.#running = undefined;
    if ('rows' in reply) waiting.resolve(reply.rows);
    else waiting.reject(new Error(reply.problem));
    this.#next();
  }

  #giveUp(message: string): void {
    const waiting = this.#running;
    const worker = this.#worker;
    this.#running = undefined;
    this.#worker = undefined;
    clearTimeout(waiting?.timer);
    waiting?.reject(new Refusal(commonErrors.UNAVAILABLE, { message }));
    void worker?.terminate();
    this.#next();
  }
}
