import type { Limits } from '../../infra/limits/limits.ts';
import type { Log } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal, Role } from '../../kernel/principal.ts';
import { peopleByAccounts, peopleByIds } from './accounts.ts';
import { authenticateKey, createAdmin, createKey, giveRole, listKeys, revokeKey, setRole } from './administration.ts';
import { block, blocksAround, isBlocked, listBlocked, unblock } from './blocks.ts';
import { deleteAccount } from './deletion.ts';
import { identityErrors } from './errors.ts';
import { findPeople } from './find-people.ts';
import { endSession, listSessions } from './own-sessions.ts';
import type { DeletePart, Parts } from './parts.ts';
import { changePassword } from './password-change.ts';
import { resetCode, resetPassword } from './password-reset.ts';
import { argon2Passwords, type Passwords } from './passwords.ts';
import { noteSeen, profileFor, profileOf, publicProfile, updateProfile } from './profile.ts';
import type {
  Blocked,
  Credentials,
  KeyRequest,
  Origin,
  OwnSession,
  PasswordChange,
  PasswordReset,
  Person,
  PersonList,
  Profile,
  ProfileChange,
  PublicProfile,
  Registration,
  ServiceKey,
  SignedIn,
  StoredKey,
  Tokens,
} from './schema.ts';
import { authenticate, forgetExpired, logout, logoutAll, refresh } from './sessions.ts';
import { login, provision, register } from './signing-in.ts';
import { personOf, prepareReads } from './store.ts';
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
  /** The caller's live login sessions, the last used first. */
  listSessions(principal: Principal, page: Page): Promise<{ sessions: OwnSession[]; total: number }>;
  /** Ends one of the caller's own. Refuses SESSION_NOT_FOUND. */
  endSession(principal: Principal, id: string): Promise<void>;
  /** Ends every other session. Refuses INVALID_INPUT, WRONG_PASSWORD, ACCOUNT_NOT_FOUND, RATE_LIMITED, UNAVAILABLE. */
  changePassword(principal: Principal, change: PasswordChange & { origin: Origin }): Promise<void>;
  /** Makes a code for a new password: 30 minutes, once, five tries. Refuses ACCOUNT_NOT_FOUND. */
  resetCode(email: string): Promise<string>;
  /** Ends every session. Refuses INVALID_INPUT, INVALID_CODE, RATE_LIMITED, UNAVAILABLE. */
  resetPassword(input: PasswordReset, origin: Origin): Promise<void>;
  /** `continuation`: also an expired token of a live session, for 12 hours after it was issued. Refuses INVALID_TOKEN. */
  authenticate(token: string, options?: { continuation?: boolean }): Promise<Principal>;
  /** Refuses INVALID_KEY. */
  authenticateKey(key: string): Promise<ServiceKey>;
  me(principal: Principal): Promise<Profile>;
  /** Refuses ACCOUNT_NOT_FOUND. The profile has the email: who may see it is for the caller to decide. */
  profileOf(id: string): Promise<Profile>;
  /** The same as any signed-in account may see it, a deleted one too. Refuses ACCOUNT_NOT_FOUND. */
  profileFor(principal: Principal, id: string): Promise<PublicProfile>;
  /** As whoever is not blocked sees an account, by its internal number, a deleted one too. */
  publicProfile(account: number): Promise<PublicProfile | undefined>;
  /** Refuses INVALID_INPUT, ACCOUNT_NOT_FOUND, NOT_YOURS, USERNAME_TAKEN. */
  updateProfile(principal: Principal, change: { id: string; change: ProfileChange }): Promise<Profile>;
  /** The caller's own account, at every door. Refuses ACCOUNT_NOT_FOUND, NOT_YOURS. */
  deleteAccount(principal: Principal, id: string): Promise<void>;
  /** By a part of the username, or by a whole email. Refuses UNAVAILABLE. */
  searchPeople(text: string, page: Page): Promise<PersonList>;
  /** Notes when these accounts, by internal number, were last seen. */
  noteSeen(accounts: readonly number[], at: number): Promise<void>;
  /** By public id, in any case; with `deletedToo` also who has deleted their account, for what they left behind. */
  findAccount(id: string, options?: { deletedToo?: boolean }): Promise<Person | undefined>;
  /** By public ids in lower case; who does not exist is missing. */
  peopleByIds(ids: readonly string[]): Promise<Map<string, Person>>;
  /** By internal numbers; who does not exist is missing. */
  peopleByAccounts(accounts: readonly number[]): Promise<Map<number, Person>>;
  /** Refuses ACCOUNT_NOT_FOUND, BLOCKS_ONESELF, TOO_MANY_BLOCKS; once more changes nothing. */
  block(principal: Principal, id: string): Promise<void>;
  /** Refuses ACCOUNT_NOT_FOUND; where there is no block nothing changes. */
  unblock(principal: Principal, id: string): Promise<void>;
  /** Whom the caller has blocked, the latest first. */
  listBlocked(principal: Principal, page: Page): Promise<{ blocked: Blocked[]; total: number }>;
  /** Whether the account `by` has blocked the account `who`; internal numbers. Says nothing of the other direction. */
  isBlocked(by: number, who: number): Promise<boolean>;
  /** Whom an account has blocked and who has blocked it; internal numbers. `undefined` when they are more than 20,000. */
  blocksAround(account: number): Promise<ReadonlySet<number> | undefined>;
  provision(people: readonly { username: string; email: string }[]): Promise<SignedIn[]>;
  createAdmin(input: { email: string; password: string; username?: string }): Promise<Profile>;
  setRole(email: string, role: Role): Promise<Profile>;
  /** Refuses ADMIN_ONLY, ACCOUNT_NOT_FOUND. */
  giveRole(principal: Principal, to: { id: string; role: Role }): Promise<Profile>;
  createKey(input: KeyRequest): Promise<ServiceKey & { key: string }>;
  /** Every key that was ever made, the latest last. */
  listKeys(): Promise<StoredKey[]>;
  /** By its id or the key itself; it lets nobody in from then on. Refuses KEY_NOT_FOUND. */
  revokeKey(idOrKey: string): Promise<ServiceKey>;
  /** Whether a person has ever made an account here; provisioned ones do not count. */
  isInhabited(): Promise<boolean>;
  /** Hashes of other secrets that people choose, in one queue with those of accounts: each takes memory and a thread. */
  readonly passwords: Passwords;
  /** Forgets up to `limit` sessions that ended by time, tells their sockets, and returns how many; for a timer. */
  forgetExpired(limit: number): Promise<number>;
}

export type IdentityNeeds = Readonly<{
  sql: Sql;
  log: Log;
  limits: Limits;
  clock: Clock;
  /** Whether an account, by its public id, has a live connection. */
  isOnline: (id: string) => boolean;
  /** When the last connection of an account, by its number, has ended, as long as that is not stored; 0 when nothing is known. */
  leftAt: (account: number) => number;
  onDelete: DeletePart;
  /** Signs access tokens; at least 32 bytes. */
  secret: Uint8Array;
  config: IdentitySettings;
}>;

export function buildIdentity(needs: IdentityNeeds): Identity {
  const parts = partsOf(needs);
  return {
    passwords: parts.passwords,
    register: (input, origin) => register(parts, input, origin),
    login: (input, origin) => login(parts, input, origin),
    refresh: (refreshToken) => refresh(parts, refreshToken),
    logout: (principal, refreshToken) => logout(parts, principal, refreshToken),
    logoutAll: (principal) => logoutAll(parts, principal),
    listSessions: (principal, page) => listSessions(parts, principal, page),
    endSession: (principal, id) => endSession(parts, principal, id),
    changePassword: (principal, change) => changePassword(parts, principal, change),
    resetCode: (email) => resetCode(parts, email),
    resetPassword: (input, origin) => resetPassword(parts, input, origin),
    authenticate: (token, options) => authenticate(parts, token, options),
    authenticateKey: (key) => authenticateKey(parts, key),
    me: (principal) => me(parts, principal),
    profileOf: async (id) => profileOf(parts, await accountOf(parts, id)),
    profileFor: (principal, id) => profileFor(parts, principal, id),
    publicProfile: (account) => publicProfile(parts, account),
    updateProfile: (principal, change) => updateProfile(parts, principal, change),
    deleteAccount: (principal, id) => deleteAccount(parts, principal, id),
    searchPeople: (text, page) => findPeople(parts, text, page),
    noteSeen: (accounts, at) => noteSeen(parts, accounts, at),
    findAccount: (id, options) => findAccount(parts, id, options),
    peopleByIds: (ids) => peopleByIds(parts, ids),
    peopleByAccounts: (accounts) => peopleByAccounts(parts, accounts),
    block: (principal, id) => block(parts, principal, id),
    unblock: (principal, id) => unblock(parts, principal, id),
    listBlocked: (principal, page) => listBlocked(parts, principal, page),
    isBlocked: (by, who) => isBlocked(parts, by, who),
    blocksAround: (account) => blocksAround(parts, account),
    provision: (people) => provision(parts, people),
    createAdmin: (input) => createAdmin(parts, input),
    setRole: (email, role) => setRole(parts, email, role),
    giveRole: (principal, to) => giveRole(parts, principal, to),
    createKey: (input) => createKey(parts, input),
    listKeys: () => listKeys(parts),
    revokeKey: (idOrKey) => revokeKey(parts, idOrKey),
    isInhabited: async () => (await parts.reads.firstPerson.get(1)) !== undefined,
    forgetExpired: (limit) => forgetExpired(parts, limit),
  };
}

function partsOf({ sql, log, limits, clock, isOnline, leftAt, onDelete, secret, config }: IdentityNeeds): Parts {
  return {
    sql,
    log,
    limits,
    clock,
    isOnline,
    leftAt,
    onDelete,
    reads: prepareReads(sql),
    passwords: argon2Passwords(),
    accessTokens: buildAccessTokens(secret, clock, config.ACCESS_TOKEN_SECONDS),
    successorOf: refreshSuccession(secret),
    attemptsByAccount: { name: 'login-account', ...config.LOGIN_ATTEMPTS },
    attemptsByAddress: { name: 'login-address', ...config.LOGIN_ATTEMPTS },
    firstIsAdmin: config.NODE_ENV === 'development',
  };
}

async function me(parts: Parts, principal: Principal): Promise<Profile> {
  const account = await parts.reads.account.get(principal.account);
  if (account === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return profileOf(parts, account);
}

async function findAccount({ reads }: Parts, id: string, { deletedToo = false } = {}): Promise<Person | undefined> {
  const key = idBytes(id);
  const read = deletedToo ? reads.anyByPublicId : reads.accountByPublicId;
  const account = key === undefined ? undefined : await read.get(key);
  return account === undefined ? undefined : personOf(account);
}

async function accountOf({ reads }: Parts, id: string) {
  const key = idBytes(id);
  const account = key === undefined ? undefined : await reads.accountByPublicId.get(key);
  if (account === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  return account;
}
