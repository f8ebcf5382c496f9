import { SettingsUnfit, settings } from './config.ts';
import { CommandRefused } from './control.ts';
import { FolderInUse, FolderMissing, FolderUnfit } from './data-folder.ts';
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
  const known = [StartRefused, FolderInUse, FolderMissing, FolderUnfit, Refusal, CommandRefused].some(
    (kind) => error instanceof kind,
  );
  if (error instanceof Error && known) return error.message;
  return explainSettings(error) ?? explainListening(error) ?? explainFolder(error);
}

/** One line for each wrong setting: what it is and what it should be. */
function explainSettings(error: unknown): string | undefined {
  if (!(error instanceof SettingsUnfit)) return undefined;
  return error.names
    .map((name) =>
      name in secretive
        ? `${name} must look like ${secretive[name]}.`
        : `${name}=${process.env[name] ?? ''} cannot be used: it must be ${wanted(name)}.`,
    )
    .join('\n');
}

/** Settings that may hold a password, which must not be repeated on a screen, and what they look like. */
const secretive: Readonly<Record<string, string>> = {
  METRICS_TOKEN: 'a text of at least 16 characters',
  DATABASE_URL: 'postgres://user:password@host:5432/database',
  SMTP_URL: 'smtp://user:password@host:587, or smtps:// where TLS comes first',
};

const wantedTexts: Readonly<Record<string, string>> = {
  TRUST_PROXY: 'a list of addresses or networks, such as 10.0.0.0/8, separated by commas',
  CORS_ORIGINS:
    'a list of origins, such as https://app.example.org (no path, no slash at the end), separated by commas',
  JITSI_DOMAIN: 'a host, such as meet.example.org or meet.example.org:8443',
};

function wanted(name: string): string {
  const { type, anyOf, minimum, maximum, pattern, default: value } = settingSchemas[name] ?? {};
  if (anyOf !== undefined) return `one of ${anyOf.map((choice) => String(choice.const)).join(', ')}`;
  if (type === 'integer' && maximum !== undefined) return `a whole number from ${minimum ?? 0} to ${maximum}`;
  if (type === 'integer') return `a whole number, at least ${minimum ?? 0}`;
  const said = wantedTexts[name];
  if (said !== undefined || pattern === undefined) return said ?? 'a text';
  return `written as count/seconds, such as ${String(value)}`;
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
  const problem = code === 'ENOENT' && syscall === 'mkdir' ? 'it cannot be made there' : fileProblems[String(code)];
  if (problem === undefined || typeof path !== 'string' || typeof syscall !== 'string') return undefined;
  return `${path} cannot be used (${problem}). DATA_DIR says where the data lies.`;
}
