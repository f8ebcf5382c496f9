import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** A data folder that another server holds. */
export class FolderInUse extends Error {
  constructor(path: string, holder: string) {
    super(`The data folder ${path} is in use by ${holder}. Stop that server, or give this one a DATA_DIR of its own.`);
    this.name = 'FolderInUse';
  }
}

/** A data folder whose lock cannot be taken although nobody holds it: a full disk, no right to write, a damaged file. */
export class FolderUnfit extends Error {
  constructor(path: string, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`The data folder ${path} cannot be used: ${reason}. DATA_DIR says where it lies.`, { cause });
    this.name = 'FolderUnfit';
  }
}

/** There is no data at the place that DATA_DIR names. */
export class FolderMissing extends Error {
  constructor(path: string) {
    super(
      existsSync(path)
        ? `There is no Rendezvous database in ${resolve(path)}. DATA_DIR says where it is, from the working directory on; for data in PostgreSQL give DATABASE_URL, too.`
        : `There is no Rendezvous data folder at ${resolve(path)}. DATA_DIR says where it is, from the working directory on.`,
    );
    this.name = 'FolderMissing';
  }
}

/** The SQLite database in a data folder. */
export const databaseFile = 'rendezvous.db';

export type DataFolder = {
  readonly path: string;
  /** Whether it was made just now. */
  readonly made: boolean;
  file(name: string): string;
  /** Tells a second server who holds the folder. */
  describe(holder: string): void;
  release(): void;
};

/**
 * Opens the folder and holds it for this process's life. The lock is one that the kernel takes back when the process
 * ends, however it ends: an exclusive lock of SQLite on a file that holds nothing else. Throws `FolderInUse`,
 * `FolderUnfit`.
 */
export function holdDataFolder(path: string): DataFolder {
  const made = makeFolder(resolve(path));
  const file = (name: string): string => join(path, name);
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(file('lock'));
    // Without a journal in memory, a killed process would leave `lock-journal` behind.
    lock.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    lock?.close();
    throw isBusy(error) ? new FolderInUse(path, holderOf(file('holder'))) : new FolderUnfit(path, error);
  }
  const held = lock;
  const describe = (holder: string): void => writeFileSync(file('holder'), holder, { mode: 0o600 });
  describe(`process ${process.pid}`);
  return { path, made, file, describe, release: () => held.close() };
}

/** SQLITE_BUSY, alone or with what SQLite adds above the lowest byte. */
const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' && (error.errcode & 0xff) === 5;

/**
 * Makes the folder and those above it; false when it is there. Step by step, because Node's recursive mkdir never comes
 * back from places such as /proc, where nothing can be made and nothing is said to be missing but the folder itself.
 */
function makeFolder(path: string): boolean {
  if (isFolder(path)) return false;
  const above = dirname(path);
  if (above !== path && !existsSync(above)) makeFolder(above);
  try {
    mkdirSync(path, { mode: 0o700 });
    return true;
  } catch (error) {
    // Another process may have been quicker.
    if (isFolder(path)) return false;
    throw error;
  }
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

function holderOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return 'another process';
  }
}
