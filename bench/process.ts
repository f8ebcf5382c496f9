/** Starting, measuring and ending the processes of a benchmark. Linux only: figures come from /proc. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One clock tick of /proc/PID/stat in microseconds: the kernel reports in USER_HZ, which is 100 on every Linux. */
const TICK_MICROSECONDS = 10_000;
const STARTED_LINE = /social\s+(http:\/\/\S+:\d+)/;

/** A server under measurement. */
export interface Running {
  pid: number;
  /** Where it listens, as it printed it, for example `http://127.0.0.1:41234`. */
  url: string;
  /** SIGTERM, then SIGKILL after 15 s; resolves when the process is gone. */
  stop(): Promise<void>;
}

/** Everything a benchmark starts or writes; `close` ends and removes it all. */
export interface Stage {
  /** An empty folder that `close` removes. */
  folder(): string;
  /** Starts `node <args>`, a file of this repository first, with only the given environment, and waits for the line that says where it listens. */
  start(args: string[], env?: Record<string, string>): Promise<Running>;
  /** Starts `node <args>` and returns at once. */
  spawn(args: string[], env?: Record<string, string>): ChildProcess;
  close(): Promise<void>;
}

/** The path of a file of this repository, named from its root. */
export function repositoryPath(relative: string): string {
  return fileURLToPath(new URL(`../${relative}`, import.meta.url));
}

/** Opens a stage; the caller closes it in `finally`. An interrupt ends what the stage started, too. */
export function openStage(): Stage {
  const folders: string[] = [];
  const children = new Set<ChildProcess>();
  const killAll = () => {
    for (const child of children) child.kill('SIGKILL');
  };
  const removeFolders = () => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  };
  const interrupted = () => {
    killAll();
    removeFolders();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted).once('exit', killAll);

  const stage: Stage = {
    folder() {
      const folder = mkdtempSync(join(tmpdir(), 'rendezvous-bench-'));
      folders.push(folder);
      return folder;
    },
    spawn(args, env = {}) {
      const [file = '', ...rest] = args;
      // Not the caller's working directory: a `.env` there must not reach what is measured.
      const child = spawn(process.execPath, [repositoryPath(file), ...rest], {
        cwd: stage.folder(),
        env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.add(child);
      child.once('exit', () => children.delete(child));
      return child;
    },
    async start(args, env) {
      const child = stage.spawn(args, env);
      const url = await listeningUrl(child, args.join(' '));
      if (child.pid === undefined) throw new Error(`${args.join(' ')} has no process id`);
      return { pid: child.pid, url, stop: () => stop(child) };
    },
    async close() {
      await Promise.all([...children].map(stop));
      removeFolders();
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted).off('exit', killAll);
    },
  };
  return stage;
}

function listeningUrl(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => reject(new Error(`${what}: did not listen within 60 s`)), 60_000);
    let printed = '';
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`${what}: exited with ${code} before it listened`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      if (printed.length > 65_536) return;
      printed += chunk.toString();
      const url = STARTED_LINE.exec(printed)?.[1];
      if (!url) return;
      clearTimeout(patience);
      resolve(url);
    });
  });
}

/** Ends a child: SIGTERM, after 15 s SIGKILL. Resolves when it is gone. */
export function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    const patience = setTimeout(() => child.kill('SIGKILL'), 15_000);
    child.once('exit', () => {
      clearTimeout(patience);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** User and system time of one process over all its threads, and of children it has reaped, in microseconds; 0 if gone. */
export function ownCpuMicros(pid: number): number {
  const stat = readProc(`/proc/${pid}/stat`);
  // The name in parentheses may hold spaces: count the fields after it. utime is field 14, cstime field 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  let ticks = 0;
  for (const field of fields.slice(11, 15)) ticks += Number(field);
  return ticks * TICK_MICROSECONDS;
}

/** The same for a process and all its living descendants. */
export function cpuMicros(pid: number): number {
  let sum = ownCpuMicros(pid);
  for (const task of listProc(`/proc/${pid}/task`)) {
    for (const child of readProc(`/proc/${pid}/task/${task}/children`).split(' ')) {
      if (child) sum += cpuMicros(Number(child));
    }
  }
  return sum;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const match = /^Rss:\s+(\d+) kB/m.exec(readProc(`/proc/${pid}/smaps_rollup`));
  if (!match) throw new Error(`process ${pid} has no readable memory figures`);
  return Number(match[1]) * 1024;
}

/** How many files this process, and those it starts, may hold open. */
function openFileLimit(): number {
  const match = /^Max open files\s+(\d+|unlimited)/m.exec(readProc('/proc/self/limits'));
  return match?.[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(match?.[1] ?? 0);
}

/** Refuses to go on when `sockets` connections in one process exceed the limit on open files. */
export function requireOpenFiles(sockets: number): void {
  const needed = sockets + 200;
  if (openFileLimit() >= needed) return;
  throw new Error(
    `this needs ${needed} open files and the limit is ${openFileLimit()}: run "ulimit -n ${needed}" first`,
  );
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function listProc(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
