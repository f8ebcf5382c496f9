import type { Row } from './findings.ts';
import { inParallel } from './timing.ts';
import { isJson, readMessage, text } from './wire.ts';

export type Reply = Readonly<{ status: number; body: unknown }>;

/** One call over REST; `status` 0 when no answer came (refused, reset, cut). */
export async function call(
  url: string,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  options: { token?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Reply> {
  const headers: Record<string, string> = { ...options.headers };
  if (options.token !== undefined) headers['authorization'] = `Bearer ${options.token}`;
  if (options.body !== undefined) headers['content-type'] = 'application/json';
  const init: RequestInit = { method, headers, signal: AbortSignal.timeout(15_000) };
  if (options.body !== undefined) init.body = JSON.stringify(options.body);
  try {
    const response = await fetch(`${url}/api/v1${path}`, init);
    return { status: response.status, body: await response.json() };
  } catch {
    return { status: 0, body: undefined };
  }
}

/** A signed-up person. Tokens are renewed before they expire, so REST works however short they live. */
export class Account {
  readonly url: string;
  readonly id: string;
  readonly #login: { email: string; password: string };
  #access: string;
  #accessAt = performance.now();

  constructor(url: string, registered: { id: string; access: string; email: string; password: string }) {
    this.url = url;
    this.id = registered.id;
    this.#access = registered.access;
    this.#login = registered;
  }

  /** The access token as it was last given out, perhaps expired: what a stock client holds. */
  get token(): string {
    return this.#access;
  }

  async call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    options: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<Reply> {
    const reply = await call(this.url, method, path, { ...options, token: this.#access });
    if (reply.status !== 401 || performance.now() - this.#accessAt < 1000) return reply;
    await this.login();
    return call(this.url, method, path, { ...options, token: this.#access });
  }

  async login(): Promise<void> {
    const reply = await call(this.url, 'POST', '/auth/login', { body: this.#login });
    if (reply.status !== 200) throw new Error(`login answered ${reply.status}: ${JSON.stringify(reply.body)}`);
    this.#access = text(dataOf(reply), 'accessToken');
    this.#accessAt = performance.now();
  }
}

export function dataOf(reply: Reply): unknown {
  if (!isJson(reply.body) || reply.body['success'] !== true) {
    throw new Error(`answered ${reply.status}: ${JSON.stringify(reply.body)?.slice(0, 300)}`);
  }
  return reply.body['data'];
}

async function register(url: string, name: string): Promise<Account> {
  const email = `${name}@example.org`;
  const password = `Correct-horse-${name}-9`;
  const reply = await call(url, 'POST', '/auth/register', { body: { username: name, email, password } });
  const data = dataOf(reply);
  const id = isJson(data) && isJson(data['user']) ? text(data['user'], 'id') : text(data, 'id');
  return new Account(url, { id, access: text(data, 'accessToken'), email, password });
}

/** Signs up `count` people, four at a time: hashing their passwords is meant to be slow. */
export async function signUp(url: string, count: number): Promise<Account[]> {
  const names = Array.from({ length: count }, (_, n) => `person${n}x${Date.now().toString(36)}`);
  return inParallel(names, 4, (name) => register(url, name));
}

/** A group of all of them, owned by the first; answers its id. */
export async function makeGroup(members: readonly Account[]): Promise<string> {
  const [owner, ...others] = members;
  if (owner === undefined) throw new Error('a group needs somebody');
  const group = text(dataOf(await owner.call('POST', '/groups', { body: { title: 'Faults' } })), 'id');
  for (const member of others) {
    dataOf(await owner.call('POST', `/groups/${group}/members`, { body: { userId: member.id } }));
  }
  return group;
}

const pageSize = 100;

/** A whole conversation as this account may read it, oldest first. `path`: `/messages/direct/<id>` or `/messages/group/<id>`. */
export async function readHistory(account: Account, path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (let page = 1; page < 10_000; page++) {
    const data = dataOf(await account.call('GET', `${path}?page=${page}&limit=${pageSize}`));
    if (!Array.isArray(data)) throw new Error(`history of ${path} is no list`);
    for (const value of data) {
      const { id, key, clientId } = readMessage(value);
      rows.push({ id, key, clientId });
    }
    if (data.length < pageSize) return rows.reverse();
  }
  throw new Error(`history of ${path} has no end`);
}
