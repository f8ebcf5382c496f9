import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const entry = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export type Ended = Readonly<{ code: number | null; signal: NodeJS.Signals | null; out: string; err: string }>;

export type Program = Readonly<{ child: ChildProcess; ended: Promise<Ended>; out: () => string; err: () => string }>;

/** A folder of its own for a test, gone afterwards. */
export function testFolder(t: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'rendezvous-process-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

type Options = { folder: string; env?: Readonly<Record<string, string>>; stdin?: string; cwd?: string };

/** The real program in a process of its own, without the settings of whoever runs the tests. */
export function startProgram(
  t: Pick<TestContext, 'after'>,
  args: readonly string[],
  { folder, env = {}, stdin, cwd = folder }: Options,
): Program {
  const kept = Object.entries(process.env).filter(([name]) => /^(PATH|HOME|TMPDIR|TEMP|TMP|SystemRoot)$/.test(name));
  const child = spawn(process.execPath, [entry, ...args], {
    cwd,
    env: { ...Object.fromEntries(kept), DATA_DIR: folder, SOCIAL_PORT: '0', LOG_LEVEL: 'warn', ...env },
  });
  t.after(() => child.kill('SIGKILL'));
  const said = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (said.out += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said.err += chunk));
  child.stdin.end(stdin);
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, ...said }));
  return { child, ended, out: () => said.out, err: () => said.err };
}

/** Runs a command to its end. */
export const runProgram = (t: TestContext, args: readonly string[], options: Options): Promise<Ended> =>
  startProgram(t, args, options).ended;

export type Server = Program & Readonly<{ url: string; port: number }>;

/** Starts a server and waits until it says where it listens. */
export async function startServer(t: TestContext, options: Options): Promise<Server> {
  const program = startProgram(t, ['serve'], options);
  const until = Date.now() + 20_000;
  for (;;) {
    const url = /social\s+(http:\/\/\S+:(\d+))/.exec(program.out());
    if (url?.[1] !== undefined) return { ...program, url: url[1], port: Number(url[2]) };
    const { exitCode, signalCode } = program.child;
    if (exitCode !== null || signalCode !== null || Date.now() > until) {
      throw new Error(`The server did not start (${exitCode ?? signalCode}): ${program.err()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
