/** A PostgreSQL database of the benchmark's own, and what the database server's processes cost. */
import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { ownCpuMicros } from './process.ts';

/** Where databases can be made: BENCH_POSTGRES_URL, by default the local server. It must run on this machine. */
const ADMIN_URL = process.env.BENCH_POSTGRES_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const SHARED_PROCESSES = ['walwriter', 'checkpointer', 'background writer'];

export interface BenchDatabase {
  url: string;
  /** Bytes of all tables and indexes. */
  size(): Promise<number>;
  /** Begins to count; the returned function says how many microseconds of CPU the database has used since. */
  cpuMeter(): Promise<() => Promise<number>>;
  /** Drops the database, with whoever is still connected. */
  drop(): Promise<void>;
}

/** Creates an empty database with a random name. */
export async function createBenchDatabase(): Promise<BenchDatabase> {
  const name = `rendezvous_bench_${randomBytes(6).toString('hex')}`;
  const admin = new Client({ connectionString: ADMIN_URL });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(ADMIN_URL);
  url.pathname = `/${name}`;

  const cpuByProcess = async () => {
    const found = await admin.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE datname = $1 OR backend_type = ANY($2)',
      [name, SHARED_PROCESSES],
    );
    return new Map(found.rows.map(({ pid }) => [pid, ownCpuMicros(pid)]));
  };
  return {
    url: url.href,
    async size() {
      const found = await admin.query<{ bytes: string }>('SELECT pg_database_size($1) AS bytes', [name]);
      return Number(found.rows[0]?.bytes);
    },
    async cpuMeter() {
      const before = await cpuByProcess();
      // A backend that began in between counts from zero; one that ended is lost, which pools do not do under load.
      return async () => {
        let sum = 0;
        for (const [pid, cpu] of await cpuByProcess()) sum += cpu - (before.get(pid) ?? 0);
        return sum;
      };
    },
    async drop() {
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      await admin.end();
    },
  };
}
