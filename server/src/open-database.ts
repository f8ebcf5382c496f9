import { type Config, databasePlace } from './config.ts';
import { type DataFolder, databaseFile } from './data-folder.ts';
import { systemClock } from './kernel/clock.ts';
import { StartRefused } from './secrets.ts';
import { openStorage, type Storage, type StorageOptions } from './storage.ts';

const databaseProblems: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; is PostgreSQL running?',
  ENOTFOUND: 'the name of the host is not known',
  EAI_AGAIN: 'the name of the host cannot be looked up right now',
  ENOENT: 'there is no such socket; is PostgreSQL running?',
  ETIMEDOUT: 'the host does not answer',
  EHOSTUNREACH: 'the host cannot be reached',
  '28P01': 'the password is wrong',
  '28000': 'this user may not log in',
  '3D000': 'there is no such database; create it first',
  '57P03': 'PostgreSQL is still starting',
  '53300': 'PostgreSQL has no connection left',
};

/** Opens the database of the settings. Throws `StartRefused`, which says what to do and never what a password is. */
export async function openDatabase(
  { DATABASE_URL: databaseUrl }: Config,
  folder: DataFolder,
  open: (options: StorageOptions) => Promise<Storage> = openStorage,
): Promise<Storage> {
  const file = folder.file(databaseFile);
  try {
    return await open({ databaseUrl, file, clock: systemClock });
  } catch (error) {
    const place = databaseUrl === undefined ? file : databasePlace(databaseUrl);
    throw new StartRefused(`The database ${place} cannot be used: ${reasonOf(error)}`, { cause: error });
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : '';
  const said = cause instanceof Error ? cause.message : String(cause);
  const reason = databaseProblems[code] ?? said;
  return /[.?!]$/.test(reason) ? reason : `${reason}.`;
}
