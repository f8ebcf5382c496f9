import { sql as like } from 'kysely';
import type { Page } from '../../kernel/page.ts';
import type { Parts } from './parts.ts';
import { emailKey, type Person, type PersonList, usernameKey } from './schema.ts';
import { type Account, personOf, tablesOf } from './store.ts';

/** As far as matches are counted: who has more of them must say more. */
const mostMatches = 1_000;

/**
 * Accounts whose username contains the text in any case, whoever has exactly this name first, then in the order of
 * names; or the one account with exactly this email, so that addresses cannot be gathered. `capped`: there are more than
 * `total`. Costs one walk over the index of names at worst, in a thread for scans. Refuses UNAVAILABLE.
 */
export async function findPeople(parts: Parts, text: string, page: Page): Promise<PersonList> {
  const from = (page.page - 1) * page.limit;
  const { people, capped } = text.includes('@') ? await byEmail(parts, text) : await byUsername(parts, text);
  return { people: people.slice(from, from + page.limit), total: people.length, capped };
}

async function byEmail({ reads }: Parts, text: string): Promise<{ people: Person[]; capped: boolean }> {
  // PostgreSQL takes no NUL in a text, and no address has one.
  const found = text.includes('\0') ? undefined : await reads.accountByEmail.get(emailKey(text));
  return { people: peopleOf(found), capped: false };
}

async function byUsername({ sql, reads }: Parts, text: string): Promise<{ people: Person[]; capped: boolean }> {
  const key = usernameKey(text);
  // No name has anything else in it.
  if (!/^\w{1,50}$/.test(key)) return { people: [], capped: false };
  const containing = tablesOf(sql.read)
    .selectFrom('accounts')
    .select(['id', 'public_id', 'username', 'avatar'])
    .where(like<boolean>`username_key like ${`%${key.replaceAll('_', '!_')}%`} escape '!'`)
    .where('username_key', '<>', key)
    .where('deleted_at', 'is', null)
    .orderBy('username_key')
    .limit(mostMatches + 1);
  const [exact, rows] = await Promise.all([reads.accountByUsername.get(key), sql.scan(containing.compile())]);
  const people = [...peopleOf(exact), ...rows.map(personOf)];
  return { people: people.slice(0, mostMatches), capped: people.length > mostMatches };
}

const peopleOf = (account: Account | undefined): Person[] => (account === undefined ? [] : [personOf(account)]);
