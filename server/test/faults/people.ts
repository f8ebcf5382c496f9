import type { Person } from '../authorization/world.ts';
import { call, dataOf } from './accounts.ts';
import { inParallel } from './timing.ts';
import { isJson, text } from './wire.ts';

let signed = 0;

/** Signs up so many people, four at a time; the first of a new server is its administrator, in development. */
export async function signIn(url: string, count: number): Promise<Person[]> {
  const [first, ...others] = Array.from({ length: count }, () => `somebody_${++signed}`);
  if (first === undefined) return [];
  return [await register(url, first), ...(await inParallel(others, 4, (name) => register(url, name)))];
}

async function register(url: string, name: string): Promise<Person> {
  const body = { username: name, email: `${name}@example.org`, password: `Correct-horse-${name}-9` };
  const data = dataOf(await call(url, 'POST', '/auth/register', { body }));
  const id = isJson(data) && isJson(data['user']) ? text(data['user'], 'id') : text(data, 'id');
  return { id, token: text(data, 'accessToken'), refreshToken: text(data, 'refreshToken') };
}
