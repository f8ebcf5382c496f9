import type { Limits } from '../../infra/limits/limits.ts';
import type { Log } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes } from '../../kernel/ids.ts';
import type { Principal, Role } from '../../kernel/principal.ts';
import { peopleByAccounts, peopleByIds } from './accounts.ts';
import { authenticateKey, createAdmin, createKey, setRole } from './administration.ts';
import { identityErrors } from './errors.ts';
import type { Parts } from './parts.ts';
import { argon2Passwords } from './passwords.ts';
import type {
  Credentials,
  KeyRequest,
  Origin,
  Person,
  Profile,
  Registration,
  ServiceKey,
  SignedIn,
  Tokens,
} from './schema.ts';
import { authenticate, forgetExpired, logout, logoutAll, refresh } from './sessions.ts';
import { login, provision, register } from './signing-in.ts';
import { personOf, prepareReads, profileOf } from './store.ts';
import { buildAccessTokens, refreshSuccession } from './tokens.ts';

/** The settings that identity looks at, named as in the configuration. */
export type IdentitySettings = Readonly<{
  NODE_ENV: 'development' | 'production';
  ACCESS_TOKEN_SECONDS: number;
  LOGIN_ATTEMPTS: Readonly<{ count: number; seconds: number }>;
}>;

/** Accounts, login sessions, tokens and service keys. Every function refuses with an `ErrorValue` of the table. */
export interface Identity {
  /** Refuses INVALID_INPUT, EMAIL_TAKEN, USERNAME_TAKEN, UNAVAILABLE. */
  register(input: Registration, origin: Origin): Promise<SignedIn>;
  /** Refuses INVALID_CREDENTIALS, RATE_LIMITED, UNAVAILABLE. */
  login(input: Credentials, origin: Origin): Promise<SignedIn>;
  /** The used token gives the same successor for ten seconds, and ends its session after that. */
  refresh(refreshToken: string): Promise<Tokens>;
  logout(principal: Principal, refreshToken: string): Promise<void>;
  logoutAll(principal: Principal): Promise<void>;
  /** `continuation`: also an expired token of a live session, for 12 hours after it was issued. Refuses INVALID_TOKEN. */
  authenticate(token: string, options?: { continuation?: boolean }): Promise<Principal>;
  /** Refuses INVALID_KEY. */
  authenticateKey(key: string): Promise<ServiceKey>;
  me(principal: Principal): Promise<Profile>;
  /** Refuses ACCOUNT_NOT_FOUND. The profile has the email: who may see it is for the caller to decide. */
  profileOf(id: string): Promise<Profile>;
  /** By public id, in any case. */
  findAccount(id: string): Promise<Person | undefined>;
  /** By public ids in lower case; who does not exist is missing. */
  peopleByIds(ids: readonly string[]): Promise<Map<string, Person>>;
  /** By internal numbers; who does not exist is missing. */
  peopleByAccounts(accounts: readonly number[]): Promise<Map<number, Person>>;
  provision(people: readonly { username: string; email: string }[]): Promise<SignedIn[]>;
  createAdmin(input: { email: string; password: string; username?: string }): Promise<Profile>;
  setRole(email: string, role: Role): Promise<Profile>;
  createKey(input: KeyRequest): Promise<ServiceKey & { key: string }>;
  /** Whether a person has ever made an account here; provisioned ones do not count. */
  isInhabited(): Promise<boolean>;
  /** Forgets up to `limit` sessions that ended by time, and returns how many; for a timer. */
  forgetExpired(limit: number): Promise<number>;
}

export type IdentityNeeds = Readonly<{
  sql: Sql;
  log: Log;
  limits: Limits;
  clock: Clock;
  /** Signs access tokens; at least 32 bytes. */
  secret: Uint8Array;
  config: IdentitySettings;
}>;

export function buildIdentity(needs: IdentityNeeds): Identity {
  const parts = partsOf(needs);
  return {
    register: (input, origin) => register(parts, input, origin),
    login: (input, origin) => login(parts, input, origin),
    refresh: (refreshToken) => refresh(parts, refreshToken),
    logout: (principal, refreshToken) => logout(parts, principal, refreshToken),
    logoutAll: (principal) => logoutAll(parts, principal),
    authenticate: (token, options) => authenticate(parts, token, options),
    authenticateKey: (key) => authenticateKey(parts, key),
    me: (principal) => me(parts, principal),
    profileOf: async (id) => profileOf(await accountOf(parts, id)),
    findAccount: (id) => findAccount(parts, id),
    peopleByIds: (ids) => peopleByIds(parts, ids),
    peopleByAccounts: (accounts) => peopleByAccounts(parts, accounts),
    provision: (people) => provision(parts, people),
    createAdmin: (input) => createAdmin(parts, input),
    setRole: (email, role) => setRole(parts, email, role),
    createKey: (input) => createKey(parts, input),
    isInhabited: async () => (await parts.reads.firstPerson.get(1)) !== undefined,
    forgetExpired: (limit) => forgetExpired(parts, limit),
  };
}

function partsOf({ sql, log, limits, clock, secret, config }: IdentityNeeds): Parts {
  return {
    sql,
    log,
    limits,
    clock,
    reads: prepareReads(sql),
    passwords: argon2Passwords(),
    accessTokens: buildAccessTokens(secret, clock, config.ACCESS_TOKEN_SECONDS),
    successorOf: refreshSuccession(secret),
    attemptsByAccount: { name: 'login-account', ...config.LOGIN_ATTEMPTS },
    attemptsByAddress: { name: 'login-address', ...config.LOGIN_ATTEMPTS },
    firstIsAdmin: config.NODE_ENV === 'development',
  };
}

async function me({ reads }: Parts, principal: Principal): Promise<Profile> {
  const account = await reads.account.get(principal.account);
  if (account === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return profileOf(account);
}

async function findAccount({ reads }: Parts, id: string): Promise<Person | undefined> {
  const key = idBytes(id);
  const account = key === undefined ? undefined : await reads.accountByPublicId.get(key);
  return account === undefined ? undefined : personOf(account);
}

async function accountOf({ reads }: Parts, id: string) {
  const key = idBytes(id);
  const account = key === undefined ? undefined : await reads.accountByPublicId.get(key);
  if (account === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return account;
}
