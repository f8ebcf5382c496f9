import { topicOf } from '../../infra/log/topic.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idText, newId } from '../../kernel/ids.ts';
import type { Role } from '../../kernel/principal.ts';
import { claimFirstPerson, insertAccounts, refuseTaken } from './accounts.ts';
import { identityErrors } from './errors.ts';
import { identityEvents, type RoleChanged } from './events.ts';
import type { Parts } from './parts.ts';
import {
  checkKeyRequest,
  checkRegistration,
  emailKey,
  type KeyRequest,
  type Profile,
  type ServiceKey,
} from './schema.ts';
import { profileOf, tablesOf } from './store.ts';
import { newServiceKey, secretHash } from './tokens.ts';

/** Makes an administrator. Refuses INVALID_INPUT, EMAIL_TAKEN (the account is left as it is), USERNAME_TAKEN. */
export async function createAdmin(
  parts: Parts,
  input: { email: string; password: string; username?: string },
): Promise<Profile> {
  const username = input.username ?? (input.email.split('@')[0] ?? '').replaceAll(/\W/g, '_').slice(0, 50);
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
  return profileOf(made);
}

/** Gives an account another role; its live sockets hear of it in the same transaction. Refuses ACCOUNT_NOT_FOUND. */
export async function setRole({ log, clock }: Parts, email: string, role: Role): Promise<Profile> {
  return log.write(async ({ sql, append }) => {
    const changed = await tablesOf(sql)
      .updateTable('accounts')
      .set({ role, updated_at: clock.now() })
      .where('email', '=', emailKey(email))
      .where('deleted_at', 'is', null)
      .returningAll()
      .executeTakeFirst();
    if (changed === undefined) throw new Refusal(identityErrors.ACCOUNT_NOT_FOUND);
    const payload: RoleChanged = { role };
    append({ topic: topicOf('user', changed.id), type: identityEvents.roleChanged, payload });
    return profileOf(changed);
  });
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

/** The program behind a service key; refuses INVALID_KEY. Found by hash: comparing takes no time that tells of it. */
export async function authenticateKey({ reads }: Parts, key: string): Promise<ServiceKey> {
  const found = await reads.serviceKey.get(secretHash(key));
  if (found === undefined) throw new Refusal(identityErrors.INVALID_KEY);
  return { id: idText(found.public_id), name: found.name, scopes: JSON.parse(found.scopes) };
}
