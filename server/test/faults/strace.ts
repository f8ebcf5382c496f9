import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * What a traced server did that matters for a power cut, in the order in which it happened. A write counts when its call
 * had returned, a sync covers what was written before its call began and counts when it has returned, and bytes for a
 * socket count as gone when their call began.
 */
export type TraceEvent =
  | { kind: 'open'; fd: number; path: string; create: boolean; truncate: boolean; append: boolean }
  | { kind: 'write'; fd: number; data: Buffer; at: number | undefined }
  | { kind: 'seek'; fd: number; to: number }
  | { kind: 'truncate'; fd: number; size: number }
  | { kind: 'sync-start' | 'sync-end'; fd: number; thread: string }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'unlink'; path: string }
  | { kind: 'shared-map'; path: string }
  | { kind: 'leave'; connection: string; data: Buffer };

export const tracedCalls = [
  'open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,lseek,fdatasync,fsync',
  'sync_file_range,ftruncate,fallocate,rename,renameat,renameat2,unlink,unlinkat,link,linkat,mmap,io_uring_setup',
].join(',');

/** The command line that goes before node; `-D` leaves the server this process's child, with its own pid. */
export const straceWrapper = (output: string): string[] => [
  ...['strace', '-D', '--seccomp-bpf', '-f', '-ttt', '-xx', '-yy', '-s', '4194304'],
  ...['-e', `trace=${tracedCalls}`, '-e', 'signal=none', '-o', output],
];

type Call = { name: string; args: string; result: number };

const startedLine = /^(\d+) +[\d.]+ (\w+)\((.*) <unfinished \.\.\.>$/s;
const resumedLine = /^(\d+) +[\d.]+ <\.\.\. (\w+) resumed>(.*)\) += (-?\w+)(.*)$/s;
const wholeLine = /^(\d+) +[\d.]+ (\w+)\((.*)\) += (-?\w+)(.*)$/s;

const bytesOf = (hex: string): Buffer => Buffer.from(hex.replaceAll('\\x', ''), 'hex');
const strings = (args: string): Buffer[] =>
  [...args.matchAll(/"((?:\\x[0-9a-f]{2})*)"/g)].map((m) => bytesOf(m[1] ?? ''));

/** Reads lines of `strace -f -ttt -xx -yy`; answers the events of one folder and of the TCP sockets. */
export class StraceReader {
  readonly #folder: string;
  readonly #begun = new Map<string, string>();
  readonly #files = new Set<number>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(line: string): TraceEvent[] {
    const whole = wholeLine.exec(line);
    if (whole) {
      const [, thread = '', name = '', args = '', result = '', rest = ''] = whole;
      return [
        ...this.#start(thread, name, args),
        ...this.#end(thread, { name, args: args + rest, result: Number(result) }),
      ];
    }
    const started = startedLine.exec(line);
    if (started) {
      const [, thread = '', name = '', args = ''] = started;
      this.#begun.set(thread, args);
      return this.#start(thread, name, args);
    }
    const resumed = resumedLine.exec(line);
    if (resumed) {
      const [, thread = '', name = '', args = '', result = '', rest = ''] = resumed;
      const all = (this.#begun.get(thread) ?? '') + args + rest;
      this.#begun.delete(thread);
      return this.#end(thread, { name, args: all, result: Number(result) });
    }
    return [];
  }

  #start(thread: string, name: string, args: string): TraceEvent[] {
    if (name === 'fdatasync' || name === 'fsync')
      return this.#ofFile(args, (fd) => ({ kind: 'sync-start', fd, thread }));
    if (!isWrite(name)) return [];
    const connection = /^\d+<(TCP(?:v6)?:\[[^\]]*(?:\][^\]]*)*\])>/.exec(args.slice(0, 200))?.[1];
    if (connection === undefined) return [];
    return [{ kind: 'leave', connection, data: Buffer.concat(strings(args)) }];
  }

  #end(thread: string, call: Call): TraceEvent[] {
    const { name, args, result } = call;
    if (!(result >= 0)) return name === 'mmap' ? this.#mapped(args) : [];
    if (name === 'open' || name === 'openat' || name === 'creat') return this.#opened(call);
    if (name === 'mmap') return this.#mapped(args);
    if (isWrite(name)) return this.#ofFile(args, (fd) => written(fd, call));
    if (name === 'fdatasync' || name === 'fsync') return this.#ofFile(args, (fd) => ({ kind: 'sync-end', fd, thread }));
    if (name === 'ftruncate') return this.#ofFile(args, (fd) => ({ kind: 'truncate', fd, size: lastNumber(args) }));
    if (name === 'lseek') return this.#ofFile(args, (fd) => ({ kind: 'seek', fd, to: result }));
    const paths = strings(args).map(String);
    if (!paths.some((path) => this.#within(path))) return [];
    if (name.startsWith('rename')) return [{ kind: 'rename', from: paths[0] ?? '', to: paths[1] ?? '' }];
    if (name.startsWith('unlink')) return [{ kind: 'unlink', path: paths[0] ?? '' }];
    throw new Error(`the replay does not know ${name}, which was called on ${paths.join(' ')}`);
  }

  #opened({ name, args, result: fd }: Call): TraceEvent[] {
    const path = String(strings(args)[0] ?? '');
    if (!this.#within(path)) {
      this.#files.delete(fd);
      return [];
    }
    this.#files.add(fd);
    const flag = (word: string): boolean => args.includes(word);
    const create = name === 'creat' || flag('O_CREAT');
    return [
      { kind: 'open', fd, path, create, truncate: name === 'creat' || flag('O_TRUNC'), append: flag('O_APPEND') },
    ];
  }

  /** Writes through a shared map are invisible here. SQLite's -shm is one, and is never needed after a cut. */
  #mapped(args: string): TraceEvent[] {
    if (!args.includes('MAP_SHARED') || !args.includes('PROT_WRITE')) return [];
    const hex = /MAP_SHARED[^,]*, \d+<((?:\\x[0-9a-f]{2})+)/.exec(args)?.[1];
    const path = hex === undefined ? '' : String(bytesOf(hex));
    return this.#within(path) && !path.endsWith('-shm') ? [{ kind: 'shared-map', path }] : [];
  }

  #within(path: string): boolean {
    return path === this.#folder || path.startsWith(`${this.#folder}/`);
  }

  #ofFile(args: string, event: (fd: number) => TraceEvent): TraceEvent[] {
    const fd = Number.parseInt(args, 10);
    return this.#files.has(fd) ? [event(fd)] : [];
  }
}

const isWrite = (name: string): boolean => /^(p?writev?2?|pwrite64|sendto|sendmsg)$/.test(name);

const lastNumber = (args: string): number => Number(/(-?\d+)[^\d]*$/.exec(args.slice(-40))?.[1] ?? Number.NaN);

function written(fd: number, { name, args, result }: Call): TraceEvent {
  const data = Buffer.concat(strings(args)).subarray(0, result);
  if (name === 'pwritev' || name === 'pwritev2') throw new Error(`the replay does not know ${name}`);
  return { kind: 'write', fd, data, at: name === 'pwrite64' ? lastNumber(args) : undefined };
}

export async function readTrace(file: string, folder: string): Promise<TraceEvent[]> {
  const reader = new StraceReader(folder);
  const events: TraceEvent[] = [];
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    for (const event of reader.read(line)) events.push(event);
  }
  return events;
}
