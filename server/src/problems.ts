import { settings } from './config.ts';
import { CommandRefused } from './control.ts';
import { FolderInUse } from './data-folder.ts';
import { Refusal } from './kernel/errors.ts';
import { StartRefused } from './secrets.ts';

/** What of a setting's schema says which values it takes. */
type SettingSchema = Readonly<{
  type?: string;
  description?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  anyOf?: readonly Readonly<{ const?: unknown }>[];
}>;

export const settingSchemas: Readonly<Record<string, SettingSchema>> = settings.properties;

/** What went wrong and what to do, for problems that a user can mend; `undefined` for every other error. */
export function explain(error: unknown): string | undefined {
  const known = [StartRefused, FolderInUse, Refusal, CommandRefused].some((kind) => error instanceof kind);
  if (error instanceof Error && known) return error.message;
  return explainSettings(error) ?? explainListening(error) ?? explainFolder(error);
}

/** One line for each wrong setting: what it is and what it should be. */
function explainSettings(error: unknown): string | undefined {
  if (!(error instanceof Error && 'errors' in error && Array.isArray(error.errors))) return undefined;
  const paths = error.errors.map((problem: unknown) =>
    typeof problem === 'object' && problem !== null && 'instancePath' in problem ? String(problem.instancePath) : '',
  );
  const names = [...new Set(paths.map((path) => path.slice(1)))].filter((name) => name in settingSchemas);
  if (names.length === 0) return undefined;
  return names
    .map((name) => `${name}=${process.env[name] ?? ''} cannot be used: it must be ${wanted(name)}.`)
    .join('\n');
}

function wanted(name: string): string {
  const { type, anyOf, minimum, maximum, pattern, default: value } = settingSchemas[name] ?? {};
  if (anyOf !== undefined) return `one of ${anyOf.map((choice) => String(choice.const)).join(', ')}`;
  if (type === 'integer' && maximum !== undefined) return `a whole number from ${minimum ?? 0} to ${maximum}`;
  if (type === 'integer') return `a whole number, at least ${minimum ?? 0}`;
  return pattern === undefined ? 'a text' : `written as count/seconds, such as ${String(value)}`;
}

const partsOf = (
  error: unknown,
): { code?: unknown; syscall?: unknown; port?: unknown; address?: unknown; path?: unknown } =>
  typeof error === 'object' && error !== null ? error : {};

function explainListening(error: unknown): string | undefined {
  const { code, syscall, port, address } = partsOf(error);
  if (syscall !== 'listen') return undefined;
  const where = `port ${String(port)} of ${String(address)}`;
  const instead = 'set SOCIAL_PORT to another one (0 picks a free one)';
  if (code === 'EADDRINUSE') return `Another program uses ${where}. Stop it, or ${instead}.`;
  if (code === 'EACCES')
    return `This user may not listen on ${where}. Ports below 1024 need a right of their own: ${instead}.`;
  if (code === 'EADDRNOTAVAIL')
    return `HOST=${String(address)} is no address of this machine. Use 0.0.0.0 for all of them.`;
  return undefined;
}

const fileProblems: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'it lies on a read-only file system',
  ENOTDIR: 'a part of it is a file',
  EEXIST: 'it is a file',
  ENOSPC: 'the disk is full',
};

function explainFolder(error: unknown): string | undefined {
  const { code, syscall, path } = partsOf(error);
  const problem = fileProblems[String(code)];
  if (problem === undefined || typeof path !== 'string' || typeof syscall !== 'string') return undefined;
  return `${path} cannot be used (${problem}). DATA_DIR says where the data lies.`;
}
