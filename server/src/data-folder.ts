import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A data folder that another server holds. */
export class FolderInUse extends Error {
  constructor(path: string, holder: string) {
    super(`The data folder ${path} is in use by ${holder}. Stop that server, or give this one a DATA_DIR of its own.`);
    this.name = 'FolderInUse';
  }
}

export type DataFolder = {
  readonly path: string;
  file(name: string): string;
  /** Tells a second server who holds the folder. */
  describe(holder: string): void;
  release(): void;
};

/**
 * Opens the folder and holds it for this process's life. The lock is one that the kernel takes back when the process
 * ends, however it ends: an exclusive lock of SQLite on a file that holds nothing else. Throws `FolderInUse`.
 */
export function holdDataFolder(path: string): DataFolder {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const file = (name: string): string => join(path, name);
  const lock = new DatabaseSync(file('lock'));
  try {
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch {
    lock.close();
    throw new FolderInUse(path, holderOf(file('holder')));
  }
  const describe = (holder: string): void => writeFileSync(file('holder'), holder, { mode: 0o600 });
  describe(`process ${process.pid}`);
  return { path, file, describe, release: () => lock.close() };
}

function holderOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return 'another process';
  }
}
