import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import type { Random } from './random.ts';
import type { TraceEvent } from './strace.ts';

type Change = { at: number; data: Buffer } | { size: number };

const pageBytes = 4096;

/** One file's content: what a sync has made safe, and what was written since. */
class Inode {
  #safe = Buffer.alloc(0);
  #safeSize = 0;
  #pending: Change[] = [];
  #settled = 0;
  size = 0;

  change(change: Change): void {
    this.#pending.push(change);
    this.size = 'size' in change ? change.size : Math.max(this.size, change.at + change.data.length);
  }

  /** A mark for `settle`: everything changed up to now. */
  get changes(): number {
    return this.#settled + this.#pending.length;
  }

  settle(upTo: number): void {
    const count = Math.max(0, upTo - this.#settled);
    for (const change of this.#pending.splice(0, count)) this.#apply(change);
    this.#settled += count;
  }

  content(): Buffer {
    return this.#safe.subarray(0, this.#safeSize);
  }

  /** The content if the disk had, by chance, kept some of the pages that nobody asked it to keep yet. */
  torn(random: Random): Buffer {
    const copy = new Inode();
    copy.#safe = Buffer.from(this.content());
    copy.#safeSize = this.#safeSize;
    for (const change of this.#pending) {
      for (const piece of pieces(change)) if (random.chance(0.5)) copy.#apply(piece);
    }
    return copy.content();
  }

  #apply(change: Change): void {
    if ('size' in change) {
      if (change.size > this.#safeSize) this.#reserve(change.size).fill(0, this.#safeSize, change.size);
      this.#safeSize = change.size;
      return;
    }
    const end = change.at + change.data.length;
    const safe = this.#reserve(end);
    if (change.at > this.#safeSize) safe.fill(0, this.#safeSize, change.at);
    change.data.copy(safe, change.at);
    this.#safeSize = Math.max(this.#safeSize, end);
  }

  #reserve(bytes: number): Buffer {
    if (bytes <= this.#safe.length) return this.#safe;
    const larger = Buffer.alloc(Math.max(bytes, this.#safe.length * 2));
    this.#safe.copy(larger, 0, 0, this.#safeSize);
    this.#safe = larger;
    return larger;
  }
}

function pieces(change: Change): Change[] {
  if ('size' in change) return [change];
  const all: Change[] = [];
  for (let from = 0; from < change.data.length; ) {
    const to = Math.min(change.data.length, from + pageBytes - ((change.at + from) % pageBytes));
    all.push({ at: change.at + from, data: change.data.subarray(from, to) });
    from = to;
  }
  return all;
}

type NameChange = { folders: string[]; inode: Inode | undefined; apply: (names: Map<string, Inode>) => void };
type Open = { path: string; inode: Inode | undefined; position: number; append: boolean };

/**
 * A disk that keeps only what it was asked to keep. A file's bytes count once a sync of that file has returned; its name,
 * once the file or its folder was synced, as journalling file systems do; a removal, once the folder was.
 */
export class Disk {
  readonly #root: string;
  readonly #names = new Map<string, Inode>();
  readonly #safeNames = new Map<string, Inode>();
  readonly #open = new Map<number, Open>();
  readonly #marks = new Map<string, { contents: number; names: NameChange[] }>();
  #nameChanges: NameChange[] = [];

  constructor(root: string) {
    this.#root = root;
  }

  take(event: TraceEvent): void {
    switch (event.kind) {
      case 'open':
        return this.#opened(event);
      case 'write':
        return this.#written(event);
      case 'seek':
        return this.#seek(event);
      case 'truncate':
        return this.#open.get(event.fd)?.inode?.change({ size: event.size });
      case 'sync-start':
        return this.#syncStarts(event);
      case 'sync-end':
        return this.#syncEnds(event);
      case 'rename':
        return this.#renamed(event);
      case 'unlink':
        return this.#unlinked(event);
      case 'shared-map':
        throw new Error(`${event.path} is written through a shared map, which a trace cannot show`);
      case 'leave':
        return;
    }
  }

  /** What a power cut at this moment leaves, by path under the root. */
  remains(torn?: Random): Map<string, Buffer> {
    const left = new Map<string, Buffer>();
    for (const [path, inode] of this.#safeNames) {
      if (path.endsWith('-shm')) continue;
      left.set(relative(this.#root, path), torn ? inode.torn(torn) : Buffer.from(inode.content()));
    }
    return left;
  }

  #opened({ fd, path, create, truncate, append }: Extract<TraceEvent, { kind: 'open' }>): void {
    let inode = this.#names.get(path);
    if (inode === undefined && create) {
      const made = new Inode();
      inode = made;
      this.#names.set(path, made);
      this.#nameChanges.push({ folders: [dirname(path)], inode, apply: (names) => names.set(path, made) });
    } else if (truncate) inode?.change({ size: 0 });
    this.#open.set(fd, { path, inode, position: 0, append });
  }

  #written({ fd, data, at }: Extract<TraceEvent, { kind: 'write' }>): void {
    const open = this.#open.get(fd);
    if (open?.inode === undefined) return;
    const place = at ?? (open.append ? open.inode.size : open.position);
    open.inode.change({ at: place, data });
    if (at === undefined) open.position = place + data.length;
  }

  #seek({ fd, to }: Extract<TraceEvent, { kind: 'seek' }>): void {
    const open = this.#open.get(fd);
    if (open) open.position = to;
  }

  #syncStarts({ fd, thread }: Extract<TraceEvent, { kind: 'sync-start' | 'sync-end' }>): void {
    const open = this.#open.get(fd);
    if (open === undefined) return;
    const { inode, path } = open;
    const names = this.#nameChanges.filter((change) =>
      inode === undefined ? change.folders.includes(path) : change.inode === inode,
    );
    this.#marks.set(thread, { contents: inode?.changes ?? 0, names });
  }

  #syncEnds({ fd, thread }: Extract<TraceEvent, { kind: 'sync-start' | 'sync-end' }>): void {
    const mark = this.#marks.get(thread);
    this.#marks.delete(thread);
    if (mark === undefined) return;
    this.#open.get(fd)?.inode?.settle(mark.contents);
    for (const change of mark.names) change.apply(this.#safeNames);
    this.#nameChanges = this.#nameChanges.filter((change) => !mark.names.includes(change));
  }

  #renamed({ from, to }: Extract<TraceEvent, { kind: 'rename' }>): void {
    const inode = this.#names.get(from);
    if (inode === undefined) return;
    this.#names.delete(from);
    this.#names.set(to, inode);
    const apply = (names: Map<string, Inode>): void => {
      names.delete(from);
      names.set(to, inode);
    };
    this.#nameChanges.push({ folders: [dirname(from), dirname(to)], inode, apply });
  }

  #unlinked({ path }: Extract<TraceEvent, { kind: 'unlink' }>): void {
    this.#names.delete(path);
    this.#nameChanges.push({ folders: [dirname(path)], inode: undefined, apply: (names) => names.delete(path) });
  }
}

/** Writes such remains into a folder of their own. */
export async function writeRemains(remains: ReadonlyMap<string, Buffer>, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [path, content] of remains) {
    await mkdir(dirname(join(folder, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(folder, path), content, { mode: 0o600 });
  }
}
