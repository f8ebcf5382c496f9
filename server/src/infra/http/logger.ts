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

const secretParameter = /([?&][^=&#]*(?:token|password|secret|key|code)[^=&#]*=)[^&#]*/gi;

/** An address as it may be logged: what stands in parameters that look like secrets is taken out. */
export const loggableUrl = (url: string): string => url.replaceAll(secretParameter, '$1[redacted]');

/**
 * JSON lines on stderr; stdout is for people. Written behind the event loop, at most 8 MB in memory: a reader of
 * stderr that stalls costs log lines and never a request.
 */
export function createLogger(level: string, stream: { write(line: string): void } = standardError()): Logger {
  return pino({ level, base: null, redact: { paths: redacted, censor: '[redacted]' } }, stream);
}

const standardError = () => destination({ fd: 2, sync: false, maxLength: 8_388_608 });
