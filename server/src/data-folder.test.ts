import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type TestContext } from 'node:test';
import { FolderInUse, FolderUnfit, holdDataFolder } from './data-folder.ts';

function folder(t: TestContext): string {
  const made = mkdtempSync(join(tmpdir(), 'rendezvous-folder-'));
  t.after(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

test('a folder that is held is in use, and free again after its release', (t) => {
  const path = folder(t);
  const first = holdDataFolder(path);
  first.describe('somebody');
  assert.throws(
    () => holdDataFolder(path),
    (error) => error instanceof FolderInUse && /is in use by somebody\./.test(error.message),
  );
  first.release();
  holdDataFolder(path).release();
});

test('a lock that cannot be had for another reason is no folder in use: the reason is said', (t) => {
  const damaged = folder(t);
  writeFileSync(join(damaged, 'lock'), 'x'.repeat(4_096));
  const blocked = folder(t);
  mkdirSync(join(blocked, 'lock'));
  const reasons = { [damaged]: /cannot be used: file is not a database/, [blocked]: /cannot be used: unable to open/ };
  for (const [path, reason] of Object.entries(reasons)) {
    assert.throws(
      () => holdDataFolder(path),
      (error) => error instanceof FolderUnfit && reason.test(error.message) && error.message.includes(path),
    );
  }
});
