import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type App, buildApp } from '../../src/app.ts';
import { readConfig } from '../../src/config.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { readSecrets, type Secrets } from '../../src/secrets.ts';
import { openStorage, type Storage } from '../../src/storage.ts';
import { createDatabase, dropDatabase, serverUrl } from './database.ts';
import { type Call, caller } from './social.ts';

/** Limits that stay in the path and that no test reaches by accident. */
const plenty = '1000000/900';
const testSettings = {
  NODE_ENV: 'development',
  LOG_LEVEL: 'silent',
  SOCIAL_PORT: '0',
  RATE_LIMIT_AUTH: plenty,
  RATE_LIMIT_MESSAGES: plenty,
  RATE_LIMIT_RECEIPTS: plenty,
  RATE_LIMIT_CALLS: plenty,
  RATE_LIMIT_GENERAL: plenty,
  RATE_LIMIT_PUSH: plenty,
  RATE_LIMIT_PUSH_KEYS: plenty,
  RATE_LIMIT_MEETINGS: plenty,
  RATE_LIMIT_MEETING_PEOPLE: plenty,
  RATE_LIMIT_MEETING_CHAT: plenty,
  RATE_LIMIT_MEETING_STATUS: plenty,
  RATE_LIMIT_MEETING_SOCKET: plenty,
  LOGIN_ATTEMPTS: plenty,
  SOCKET_EVENTS: plenty,
  SOCKETS_WAITING: '1000000',
  SOCKETS_PER_ACCOUNT: '1000000',
};

export type TestServer = {
  /** The same before and after a restart. */
  readonly url: string;
  readonly app: App;
  readonly storage: Storage;
  readonly secrets: Secrets;
  readonly call: Call;
  /** Accounts without a password, each with a session. */
  people(count: number): Promise<SignedIn[]>;
  /** A message over REST; answers its id. */
  send(from: SignedIn, target: { receiverId: string } | { groupId: string }, content: string): Promise<string>;
  /** A group of the first, with the others added in order; answers its id. */
  group(owner: SignedIn, ...members: readonly SignedIn[]): Promise<string>;
  stop(): Promise<void>;
  /** Ends the server as a drain does. `meanwhile` runs while nobody listens. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
};

/** A whole server in this process, on a free port and an empty database: PostgreSQL when DATABASE_URL is set. */
export async function startServer(
  t: Pick<TestContext, 'after'>,
  settings: Readonly<Record<string, string>> = {},
): Promise<TestServer> {
  const folder = await mkdtemp(join(tmpdir(), 'rendezvous-server-'));
  const databaseUrl = serverUrl === undefined ? undefined : await createDatabase(serverUrl);
  let running = await run({ ...testSettings, ...settings, DATA_DIR: folder }, databaseUrl);
  let stopped = false;
  const port = new URL(running.url).port;
  const stop = async (): Promise<void> => {
    if (!stopped) await running.app.close();
    stopped = true;
  };
  t.after(async () => {
    await stop();
    if (serverUrl !== undefined && databaseUrl !== undefined) await dropDatabase(serverUrl, databaseUrl);
    await rm(folder, { recursive: true, force: true });
  });
  const { url } = running;
  const call = caller(url);
  return {
    url,
    get app() {
      return running.app;
    },
    get storage() {
      return running.storage;
    },
    get secrets() {
      return running.secrets;
    },
    call,
    people: (count) => people(running.app, count),
    async send(from, target, content) {
      const body = { content, ...target };
      const { status, body: answer } = await call('POST', '/api/v1/messages', { token: from.accessToken, body });
      assert.equal(status, 201, JSON.stringify(answer));
      return idOf(answer);
    },
    async group(owner, ...members) {
      const made = await call('POST', '/api/v1/groups', { token: owner.accessToken, body: { title: 'a group' } });
      const id = idOf(made.body);
      for (const { principal } of members) {
        const added = await call('POST', `/api/v1/groups/${id}/members`, {
          token: owner.accessToken,
          body: { userId: principal.id },
        });
        assert.equal(added.status, 200, added.text);
      }
      return id;
    },
    stop,
    async restart(meanwhile = async () => {}) {
      await stop();
      await meanwhile();
      running = await run({ ...testSettings, ...settings, DATA_DIR: folder, SOCIAL_PORT: port }, databaseUrl);
      stopped = false;
    },
  };
}

async function run(settings: Readonly<Record<string, string>>, databaseUrl: string | undefined) {
  const config = readConfig(settings);
  const secrets = readSecrets(config);
  const file = join(config.DATA_DIR, 'rendezvous.db');
  const storage = await openStorage({ databaseUrl, file, clock: systemClock });
  const app = await buildApp({ config, secrets, storage });
  const { social: url } = await app.listen();
  return { app, storage, secrets, url };
}

let named = 0;

async function people(app: App, count: number): Promise<SignedIn[]> {
  const drafts = Array.from({ length: count }, () => {
    named += 1;
    return { username: `person_${named}`, email: `person${named}@example.org` };
  });
  return app.identity.provision(drafts);
}

/** The id of what an answer carries. */
export function idOf(answer: Record<string, unknown>): string {
  const { data } = answer;
  assert.ok(typeof data === 'object' && data !== null && 'id' in data, JSON.stringify(answer));
  return String(data.id);
}
