import { envSchema } from 'env-schema';
import { type Static, Type } from 'typebox';

/** `count` in a window of `seconds`. */
type Rate = Readonly<{ count: number; seconds: number }>;

const text = (description: string, value?: string) =>
  Type.Optional(Type.String({ description, ...(value === undefined ? {} : { default: value }) }));
const port = (description: string, value: number) =>
  Type.Integer({
    description: `${description}; 0 picks a free one and prints it`,
    minimum: 0,
    maximum: 65_535,
    default: value,
  });
const count = (description: string, value: number, minimum = 1) =>
  Type.Integer({ description, minimum, default: value });
const rate = (description: string, value: string) =>
  Type.String({ description: `${description}, as count/seconds`, pattern: '^[1-9]\\d*/[1-9]\\d*$', default: value });

/** Every setting: its environment variable, unit and default. `.env` in the working directory is read too. */
export const settings = Type.Object({
  NODE_ENV: Type.Union([Type.Literal('development'), Type.Literal('production')], {
    description: 'The profile: development listens on loopback only; production needs its secrets given',
    default: 'development',
  }),
  DATA_DIR: Type.String({
    description: 'Folder for the database, generated secrets and the control socket',
    default: './data',
  }),
  HOST: Type.String({
    description: 'Address to listen on in production; development always uses 127.0.0.1',
    default: '0.0.0.0',
  }),
  SOCIAL_PORT: port('Port for REST, Socket.IO and WebSocket', 3000),
  DATABASE_URL: text('postgres://… to keep everything in PostgreSQL; without it SQLite in DATA_DIR'),
  JWT_SECRET: text('Signs access tokens, at least 32 bytes; made once and kept in DATA_DIR in development'),
  CORS_ORIGINS: text(
    'Origins that browsers may call from, separated by commas; when it is not set, any may, without cookies',
  ),
  TRUST_PROXY: text('CIDR list of proxies whose X-Forwarded-For is believed'),
  LOG_LEVEL: Type.Union(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
    { description: 'How much is logged, as JSON lines on stderr', default: 'info' },
  ),
  ADMIN_EMAIL: text('With ADMIN_PASSWORD: the administrator made at the first start'),
  ADMIN_PASSWORD: text('See ADMIN_EMAIL'),
  ACCESS_TOKEN_SECONDS: count('Life of an access token, in seconds', 900),
  RATE_LIMITS: Type.Union([Type.Literal('on'), Type.Literal('off')], {
    description: 'All request limits',
    default: 'on',
  }),
  RATE_LIMIT_AUTH: rate('Registrations, and logins, by one address', '5/900'),
  RATE_LIMIT_MESSAGES: rate('Messages by one account', '30/60'),
  RATE_LIMIT_GENERAL: rate('Other requests by one address', '100/900'),
  LOGIN_ATTEMPTS: rate('Failed passwords for one account, and from one address, at all doors together', '10/900'),
  SOCKET_EVENTS: rate('Events by one socket', '1000/10'),
  REPLAY_MAX: count('Rows a returning client may have missed and still be served one by one', 50_000),
  SEND_BUFFER: count('Bytes that may wait for one client before it catches up at its own pace', 1_048_576, 65_536),
});

export type Config = Readonly<
  Omit<
    Static<typeof settings>,
    'RATE_LIMIT_AUTH' | 'RATE_LIMIT_MESSAGES' | 'RATE_LIMIT_GENERAL' | 'LOGIN_ATTEMPTS' | 'SOCKET_EVENTS'
  > & {
    RATE_LIMIT_AUTH: Rate;
    RATE_LIMIT_MESSAGES: Rate;
    RATE_LIMIT_GENERAL: Rate;
    LOGIN_ATTEMPTS: Rate;
    SOCKET_EVENTS: Rate;
  }
>;

/** Reads and checks the settings; a wrong one is named with what it should be. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const values: Static<typeof settings> = envSchema({ schema: settings, data: given, env: false });
  return Object.freeze({
    ...values,
    RATE_LIMIT_AUTH: rateOf(values.RATE_LIMIT_AUTH),
    RATE_LIMIT_MESSAGES: rateOf(values.RATE_LIMIT_MESSAGES),
    RATE_LIMIT_GENERAL: rateOf(values.RATE_LIMIT_GENERAL),
    LOGIN_ATTEMPTS: rateOf(values.LOGIN_ATTEMPTS),
    SOCKET_EVENTS: rateOf(values.SOCKET_EVENTS),
  });
}

function rateOf(written: string): Rate {
  const [events = '', seconds = ''] = written.split('/');
  return { count: Number(events), seconds: Number(seconds) };
}
