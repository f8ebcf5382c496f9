import { destination, type Logger, pino } from 'pino';

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
  return pino({ level, base: null, redact: { paths: redacted, censor: '[redacted]' } }, stream);
}

const standardError = () => destination({ fd: 2, sync: false, maxLength: 8_388_608 });
