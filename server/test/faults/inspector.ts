import WebSocket from 'ws';

import { isJson } from './wire.ts';

/**
 * The bytes that a process holds in JavaScript objects and buffers, after its garbage was collected. It must have been
 * started with `--inspect=127.0.0.1:<port>`. Resident memory alone would mostly tell of garbage.
 */
export async function heldBytes(port: number): Promise<number> {
  const inspector = await attach(port);
  try {
    await inspector.ask('HeapProfiler.collectGarbage');
    const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())';
    const answer = await inspector.ask('Runtime.evaluate', { expression, returnByValue: true });
    const result = isJson(answer['result']) ? answer['result']['value'] : undefined;
    if (typeof result !== 'number') throw new Error(`the inspector answered ${JSON.stringify(answer)}`);
    return result;
  } finally {
    inspector.close();
  }
}

type Inspector = Readonly<{
  ask(method: string, params?: Record<string, unknown>): Promise<Readonly<Record<string, unknown>>>;
  close(): void;
}>;

async function attach(port: number): Promise<Inspector> {
  const targets: unknown = await (await fetch(`http://127.0.0.1:${port}/json/list`)).json();
  const address = Array.isArray(targets) && isJson(targets[0]) ? targets[0]['webSocketDebuggerUrl'] : undefined;
  if (typeof address !== 'string') throw new Error('nothing to inspect there');
  const socket = new WebSocket(address, { perMessageDeflate: false });
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  let questions = 0;
  return {
    ask: (method, params = {}) =>
      new Promise((resolve, reject) => {
        const id = ++questions;
        const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), 30_000);
        socket.on('message', (data) => {
          const answer: unknown = JSON.parse(String(data));
          if (!isJson(answer) || answer['id'] !== id) return;
          clearTimeout(timer);
          if (isJson(answer['result'])) resolve(answer['result']);
          else reject(new Error(`${method}: ${String(data)}`));
        });
        socket.send(JSON.stringify({ id, method, params }));
      }),
    close: () => socket.terminate(),
  };
}
