import { envSchema } from 'env-schema';
import { type Static, Type } from 'typebox';
import { isNetwork, isOrigin, listOf, originsOf } from './infra/http/lists.ts';

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
  METRICS_TOKEN: Type.Optional(
    Type.String({
      description: 'Bearer token that opens /metrics in production; without it they are for this machine only',
      minLength: 16,
    }),
  ),
  API_DOCS: Type.Optional(
    Type.Union([Type.Literal('on'), Type.Literal('off')], {
      description: 'The page about the API at /api/docs; on in development, in production off unless it is set',
    }),
  ),
  LOG_LEVEL: Type.Union(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
    {
      description: 'How much is logged, as JSON lines on stderr; on a terminal warn when it is not set',
      default: 'info',
    },
  ),
  JITSI_DOMAIN: Type.Optional(
    Type.String({
      description: 'Jitsi server on which calls take place, as host or host:port; in development meet.jitsi.com',
      pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:\\d{1,5})?$',
    }),
  ),
  JITSI_APP_ID: text('App id that the Jitsi server knows; in development rendezvous'),
  JITSI_APP_SECRET: text('Signs the way into calls, at least 32 bytes; the Jitsi server has the same'),
  CALL_RING_SECONDS: count('How long a call rings before it ends unanswered, in seconds', 60),
  LIVEKIT_URL: text('LiveKit server on which meetings have sound and pictures, as wss://host'),
  LIVEKIT_API_KEY: text('API key that the LiveKit server knows'),
  LIVEKIT_API_SECRET: text('Its secret: signs the way into meetings; in production at least 32 bytes'),
  SMTP_URL: text('smtp://user:password@host:587 of the server that sends mail: codes for new passwords'),
  MAIL_FROM: text('Sender of mails; without it rendezvous@ the host of SMTP_URL'),
  ADMIN_EMAIL: text('With ADMIN_PASSWORD: the administrator made at the first start'),
  ADMIN_PASSWORD: text('See ADMIN_EMAIL'),
  ACCESS_TOKEN_SECONDS: count('Life of an access token, in seconds', 900),
  RATE_LIMITS: Type.Union([Type.Literal('on'), Type.Literal('off')], {
    description: 'All request limits',
    default: 'on',
  }),
  RATE_LIMIT_AUTH: rate(
    'Registrations, logins, and each act with a password or a code for one, by one address',
    '5/900',
  ),
  RATE_LIMIT_MESSAGES: rate('Messages by one account', '30/60'),
  RATE_LIMIT_RECEIPTS: rate('Receipts (delivered, seen) by one account', '600/60'),
  RATE_LIMIT_CALLS: rate('Acts on calls (begin, answer, leave …) by one account', '30/60'),
  RATE_LIMIT_TYPING: rate('Typing that one account tells others of', '60/10'),
  RATE_LIMIT_GENERAL: rate('Other requests by one address', '100/900'),
  RATE_LIMIT_PUSH: rate(
    'Pushes by one account; questions who is connected, and messages to the server, alike',
    '60/60',
  ),
  RATE_LIMIT_PUSH_KEYS: rate('The same by one service key', '6000/60'),
  RATE_LIMIT_MEETINGS: rate(
    'Meetings made, changed, started and ended, and tokens for them, by one account',
    '100/3600',
  ),
  RATE_LIMIT_MEETING_PEOPLE: rate(
    'Joining and leaving meetings, and lists of participants, by one account',
    '1000/3600',
  ),
  RATE_LIMIT_MEETING_CHAT: rate('Chat messages in meetings, and their history, by one account', '60/60'),
  RATE_LIMIT_MEETING_STATUS: rate('Changes of status in meetings by one account', '120/60'),
  RATE_LIMIT_MEETING_SOCKET: rate('Messages on WebSockets of meetings by one account', '1000/60'),
  LOGIN_ATTEMPTS: rate('Failed passwords for one account, and from one address, at all doors together', '10/900'),
  SOCKET_EVENTS: rate('Events by one socket', '1000/10'),
  SOCKETS_WAITING: count('Connections by one address that have not signed in yet, at a time', 200),
  OFFLINE_AFTER: count('Seconds without a connection after which others hear that somebody has gone', 5),
  MEETING_HOST_AWAY: count('Seconds without a connection after which somebody else is host of a meeting', 30),
  SOCKETS_PER_ACCOUNT: count('Live connections of one account, at a time', 100),
  REPLAY_MAX: count('Rows a returning client may have missed and still be served one by one', 50_000),
  SEND_BUFFER: count('Bytes that may wait for one client before it catches up at its own pace', 1_048_576, 65_536),
});

/** Settings that are written as count/seconds. */
const rateNames = [
  'RATE_LIMIT_AUTH',
  'RATE_LIMIT_MESSAGES',
  'RATE_LIMIT_RECEIPTS',
  'RATE_LIMIT_CALLS',
  'RATE_LIMIT_TYPING',
  'RATE_LIMIT_GENERAL',
  'RATE_LIMIT_PUSH',
  'RATE_LIMIT_PUSH_KEYS',
  'RATE_LIMIT_MEETINGS',
  'RATE_LIMIT_MEETING_PEOPLE',
  'RATE_LIMIT_MEETING_CHAT',
  'RATE_LIMIT_MEETING_STATUS',
  'RATE_LIMIT_MEETING_SOCKET',
  'LOGIN_ATTEMPTS',
  'SOCKET_EVENTS',
] as const;

type Rates = Readonly<Record<(typeof rateNames)[number], Rate>>;

export type Config = Readonly<Omit<Static<typeof settings>, keyof Rates>> & Rates;

/** Settings with values that they do not take. */
export class SettingsUnfit extends Error {
  readonly names: readonly string[];

  constructor(names: readonly string[]) {
    super(`Settings that cannot be used: ${names.join(', ')}`);
    this.name = 'SettingsUnfit';
    this.names = names;
  }
}

/** Reads and checks the settings. Throws `SettingsUnfit`, which names all that are wrong. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const values = checked(given);
  const rates = Object.fromEntries(rateNames.map((name) => [name, rateOf(values[name])])) as Rates;
  return Object.freeze({ ...values, ...rates });
}

function checked(given: Readonly<Record<string, string | undefined>>): Static<typeof settings> {
  const unfit: string[] = [];
  if (!listOf(given['TRUST_PROXY']).every(isNetwork)) unfit.push('TRUST_PROXY');
  if (!fitOrigins(given['CORS_ORIGINS'])) unfit.push('CORS_ORIGINS');
  if (given['SMTP_URL'] !== undefined && !isMailServer(given['SMTP_URL'])) unfit.push('SMTP_URL');
  if (given['LIVEKIT_URL'] !== undefined && !isMediaServer(given['LIVEKIT_URL'])) unfit.push('LIVEKIT_URL');
  if (given['DATABASE_URL'] !== undefined && databasePlace(given['DATABASE_URL']) === undefined) {
    unfit.push('DATABASE_URL');
  }
  try {
    const values: Static<typeof settings> = envSchema({ schema: settings, data: { ...given }, env: false });
    if (unfit.length === 0) return values;
  } catch (error) {
    unfit.push(...namesIn(error));
    if (unfit.length === 0) throw error;
  }
  throw new SettingsUnfit([...new Set(unfit)]);
}

const isMailServer = (url: string): boolean => /^smtps?:\/\/[^/]/.test(url) && URL.canParse(url);

const isMediaServer = (url: string): boolean => /^(?:ws|http)s?:\/\/[^/@]+\/?$/.test(url) && URL.canParse(url);

/** Set to nothing but commas, it would name nobody, and who set it meant somebody. */
function fitOrigins(text: string | undefined): boolean {
  const origins = originsOf(text);
  return origins === '*' || (origins.length > 0 && origins.every(isOrigin));
}

/** The settings that a failed validation is about. */
function namesIn(error: unknown): string[] {
  if (!(error instanceof Error && 'errors' in error && Array.isArray(error.errors))) return [];
  const paths = error.errors.map((problem: unknown) =>
    typeof problem === 'object' && problem !== null && 'instancePath' in problem ? String(problem.instancePath) : '',
  );
  return paths.map((path) => path.slice(1)).filter((name) => name in settings.properties);
}

/** Database and host of DATABASE_URL, without who logs in; `undefined` when it is no address of PostgreSQL. */
export function databasePlace(databaseUrl: string): string | undefined {
  if (!URL.canParse(databaseUrl)) return undefined;
  const { host, pathname, searchParams, protocol } = new URL(databaseUrl);
  if (!/^postgres(ql)?:$/.test(protocol)) return undefined;
  return `${pathname.slice(1) || 'postgres'} at ${searchParams.get('host') ?? (host || 'localhost')}`;
}

function rateOf(written: string): Rate {
  const [events = '', seconds = ''] = written.split('/');
  return { count: Number(events), seconds: Number(seconds) };
}
