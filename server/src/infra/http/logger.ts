import { destination, type Logger, pino, stdSerializers } from 'pino';

const secretNames = [
  'authorization',
  'cookie',
  'password',
  'token',
  'accessToken',
  'refreshToken',
  'access_token',
  'secret',
];

/** Fields of these names never reach the log, down to the third level. */
const redacted = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** An address as it may be logged: without its query, in which secrets stand under any name and spelling. */
export const loggableUrl = (url: string): string => url.split(/[?;#]/, 1)[0] ?? '';

/**
 * JSON lines on stderr; stdout is for people. Written behind the event loop, at most 8 MB in memory: a reader of
 * stderr that stalls costs log lines and never a request.
 */
export function createLogger(level: string, stream: { write(line: string): void } = standardError()): Logger {
  const redact = { paths: redacted, censor: '[redacted]' };
  return pino({ level, base: null, redact, serializers: { err: serialized } }, stream);
}

/**
 * Pino marks what it has serialized, also what hangs on an error and looks like one: a frozen thing there, such as the
 * value in a refusal, made it throw, and that ended the process.
 */
function serialized(error: Error): object {
  try {
    return stdSerializers.err(error);
  } catch {
    return { type: error.name, message: error.message, stack: error.stack };
  }
}

const standardError = () => destination({ fd: 2, sync: false, maxLength: 8_388_608 });
