import { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';

/** What the thread is asked: one statement, read-only. */
export type ScanRequest = { sql: string; values: (string | number | null | Uint8Array)[] };
export type ScanReply = { rows: unknown[] } | { problem: string };

if (parentPort === null) throw new Error('scan.worker.ts runs as a worker thread only');
const port = parentPort;
const database = new DatabaseSync(workerData.path, { readOnly: true, timeout: 5_000 });
database.exec('PRAGMA query_only = ON');

port.on('message', ({ sql, values }: ScanRequest) => {
  try {
    port.postMessage({ rows: database.prepare(sql).all(...values) } satisfies ScanReply);
  } catch (error) {
    port.postMessage({ problem: String(error) } satisfies ScanReply);
  }
});
