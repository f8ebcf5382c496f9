import { addressKey } from '../../infra/limits/address.ts';
import type { Rule } from '../../infra/limits/limits.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Role } from '../../kernel/principal.ts';
import { claimFirstPerson, type Draft, insertAccounts, refuseTaken } from './accounts.ts';
import { identityErrors } from './errors.ts';
import type { Parts } from './parts.ts';
import {
  type Credentials,
  checkCredentials,
  checkRegistration,
  emailKey,
  type Origin,
  type Registration,
  type SignedIn,
} from './schema.ts';
import { openSessions, signedIn } from './sessions.ts';
import { type Account, slicesOf, type Tables, tablesOf } from './store.ts';

/** Makes an account and its first session. Refuses INVALID_INPUT, EMAIL_TAKEN, USERNAME_TAKEN. */
export async function register(parts: Parts, input: Registration, origin: Origin): Promise<SignedIn> {
  const person = checkRegistration(input);
  await refuseTaken(parts, person);
  const passwordHash = await parts.passwords.hash(person.password);
  const opened = await parts.log.write(async ({ sql }) => {
    const db = tablesOf(sql);
    const first = await claimFirstPerson(db);
    // In a browser any page may call us: it must not make itself the administrator of whoever looks at it.
    const role: Role = first && parts.firstIsAdmin && !origin.foreign ? 'ADMIN' : 'GUEST';
    const draft = { username: person.username, email: person.email, passwordHash, role };
    return openSessions(parts, db, await insertAccounts(db, [draft], parts.clock.now()), origin);
  });
  return onlyOne(await Promise.all(opened.map((session) => signedIn(parts, session))));
}

/**
 * Opens a session. Refuses INVALID_CREDENTIALS in the same time and words whether the account is unknown, has no
 * password or another one; RATE_LIMITED after too many failures for one account or from one address.
 */
export async function login(parts: Parts, input: Credentials, origin: Origin): Promise<SignedIn> {
  const account = await proven(parts, checkCredentials(input), origin);
  if (account === undefined) throw new Refusal(identityErrors.INVALID_CREDENTIALS);
  const opened = await parts.log.write(async ({ sql }) => {
    const db = tablesOf(sql);
    return openSessions(parts, db, await greet(db, account, parts.clock.now()), origin);
  });
  if (opened.length === 0) throw new Refusal(identityErrors.INVALID_CREDENTIALS);
  return onlyOne(await Promise.all(opened.map((session) => signedIn(parts, session))));
}

/**
 * The account with this email, if the password is its own. Takes the same time whether there is such an account or
 * not. Refuses RATE_LIMITED after too many failures for one account or from one address.
 */
export async function proven(
  parts: Parts,
  { email, password }: Credentials,
  origin: Origin,
): Promise<Account | undefined> {
  const key = emailKey(email);
  const address = addressKey(origin.address);
  // The address first: who is refused by it must not use up somebody else's attempts.
  await countAttempt(parts, parts.attemptsByAddress, address);
  await countAttempt(parts, parts.attemptsByAccount, key);
  const account = await parts.reads.accountByEmail.get(key);
  const right = await parts.passwords.verify(password, account?.password_hash ?? null);
  if (!right) return undefined;
  await parts.limits.reset(parts.attemptsByAccount, key);
  await parts.limits.giveBack(parts.attemptsByAddress, address);
  return account;
}

/** Counted before the secret is looked at, so that parallel attempts cannot pass together. */
export async function countAttempt({ limits, clock }: Parts, rule: Rule, key: string): Promise<void> {
  const { allowed, resetAt } = await limits.take(rule, key);
  if (allowed) return;
  throw new Refusal(commonErrors.RATE_LIMITED, { retryAfter: Math.max(1, resetAt - Math.floor(clock.now() / 1_000)) });
}

/** Notes that somebody came in; nobody, when the account was deleted or its password changed since that was looked at. */
async function greet(db: Tables, { id, password_hash }: Account, now: number): Promise<Account[]> {
  return db
    .updateTable('accounts')
    .set({ last_seen: now, signed_in_at: now })
    .where('id', '=', id)
    .where('password_hash', '=', password_hash)
    .where('deleted_at', 'is', null)
    .returningAll()
    .execute();
}

/**
 * Makes accounts without a password, for demonstrations and measurements, with a session each, all in one transaction;
 * answers in the order given. One that exists without a password gets a new session; one with a password is refused
 * with EMAIL_TAKEN, because an email is never an identity. These never count as the first person.
 */
export async function provision(
  parts: Parts,
  people: readonly { username: string; email: string }[],
): Promise<SignedIn[]> {
  const opened = await parts.log.write(async ({ sql }) => {
    const db = tablesOf(sql);
    const accounts = new Map<string, Account>();
    for (const part of slicesOf(people)) await findProvisioned(db, part, accounts);
    const drafts: Draft[] = people
      .filter(({ email }) => !accounts.has(emailKey(email)))
      .map(({ username, email }) => ({ username, email, passwordHash: null, role: 'GUEST' }));
    for (const made of await insertAccounts(db, drafts, parts.clock.now())) accounts.set(made.email, made);
    return openSessions(parts, db, [...accounts.values()], { address: '127.0.0.1', device: null, foreign: false });
  });
  const byEmail = new Map(opened.map((session) => [session.account.email, session]));
  return Promise.all(
    people.map(({ email }) => {
      const session = byEmail.get(emailKey(email));
      if (session === undefined) throw new Error('A provisioned account is missing');
      return signedIn(parts, session);
    }),
  );
}

async function findProvisioned(
  db: Tables,
  people: readonly { email: string }[],
  found: Map<string, Account>,
): Promise<void> {
  const emails = people.map(({ email }) => emailKey(email));
  const rows = await db.selectFrom('accounts').selectAll().where('email', 'in', emails).execute();
  for (const account of rows) {
    if (account.password_hash !== null || account.deleted_at !== null) throw new Refusal(identityErrors.EMAIL_TAKEN);
    found.set(account.email, account);
  }
}

function onlyOne(people: readonly SignedIn[]): SignedIn {
  const [person] = people;
  if (person === undefined) throw new Error('No session was opened');
  return person;
}
