import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, type Command, perform } from './administration.ts';
import { buildOffline } from './compose/modules.ts';
import type { Config } from './config.ts';
import { askServer } from './control.ts';
import { type DataFolder, databaseFile, FolderInUse, FolderMissing, holdDataFolder } from './data-folder.ts';
import { renewEpoch } from './infra/log/epoch.ts';
import { openDatabase } from './open-database.ts';

/** How long the folder may be held by somebody who does not answer: a server that starts or ends, another command. */
const patience = 10_000;

/**
 * Runs a command on a data folder: through the server that holds it, or on the database when there is none. Only
 * a command that may come first makes a folder or a database that is not there, and says so. Throws `FolderMissing`.
 */
export async function administer(config: Config, command: Command): Promise<Answer> {
  if (!mayComeFirst(command, config) && !existsSync(placeOfData(config))) {
    // The folder of a server whose data lies in PostgreSQL has no database: whoever asks need not know where that is.
    const answer = existsSync(config.DATA_DIR) ? await askServer(config.DATA_DIR, command) : undefined;
    if (answer !== undefined) return answer;
    throw new FolderMissing(config.DATA_DIR);
  }
  for (const until = Date.now() + patience; ; await sleep(100)) {
    const folder = holdUnlessInUse(config.DATA_DIR, Date.now() > until);
    if (folder !== undefined) return withoutServer(folder, { config, command });
    const answer = await askServer(config.DATA_DIR, command);
    if (answer !== undefined) return answer;
  }
}

/** A restored PostgreSQL database has its data, but perhaps no folder yet. */
const mayComeFirst = ({ act }: Command, { DATABASE_URL }: Config): boolean =>
  act === 'admin create' || (act === 'log renew-epoch' && DATABASE_URL !== undefined);

/** What is there when the data folder is the right one. With PostgreSQL the folder holds no database. */
const placeOfData = ({ DATA_DIR, DATABASE_URL }: Config): string =>
  DATABASE_URL === undefined ? join(DATA_DIR, databaseFile) : DATA_DIR;

function holdUnlessInUse(path: string, last: boolean): DataFolder | undefined {
  try {
    return holdDataFolder(path);
  } catch (error) {
    if (error instanceof FolderInUse && !last) return undefined;
    throw error;
  }
}

async function withoutServer(
  folder: DataFolder,
  { config, command }: { config: Config; command: Command },
): Promise<Answer> {
  try {
    const fresh = folder.made || !existsSync(placeOfData(config));
    const storage = await openDatabase(config, folder);
    const { identity, close } = await buildOffline({ config, storage });
    try {
      const answer = await perform({ identity, renewEpoch: () => renewEpoch(storage.log) }, command);
      return fresh ? { ...answer, remark: `The data folder is a new one: ${resolve(folder.path)}` } : answer;
    } finally {
      await close();
    }
  } finally {
    folder.release();
  }
}
