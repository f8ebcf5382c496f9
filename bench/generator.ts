/** The benchmark's side of the load generator (load.ts). */
import { type ChildProcess, fork } from 'node:child_process';
import type { BroadcastOptions, BroadcastResult } from './broadcast.ts';
import type { Person } from './client.ts';
import type { ExchangeOptions, ExchangeResult } from './exchange.ts';
import type { Answer, Order } from './load.ts';
import type { PagesOptions, PagesResult } from './pages.ts';
import { repositoryPath, stop } from './process.ts';
import type { ReadingOptions, ReadingResult } from './reading.ts';

/** Figures of one HTTP load. */
export interface RequestsResult {
  total: number;
  perSecond: number;
  faults: string[];
}

/** A running load generator. One order at a time: orders that overlap would disturb each other's figures. */
export interface Generator {
  connect(target: string, url: string, people: Person[]): Promise<void>;
  disconnect(target: string): Promise<void>;
  exchange(target: string, options: ExchangeOptions): Promise<ExchangeResult>;
  broadcast(target: string, members: number, options: BroadcastOptions): Promise<BroadcastResult>;
  read(target: string, members: number, options: ReadingOptions): Promise<ReadingResult>;
  requests(url: string, token: string, load: { connections: number; seconds: number }): Promise<RequestsResult>;
  pages(options: PagesOptions): Promise<PagesResult>;
  close(): Promise<void>;
}

interface HttpLoadResult {
  requests: { total: number };
  duration: number;
  errors: number;
  non2xx: number;
}

/** Starts the load generator's process. */
export function openGenerator(): Generator {
  const child = fork(repositoryPath('bench/load.ts'), { stdio: 'inherit' });
  const give = orders(child);
  return {
    connect: async (target, url, people) => {
      await give({ kind: 'connect', target, url, people });
    },
    disconnect: async (target) => {
      await give({ kind: 'disconnect', target });
    },
    exchange: (target, { onWindow, ...options }) =>
      give<ExchangeResult>({ kind: 'exchange', target, options }, onWindow),
    broadcast: (target, members, options) => give<BroadcastResult>({ kind: 'broadcast', target, members, options }),
    read: (target, members, options) => give<ReadingResult>({ kind: 'read', target, members, options }),
    requests: async (url, token, load) => {
      const raw = await give<HttpLoadResult>({ kind: 'requests', url, token, ...load });
      const failed = raw.errors + raw.non2xx;
      return {
        total: raw.requests.total,
        perSecond: raw.requests.total / raw.duration,
        faults: failed > 0 ? [`${failed} of ${raw.requests.total} requests failed`] : [],
      };
    },
    pages: (options) => give<PagesResult>({ kind: 'pages', options }),
    close: () => stop(child),
  };
}

/** Sends an order and waits for its answer; an exit of the process fails what is still open. */
function orders(child: ChildProcess) {
  let lastId = 0;
  const open = new Map<number, (answer: Answer) => void>();
  child.on('message', (answer: Answer) => open.get(answer.id)?.(answer));
  child.on('exit', (code) => {
    for (const [id, settle] of open) settle({ id, error: `the load generator exited with ${code}` });
  });
  return <Result>(order: Order, onWindow?: (edge: 'begin' | 'end') => void): Promise<Result> =>
    new Promise((resolve, reject) => {
      lastId += 1;
      const id = lastId;
      open.set(id, (answer) => {
        if ('edge' in answer) return onWindow?.(answer.edge);
        open.delete(id);
        // Both ends of this channel are in this folder: the shape is the one the order's handler returns.
        if ('result' in answer) resolve(answer.result as Result);
        else reject(new Error(answer.error));
      });
      child.send({ id, order });
    });
}
