import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { MemoryLimits } from '../../src/infra/limits/limits.memory.ts';
import { PostgresLog } from '../../src/infra/log/log.postgres.ts';
import { SqliteLog } from '../../src/infra/log/log.sqlite.ts';
import type { Log } from '../../src/infra/log/log.ts';
import { PostgresSql } from '../../src/infra/sql/sql.postgres.ts';
import { SqliteSql } from '../../src/infra/sql/sql.sqlite.ts';
import type { Sql } from '../../src/infra/sql/sql.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import { Groups, groupMigrations } from '../../src/modules/groups/index.ts';
import { buildIdentity, type Identity, identityMigrations } from '../../src/modules/identity/index.ts';
import {
  type Message,
  type MessageStore,
  Messaging,
  messagingMigrations,
  PostgresMessageStore,
  SqliteMessageStore,
} from '../../src/modules/messaging/index.ts';
import type { MessageDraft } from '../../src/modules/messaging/schema.ts';
import { presenceMigrations } from '../../src/modules/presence/index.ts';
import { openTestDatabase } from './database.ts';
import { codeOf, TestClock, testSecret } from './identity.ts';

export type Modules = {
  sql: Sql;
  log: Log;
  identity: Identity;
  groups: Groups;
  messaging: Messaging;
  store: MessageStore;
};

export type House = Modules & {
  clock: TestClock;
  /** Public ids of those who count as connected. */
  online: Set<string>;
  people(count: number): Promise<Principal[]>;
  /** A group of the first, with the others added; its id. */
  group(owner: Principal, ...members: readonly Principal[]): Promise<string>;
  /** The account is gone, as after its deletion. */
  remove(person: Principal): Promise<void>;
  /** The account has left the group. */
  leave(person: Principal, group: string): Promise<void>;
  /** The modules over the database as a killed server leaves it. */
  afterKill(): Promise<Modules>;
};

const migrations = [identityMigrations, groupMigrations, messagingMigrations, presenceMigrations];
let named = 0;

/** Identity, groups and messaging over an empty database, without doors. */
export async function openHouse(t: Pick<TestContext, 'after'>): Promise<House> {
  const clock = new TestClock();
  const online = new Set<string>();
  const database = await openTestDatabase(t, { migrations, now: () => clock.now() });
  const build = async ({ sql, log }: { sql: Sql; log: Log }): Promise<Modules> => {
    const modules = modulesOver({ sql, log, clock, online });
    await log.start();
    return modules;
  };
  const modules = await build(database);
  const { identity, groups, log } = modules;
  return {
    ...modules,
    clock,
    online,
    people: async (count) => {
      const drafts = Array.from({ length: count }, () => ({
        username: `p_${++named}`,
        email: `p${named}@example.org`,
      }));
      return (await identity.provision(drafts)).map(({ principal }) => principal);
    },
    group: async (owner, ...members) => {
      const { id } = await groups.create(owner, { title: 'a group' }, null);
      for (const member of members) await groups.addMember(owner, id, { userId: member.id, key: null });
      return id;
    },
    remove: ({ account }) =>
      log.write(async ({ sql }) => {
        const accounts = sql.withTables<{ accounts: { id: number; deleted_at: number } }>();
        await accounts.updateTable('accounts').set({ deleted_at: clock.now() }).where('id', '=', account).execute();
      }),
    leave: (person, group) => groups.leave(person, group, null),
    afterKill: async () => build(await database.afterKill()),
  };
}

type Base = { sql: Sql; log: Log; clock: TestClock; online: Set<string> };

function modulesOver({ sql, log, clock, online }: Base): Modules {
  const identity = buildIdentity({
    sql,
    log,
    clock,
    limits: new MemoryLimits(clock),
    isOnline: (id) => online.has(id),
    leftAt: () => 0,
    onDelete: (transaction, who) => groups.leaveAll(transaction, who),
    secret: testSecret,
    config: { NODE_ENV: 'production', ACCESS_TOKEN_SECONDS: 900, LOGIN_ATTEMPTS: { count: 1_000, seconds: 900 } },
  });
  const groups = new Groups({ sql, log, clock });
  const store = storeOver(sql, log);
  const messaging = new Messaging({
    sql,
    log,
    store,
    clock,
    isOnline: (id) => online.has(id),
    isBlocked: (by, who) => identity.isBlocked(by, who),
    findAccount: (id) => identity.findAccount(id, { deletedToo: true }),
    findGroup: (id) => groups.find(id),
  });
  return { sql, log, identity, groups, messaging, store };
}

function storeOver(sql: Sql, log: Log): MessageStore {
  if (sql instanceof SqliteSql && log instanceof SqliteLog) return new SqliteMessageStore(sql, log);
  if (sql instanceof PostgresSql && log instanceof PostgresLog) return new PostgresMessageStore(sql, log);
  throw new Error('A log of one engine over a database of another');
}

/** Three people, who know nothing of each other. */
export async function three(house: House): Promise<[Principal, Principal, Principal]> {
  const [ada, bob, carol] = await house.people(3);
  assert.ok(ada && bob && carol);
  return [ada, bob, carol];
}

/** A direct message. */
export const hi = (to: Principal, more: Partial<MessageDraft> = {}): MessageDraft => ({
  content: 'hi',
  receiverId: to.id,
  ...more,
});
/** How many rows a table has. */
export const countOf = async ({ sql }: House, table: string): Promise<number> =>
  (await sql.statement<{ count: number }>(`SELECT count(*) AS count FROM ${table}`).get())?.count ?? -1;
/** What became of a send: the message's id, or the code of the refusal. */
export const fate = async (sending: Promise<Message>): Promise<string> => {
  const code = await codeOf(sending);
  return code === 'no refusal' ? (await sending).id : code;
};
