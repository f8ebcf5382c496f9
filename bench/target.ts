/** The servers under measurement, and the people who use them. */
import { randomBytes, randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Person } from './client.ts';
import type { Running, Stage } from './process.ts';
import { signToken } from './token.ts';

/** A server with the two ways to make people known to it. */
export interface Target extends Running {
  name: string;
  /** Makes accounts; `count` different people with valid access tokens. */
  people(count: number): Promise<Person[]>;
  /** Makes a group owned by the first of them with all the others as members; returns its id. */
  group(members: Person[]): Promise<string>;
}

export interface ServerOptions {
  /** Where it stores; an empty folder by default. */
  dataDir?: string | undefined;
  databaseUrl?: string | undefined;
  /** Further environment, for example a fixed port. */
  environment?: Record<string, string> | undefined;
}

/** Limits stay in the path, and nothing in a benchmark reaches them. */
const OUT_OF_REACH = '1000000000/60';
const OUR_ENVIRONMENT = {
  HOST: '127.0.0.1',
  SOCIAL_PORT: '0',
  LOG_LEVEL: 'silent',
  RATE_LIMITS: 'on',
  RATE_LIMIT_AUTH: OUT_OF_REACH,
  RATE_LIMIT_MESSAGES: OUT_OF_REACH,
  RATE_LIMIT_RECEIPTS: OUT_OF_REACH,
  RATE_LIMIT_GENERAL: OUT_OF_REACH,
  LOGIN_ATTEMPTS: OUT_OF_REACH,
  SOCKET_EVENTS: OUT_OF_REACH,
  SOCKETS_WAITING: '1000000',
  SOCKETS_PER_ACCOUNT: '1000000',
  ACCESS_TOKEN_SECONDS: '43200',
};
const PASSWORD = 'Bench-password-1';
/** The password hash is what a registration costs: more at once than cores only makes the queue longer. */
const REGISTRATIONS_AT_ONCE = Math.max(4, availableParallelism());

/** The command line of our server. */
export const OUR_SERVER = ['server/src/main.ts', 'serve'];

/** The environment of our server. Its secret is the one it makes for itself and keeps in the folder. */
export function ourEnvironment(dataDir: string, options: ServerOptions = {}): Record<string, string> {
  return {
    ...OUR_ENVIRONMENT,
    DATA_DIR: dataDir,
    ...(options.databaseUrl ? { DATABASE_URL: options.databaseUrl } : {}),
    ...options.environment,
  };
}

/** Starts our server. */
export async function startOurs(stage: Stage, options: ServerOptions = {}): Promise<Target> {
  const environment = ourEnvironment(options.dataDir ?? stage.folder(), options);
  const running = await stage.start(OUR_SERVER, environment);
  const api = `${running.url}/api/v1`;
  return {
    ...running,
    name: 'ours',
    people: (count) => registerPeople(api, count),
    group: (members) => createGroup(api, members),
  };
}

/** Starts the bare Socket.IO server; its people and groups exist only in their tokens. */
export async function startBareSockets(stage: Stage, options: ServerOptions = {}): Promise<Target> {
  const secret = randomBytes(32).toString('hex');
  const running = await stage.start(['bench/bare-sockets.ts'], { JWT_SECRET: secret, ...options.environment });
  return bareTarget('bare Socket.IO', running, secret);
}

/** Starts the bare Fastify server; `people` stores a row for each, to be read by GET /api/v1/auth/me. */
export async function startBareRest(stage: Stage, options: ServerOptions = {}): Promise<Target> {
  const secret = randomBytes(32).toString('hex');
  const environment = { JWT_SECRET: secret, DATA_DIR: options.dataDir ?? stage.folder(), ...options.environment };
  const target = bareTarget('bare Fastify', await stage.start(['bench/bare-rest.ts'], environment), secret);
  return {
    ...target,
    async people(count) {
      const people = await target.people(count);
      for (const { id } of people) await fetch(`${target.url}/accounts/${id}`, { method: 'PUT' });
      return people;
    },
  };
}

function bareTarget(name: string, running: Running, secret: string): Target {
  return {
    ...running,
    name,
    people: (count) => Promise.all(Array.from({ length: count }, () => signPerson(secret))),
    async group(members) {
      const groupId = randomUUID();
      for (const member of members) {
        member.groups = [...(member.groups ?? []), groupId];
        member.token = await signToken(secret, member.id, member.groups);
      }
      return groupId;
    },
  };
}

async function signPerson(secret: string): Promise<Person> {
  const id = randomUUID();
  return { id, token: await signToken(secret, id) };
}

async function registerPeople(api: string, count: number): Promise<Person[]> {
  const people: Person[] = [];
  await severalAtOnce(count, REGISTRATIONS_AT_ONCE, async (index) => {
    const username = `b${randomBytes(6).toString('hex')}`;
    const body = { username, email: `${username}@example.org`, password: PASSWORD };
    const { data } = await post<{ data: { id: string; accessToken: string } }>(`${api}/auth/register`, body);
    people[index] = { id: data.id, token: data.accessToken };
  });
  return people;
}

async function createGroup(api: string, members: Person[]): Promise<string> {
  const [owner, ...others] = members;
  if (!owner) throw new Error('a group needs an owner');
  const { data } = await post<{ data: { id: string } }>(`${api}/groups`, { title: 'Benchmark' }, owner.token);
  await severalAtOnce(others.length, 8, async (index) => {
    await post(`${api}/groups/${data.id}/members`, { userId: others[index]?.id }, owner.token);
  });
  return data.id;
}

/** Posts JSON and returns the JSON that came back; throws what the server said when it refused. */
async function post<Reply>(url: string, body: unknown, token?: string): Promise<Reply> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`POST ${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Reply;
}

async function severalAtOnce(count: number, width: number, act: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      await act(index);
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
}
