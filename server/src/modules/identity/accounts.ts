import { Refusal } from '../../kernel/errors.ts';
import { idBytes, idText, newId } from '../../kernel/ids.ts';
import type { Role } from '../../kernel/principal.ts';
import { identityErrors } from './errors.ts';
import type { Parts } from './parts.ts';
import { emailKey, type Person, usernameKey } from './schema.ts';
import { type Account, personOf, slicesOf, type Tables, tablesOf } from './store.ts';

/** An account that does not exist yet. */
export type Draft = Readonly<{ username: string; email: string; passwordHash: string | null; role: Role }>;

/** Inserts accounts inside a transaction; refuses EMAIL_TAKEN or USERNAME_TAKEN. Returned in no particular order. */
export async function insertAccounts(db: Tables, drafts: readonly Draft[], now: number): Promise<Account[]> {
  const inserted: Account[] = [];
  for (const part of slicesOf(drafts)) {
    const rows = part.map(({ username, email, passwordHash, role }) => ({
      public_id: newId(),
      email: emailKey(email),
      username: username.trim(),
      username_key: usernameKey(username),
      password_hash: passwordHash,
      role,
      created_at: now,
      updated_at: now,
      last_seen: now,
      signed_in_at: now,
    }));
    const made = await db
      .insertInto('accounts')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .returningAll()
      .execute();
    const known = new Set(made.map(({ public_id }) => idText(public_id)));
    const refused = rows.find(({ public_id }) => !known.has(idText(public_id)));
    if (refused !== undefined) throw await whatWasTaken(db, refused.email);
    inserted.push(...made);
  }
  return inserted;
}

async function whatWasTaken(db: Tables, email: string): Promise<Refusal> {
  const holder = await db.selectFrom('accounts').select('id').where('email', '=', email).executeTakeFirst();
  return new Refusal(holder === undefined ? identityErrors.USERNAME_TAKEN : identityErrors.EMAIL_TAKEN);
}

/** Refuses early what is taken already, before a password is hashed for nothing; the insert decides. */
export async function refuseTaken({ reads }: Parts, person: { email: string; username: string }): Promise<void> {
  const email = emailKey(person.email);
  const holders = await reads.taken.all(email, usernameKey(person.username));
  if (holders.some((holder) => holder.email === email)) throw new Refusal(identityErrors.EMAIL_TAKEN);
  if (holders.length > 0) throw new Refusal(identityErrors.USERNAME_TAKEN);
}

/** Whether this transaction makes the first account of a person. Its insert lets one of several through. */
export async function claimFirstPerson(db: Tables): Promise<boolean> {
  const claimed = await db
    .insertInto('first_person')
    .values({ one: 1 })
    .onConflict((conflict) => conflict.doNothing())
    .returning('one')
    .executeTakeFirst();
  return claimed !== undefined;
}

/** The accounts behind public ids, by the id in lower case; unknown, malformed and deleted ones are missing. */
export async function peopleByIds({ sql }: Parts, ids: readonly string[]): Promise<Map<string, Person>> {
  const keys = ids.map(idBytes).filter((key) => key !== undefined);
  const people = new Map<string, Person>();
  for (const part of slicesOf(keys)) {
    const rows = await tablesOf(sql.read)
      .selectFrom('accounts')
      .select(['id', 'public_id', 'username', 'avatar'])
      .where('public_id', 'in', part)
      .where('deleted_at', 'is', null)
      .execute();
    for (const person of rows.map(personOf)) people.set(person.id, person);
  }
  return people;
}

/** The accounts behind internal numbers; deleted ones are missing. */
export async function peopleByAccounts({ sql }: Parts, accounts: readonly number[]): Promise<Map<number, Person>> {
  const people = new Map<number, Person>();
  for (const part of slicesOf(accounts)) {
    const rows = await tablesOf(sql.read)
      .selectFrom('accounts')
      .select(['id', 'public_id', 'username', 'avatar'])
      .where('id', 'in', part)
      .where('deleted_at', 'is', null)
      .execute();
    for (const person of rows.map(personOf)) people.set(person.account, person);
  }
  return people;
}
