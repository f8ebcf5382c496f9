import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

import { until } from './timing.ts';

export type ServerPlan = Readonly<{
  dataDir: string;
  port: number;
  /** The file that is started with `serve`; the real composition root when absent. */
  entry?: string;
  env?: Readonly<Record<string, string>>;
  /** What goes before node on the command line, such as a tracer that leaves node this child's pid. */
  wrapper?: readonly string[];
  nodeArgs?: readonly string[];
}>;

export type Exit = Readonly<{ code: number | null; signal: NodeJS.Signals | null }>;

export type ServerProcess = Readonly<{
  url: string;
  pid: number;
  /** From spawn to the first healthy answer. */
  startedIn: number;
  exited: Promise<Exit>;
  /** Sends the signal and waits for the exit; a process that outlives `within` milliseconds is killed. */
  end(signal: 'SIGKILL' | 'SIGTERM', within?: number): Promise<Exit>;
  /** The last lines it wrote to stderr. */
  lastWords(): string;
}>;

const realEntry = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const startWithin = 30_000;
const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const address = server.address();
  await new Promise((closed) => server.close(closed));
  if (address === null || typeof address === 'string') throw new Error('no port to be had');
  return address.port;
}

/** The limiter stays in the path, but never says no. */
const boundless = {
  RATE_LIMITS: 'on',
  RATE_LIMIT_AUTH: '1000000/900',
  RATE_LIMIT_MESSAGES: '100000000/60',
  RATE_LIMIT_GENERAL: '100000000/900',
  RATE_LIMIT_RECEIPTS: '100000000/60',
  RATE_LIMIT_CALLS: '100000000/60',
  RATE_LIMIT_PUSH: '100000000/60',
  RATE_LIMIT_PUSH_KEYS: '100000000/60',
  RATE_LIMIT_MEETINGS: '100000000/60',
  RATE_LIMIT_MEETING_PEOPLE: '100000000/60',
  RATE_LIMIT_MEETING_CHAT: '100000000/60',
  RATE_LIMIT_MEETING_STATUS: '100000000/60',
  RATE_LIMIT_MEETING_SOCKET: '100000000/60',
  LOGIN_ATTEMPTS: '1000000/900',
  SOCKET_EVENTS: '1000000/1',
  SOCKETS_WAITING: '1000000',
  SOCKETS_PER_ACCOUNT: '1000000',
};

/** Starts the process without waiting until it serves. `whenServing` fails when it exits first. */
export function spawnServer(plan: ServerPlan): Omit<ServerProcess, 'startedIn'> & { whenServing(): Promise<number> } {
  const began = performance.now();
  const [command = process.execPath, ...before] = [...(plan.wrapper ?? []), process.execPath];
  const child = spawn(command, [...before, ...(plan.nodeArgs ?? []), plan.entry ?? realEntry, 'serve'], {
    env: {
      ...withoutDatabase(process.env),
      ...boundless,
      HOST: '127.0.0.1',
      LOG_LEVEL: 'warn',
      ...plan.env,
      DATA_DIR: plan.dataDir,
      SOCIAL_PORT: String(plan.port),
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  const words = collectWords(child);
  const exited = new Promise<Exit>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve({ code, signal });
    });
  });
  exited.catch(() => running.delete(child));
  const url = `http://127.0.0.1:${plan.port}`;
  const pid = child.pid ?? -1;
  return {
    url,
    pid,
    exited,
    lastWords: words,
    end: (signal, within = 15_000) => endProcess(child, exited, signal, within),
    whenServing: async () => {
      await waitUntilHealthy(url, child, words);
      return performance.now() - began;
    },
  };
}

/** Starts a server and waits for its first healthy answer. */
export async function startServer(plan: ServerPlan): Promise<ServerProcess> {
  const { whenServing, ...server } = spawnServer(plan);
  return { ...server, startedIn: await whenServing() };
}

async function endProcess(
  child: ChildProcess,
  exited: Promise<Exit>,
  signal: NodeJS.Signals,
  within: number,
): Promise<Exit> {
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), within);
  const exit = await exited;
  clearTimeout(timer);
  return exit;
}

function collectWords(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.setEncoding('utf8');
  child.stderr?.on('data', (chunk: string) => {
    text = (text + chunk).slice(-4000);
  });
  return () => text;
}

async function waitUntilHealthy(url: string, child: ChildProcess, words: () => string): Promise<void> {
  const healthy = async (): Promise<boolean> => {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the server exited while starting (${child.exitCode ?? child.signalCode}):\n${words()}`);
    }
    try {
      return (await fetch(`${url}/api/v1/health`, { headers: { connection: 'close' } })).ok;
    } catch {
      return false;
    }
  };
  if (!(await until(healthy, startWithin, 5))) throw new Error(`not healthy within ${startWithin} ms:\n${words()}`);
}

/** The caller's database is not the run's: a run on PostgreSQL names its own. */
function withoutDatabase({ DATABASE_URL: _theirs, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env;
}
