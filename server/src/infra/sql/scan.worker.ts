import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** What the thread is asked: one statement, read-only. */
export type ScanRequest = { id: number; sql: string; values: (string | number | null | Uint8Array)[] };
export type ScanReply = { id: number; rows: unknown[] } | { id: number; problem: string };

if (parentPort === null) throw new Error('scan.worker.ts runs as a worker thread only');
const port = parentPort;
const database = new DatabaseSync(workerData.path, { readOnly: true, timeout: 5_000 });
database.exec('PRAGMA query_only = ON');

port.on('message', ({ id, sql, values }: ScanRequest) => {
  try {
    port.postMessage({ id, rows: database.prepare(sql).all(...values) } satisfies ScanReply);
  } catch (error) {
    port.postMessage({ id, problem: String(error) } satisfies ScanReply);
  }
});
