/** The load of history reads: a few callers who fetch one page after the other. */
import { Agent, request } from 'node:http';
import { percentile } from './report.ts';

/** `urls` are taken in turn; `width` callers at a time. */
export interface PagesOptions {
  urls: string[];
  tokens: string[];
  width: number;
  seconds: number;
}

/** Latencies in milliseconds. */
export interface PagesResult {
  requests: number;
  p50: number;
  p99: number;
  faults: string[];
}

/** Reads pages until the time is over; `tokens[n]` goes with `urls[n]`. Anything but 200 is a fault. */
export async function readPages(options: PagesOptions): Promise<PagesResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.width });
  const latencies: number[] = [];
  const faults: string[] = [];
  const until = performance.now() + options.seconds * 1000;
  let turn = 0;
  const caller = async () => {
    while (performance.now() < until && faults.length === 0) {
      const index = turn % options.urls.length;
      turn += 1;
      const began = performance.now();
      const status = await read(agent, options.urls[index] ?? '', options.tokens[index] ?? '');
      latencies.push(performance.now() - began);
      if (status !== 200) faults.push(`${options.urls[index]} answered ${status}`);
    }
  };
  await Promise.all(Array.from({ length: options.width }, caller));
  agent.destroy();
  return { requests: latencies.length, p50: percentile(latencies, 0.5), p99: percentile(latencies, 0.99), faults };
}

function read(agent: Agent, url: string, token: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
    });
    asked.once('error', reject);
    asked.end();
  });
}
