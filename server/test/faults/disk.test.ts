import assert from 'node:assert/strict';
import test from 'node:test';

import { Disk } from './disk.ts';
import { Random } from './random.ts';
import type { TraceEvent } from './strace.ts';
import { StraceReader } from './strace.ts';

const hex = (text: string): string =>
  [...Buffer.from(text)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
const file = `<${hex('/data/a.db')}>`;
const opened = `openat(AT_FDCWD<${hex('/')}>, "${hex('/data/a.db')}", O_RDWR|O_CREAT|O_CLOEXEC, 0644) = 7${file}`;
const folderOpened = `openat(AT_FDCWD<${hex('/')}>, "${hex('/data')}", O_RDONLY|O_CLOEXEC) = 8<${hex('/data')}>`;

const pwrite = (text: string, at: number): string =>
  `pwrite64(7${file}, "${hex(text)}", ${text.length}, ${at}) = ${text.length}`;

function trace(lines: string[]): TraceEvent[] {
  const reader = new StraceReader('/data');
  return lines.flatMap((line) => reader.read(/^\d/.test(line) ? line : `11 1795168460.4 ${line}`));
}

function disk(lines: string[]): Disk {
  const disk = new Disk('/data');
  for (const event of trace(lines)) disk.take(event);
  return disk;
}

const left = (lines: string[]): Record<string, string> =>
  Object.fromEntries([...disk(lines).remains()].map(([path, bytes]) => [path, String(bytes)]));

test('after a cut there is nothing of a file that was never synced', () => {
  assert.deepEqual(left([opened, pwrite('hello', 0)]), {});
});

test('a sync keeps the file and its bytes, and nothing that was written later', () => {
  assert.deepEqual(left([opened, pwrite('hello', 0), `fdatasync(7${file}) = 0`, pwrite('J', 0)]), { 'a.db': 'hello' });
});

test('a sync of the folder keeps the name, not the bytes', () => {
  assert.deepEqual(left([opened, pwrite('hello', 0), folderOpened, `fsync(8<${hex('/data')}>) = 0`]), { 'a.db': '' });
});

test('a sync that did not return, or failed, keeps nothing', () => {
  assert.deepEqual(left([opened, pwrite('hello', 0), `11 1.5 fdatasync(7${file} <unfinished ...>`]), {});
  assert.deepEqual(left([opened, pwrite('hello', 0), `fdatasync(7${file}) = -1 EIO (Input/output error)`]), {});
});

test('a sync does not cover what another thread wrote while it was under way', () => {
  const lines = [
    opened,
    pwrite('hello', 0),
    `11 1.5 fdatasync(7${file} <unfinished ...>`,
    `12 1.6 pwrite64(7${file}, "${hex('J')}", 1, 0) = 1`,
    '11 1.7 <... fdatasync resumed>) = 0',
  ];
  assert.deepEqual(left(lines), { 'a.db': 'hello' });
  assert.deepEqual(left([...lines, `fdatasync(7${file}) = 0`]), { 'a.db': 'Jello' });
});

test('a write that came back short counts as far as it came', () => {
  const short = `pwrite64(7${file}, "${hex('hello')}", 5, 0) = 2`;
  assert.deepEqual(left([opened, short, `fsync(7${file}) = 0`]), { 'a.db': 'he' });
});

test('writes without a place go on where the last ended, or at the end', () => {
  const write = (text: string): string => `write(7${file}, "${hex(text)}", ${text.length}) = ${text.length}`;
  const sync = `fsync(7${file}) = 0`;
  assert.deepEqual(left([opened, write('ab'), write('cd'), sync]), { 'a.db': 'abcd' });
  const appending = opened.replace('O_CREAT', 'O_CREAT|O_APPEND');
  assert.deepEqual(left([opened, write('ab'), appending, write('cd'), sync]), { 'a.db': 'abcd' });
  assert.deepEqual(left([opened, write('ab'), `lseek(7${file}, 1, SEEK_SET) = 1`, write('X'), sync]), { 'a.db': 'aX' });
});

test('a truncation counts once synced', () => {
  const cut = `ftruncate(7${file}, 2) = 0`;
  const lines = [opened, pwrite('hello', 0), `fsync(7${file}) = 0`, cut];
  assert.deepEqual(left(lines), { 'a.db': 'hello' });
  assert.deepEqual(left([...lines, `fsync(7${file}) = 0`]), { 'a.db': 'he' });
});

test('a removal counts once the folder was synced, a new name once the file was', () => {
  const kept = [opened, pwrite('hello', 0), `fsync(7${file}) = 0`];
  const folderSync = [folderOpened, `fsync(8<${hex('/data')}>) = 0`];
  const unlinked = [...kept, `unlink("${hex('/data/a.db')}") = 0`];
  assert.deepEqual(left(unlinked), { 'a.db': 'hello' });
  assert.deepEqual(left([...unlinked, ...folderSync]), {});
  const renamed = [...kept, `rename("${hex('/data/a.db')}", "${hex('/data/b.db')}") = 0`];
  assert.deepEqual(left(renamed), { 'a.db': 'hello' });
  assert.deepEqual(left([...renamed, `fsync(7${file}) = 0`]), { 'b.db': 'hello' });
});

test('a torn disk keeps whole pages of what was not synced, some of them', () => {
  const pages = 64;
  const random = new Random(1);
  const torn = disk([opened, pwrite('a', 0), `fsync(7${file}) = 0`, pwrite('b'.repeat(4096 * pages), 0)]);
  const bytes = torn.remains(random).get('a.db') ?? Buffer.alloc(0);
  let kept = 0;
  for (let at = 0; at < bytes.length; at += 4096) {
    const page = bytes.subarray(at, at + 4096);
    if (page.every((byte) => byte === 98)) kept++;
    else assert.ok(page.every((byte, place) => byte === 0 || (at + place === 0 && byte === 97)));
  }
  assert.ok(kept > pages / 4 && kept < (pages * 3) / 4, `${kept} of ${pages}`);
});

test('bytes for a socket leave when their call begins', () => {
  const socket = '9<TCP:[127.0.0.1:3000->127.0.0.1:5000]>';
  const parts = `[{iov_base="${hex('he')}", iov_len=2}, {iov_base="${hex('llo')}", iov_len=3}], 2`;
  const [leaving, ...others] = trace([
    `11 1.5 writev(${socket}, ${parts} <unfinished ...>`,
    '11 1.6 <... writev resumed>) = 5',
  ]);
  assert.ok(leaving?.kind === 'leave');
  assert.equal(String(leaving.data), 'hello');
  assert.equal(others.length, 0);
});

test('a file written through a shared map is refused, but for the index of the write-ahead log', () => {
  const map = (path: string): string =>
    `mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, 7<${hex(path)}>, 0) = 0x7fda8847a000`;
  assert.deepEqual(trace([map('/data/a.db-shm')]), []);
  assert.throws(() => disk([map('/data/a.db')]), /shared map/);
});
