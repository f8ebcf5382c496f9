import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idBytes, idText, newId } from '../../kernel/ids.ts';
import type { Principal, Role } from '../../kernel/principal.ts';
import { claimFirstPerson, insertAccounts, refuseTaken } from './accounts.ts';
import { identityErrors } from './errors.ts';
import { identityEvents, type RoleChanged } from './events.ts';
import type { Parts } from './parts.ts';
import { profileOf } from './profile.ts';
import {
  checkKeyRequest,
  checkRegistration,
  emailKey,
  type KeyRequest,
  type Profile,
  type ServiceKey,
  type StoredKey,
} from './schema.ts';
import { tablesOf } from './store.ts';
import { newServiceKey, secretHash } from './tokens.ts';

/** Makes an administrator. Refuses INVALID_INPUT, EMAIL_TAKEN (the account is left as it is), USERNAME_TAKEN. */
export async function createAdmin(
  parts: Parts,
  input: { email: string; password: string; username?: string },
): Promise<Profile> {
  const username = input.username ?? nameFrom(input.email);
  const person = checkRegistration({ username, email: input.email, password: input.password });
  await refuseTaken(parts, person);
  const passwordHash = await parts.passwords.hash(person.password);
  const [made] = await parts.log.write(async ({ sql }) => {
    const db = tablesOf(sql);
    await claimFirstPerson(db);
    const draft = { username: person.username, email: person.email, passwordHash, role: 'ADMIN' as const };
    return insertAccounts(db, [draft], parts.clock.now());
  });
  if (made === undefined) throw new Error('The administrator was not stored');
  return profileOf(parts, made);
}

/** A username as the rules want it; `_` stands for what they do not take, and fills up what is too short. */
const nameFrom = (email: string): string =>
  (email.split('@')[0] ?? '').replaceAll(/\W/g, '_').slice(0, 50).padEnd(3, '_');

/** Gives an account another role; its live sockets hear of it in the same transaction. Refuses ACCOUNT_NOT_FOUND. */
export async function setRole(parts: Parts, email: string, role: Role): Promise<Profile> {
  return parts.log.write((transaction) =>
    changeRole(parts, transaction, { column: 'email', is: emailKey(email), role }),
  );
}

/** The same by an administrator. Refuses ADMIN_ONLY, ACCOUNT_NOT_FOUND. */
export async function giveRole(
  parts: Parts,
  principal: Principal,
  { id, role }: { id: string; role: Role },
): Promise<Profile> {
  return parts.log.write(async (transaction) => {
    const actor = await tablesOf(transaction.sql)
      .selectFrom('accounts')
      .select('role')
      .where('id', '=', principal.account)
      .executeTakeFirst();
    if (actor?.role !== 'ADMIN') throw new Refusal(identityErrors.ADMIN_ONLY);
    const key = idBytes(id);
    if (key === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
    return changeRole(parts, transaction, { column: 'public_id', is: key, role });
  });
}

async function changeRole(
  parts: Parts,
  { sql, append }: Transaction,
  { column, is, role }: { column: 'email' | 'public_id'; is: string | Uint8Array; role: Role },
): Promise<Profile> {
  const changed = await tablesOf(sql)
    .updateTable('accounts')
    .set({ role, updated_at: parts.clock.now() })
    .where(column, '=', is)
    .where('deleted_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  if (changed === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
  const payload: RoleChanged = { role };
  append({ topic: topicOf('user', changed.id), type: identityEvents.roleChanged, payload });
  return profileOf(parts, changed);
}

/** Makes a service key. The key itself is in the answer and nowhere else: only its hash is stored. */
export async function createKey(parts: Parts, input: KeyRequest): Promise<ServiceKey & { key: string }> {
  const { name, scopes } = checkKeyRequest(input);
  const publicId = newId();
  const key = newServiceKey();
  await parts.log.write(async ({ sql }) => {
    const row = { public_id: publicId, name, hash: secretHash(key), scopes: JSON.stringify(scopes) };
    await tablesOf(sql)
      .insertInto('service_keys')
      .values({ ...row, created_at: parts.clock.now() })
      .execute();
  });
  return { id: idText(publicId), name, scopes, key };
}

/** Every service key that was ever made, the latest last; times in milliseconds since 1970. */
export async function listKeys({ sql }: Parts): Promise<StoredKey[]> {
  const rows = await tablesOf(sql.read).selectFrom('service_keys').selectAll().orderBy('id').execute();
  return rows.map((row) => ({ ...keyFrom(row), createdAt: row.created_at, revokedAt: row.revoked_at }));
}

/** Lets a key in no more, by its id or by the key itself; once more changes nothing. Refuses KEY_NOT_FOUND. */
export async function revokeKey({ log, clock }: Parts, given: string): Promise<ServiceKey> {
  const bytes = idBytes(given);
  const revoked = await log.write(({ sql }) =>
    tablesOf(sql)
      .updateTable('service_keys')
      .set((eb) => ({ revoked_at: eb.fn.coalesce('revoked_at', eb.val(clock.now())) }))
      .$if(bytes !== undefined, (query) => query.where('public_id', '=', bytes ?? null))
      .$if(bytes === undefined, (query) => query.where('hash', '=', secretHash(given)))
      .returningAll()
      .executeTakeFirst(),
  );
  if (revoked === undefined) throw new Refusal(identityErrors.KEY_NOT_FOUND);
  return keyFrom(revoked);
}

const keyFrom = ({ public_id, name, scopes }: { public_id: Uint8Array; name: string; scopes: string }): ServiceKey => ({
  id: idText(public_id),
  name,
  scopes: JSON.parse(scopes),
});

/** The program behind a service key; refuses INVALID_KEY. Found by hash: comparing takes no time that tells of it. */
export async function authenticateKey({ reads }: Parts, key: string): Promise<ServiceKey> {
  const found = await reads.serviceKey.get(secretHash(key));
  if (found === undefined) throw new Refusal(identityErrors.INVALID_KEY);
  return keyFrom(found);
}
