import type { Generated, Kysely, Selectable } from 'kysely';
import type { Sql } from '../../infra/sql/sql.ts';
import { idText } from '../../kernel/ids.ts';
import type { Role } from '../../kernel/principal.ts';
import type { Person } from './schema.ts';

type AccountsTable = {
  id: Generated<number>;
  public_id: Uint8Array;
  email: string;
  username: string;
  username_key: string;
  password_hash: string | null;
  role: Role;
  avatar: string | null;
  status_message: string | null;
  created_at: number;
  updated_at: number;
  last_seen: number;
  signed_in_at: number;
  deleted_at: number | null;
  /** How many accounts it has blocked. */
  blocks_made: Generated<number>;
};

export type IdentityTables = {
  accounts: AccountsTable;
  first_person: { one: number };
  password_resets: { account: number; hash: Uint8Array; tries: number; expires_at: number };
  /** `seen_at`: what the blocked one sees as the last time the other was there. */
  blocks: { account: number; blocked: number; at: number; seen_at: number };
  sessions: {
    id: Generated<number>;
    public_id: Uint8Array;
    account: number;
    created_at: number;
    last_used: number;
    address: string;
    device: string | null;
    revoked_at: number | null;
    expires_at: number;
  };
  refresh_tokens: {
    hash: Uint8Array;
    session: number;
    issued_at: number;
    used_at: number | null;
    successor: Uint8Array | null;
  };
  service_keys: {
    id: Generated<number>;
    public_id: Uint8Array;
    name: string;
    hash: Uint8Array;
    scopes: string;
    created_at: number;
    revoked_at: number | null;
  };
};

export type Account = Selectable<AccountsTable>;
export type Tables = Kysely<IdentityTables>;

/**
 * Acts on one account run side by side on PostgreSQL. So that no two wait for each other, each changes what it changes in
 * this order: refresh tokens, codes, blocks, the account, its sessions, then the log and what others keep.
 */
export const tablesOf = (sql: Kysely<object>): Tables => sql.withTables<IdentityTables>();

/** How many rows or values one statement takes: engines bound their parameters. */
const slice = 500;

export function* slicesOf<Item>(items: readonly Item[]): Generator<Item[]> {
  for (let start = 0; start < items.length; start += slice) yield items.slice(start, start + slice);
}

const account = `id, public_id, email, username, username_key, password_hash, role, avatar, status_message,
  created_at, updated_at, last_seen, signed_in_at, deleted_at, blocks_made`;

/** Reads that run for every request, compiled once. */
export const prepareReads = (sql: Sql) => ({
  liveSession: sql.statement<{ account: number; session: number; role: Role; until: number }>(
    `SELECT a.id AS account, s.id AS session, a.role AS role, s.expires_at AS until FROM sessions s JOIN accounts a ON a.id = s.account
     WHERE s.public_id = ?1 AND a.public_id = ?2 AND s.revoked_at IS NULL AND s.expires_at > ?3 AND a.deleted_at IS NULL`,
  ),
  account: sql.statement<Account>(`SELECT ${account} FROM accounts WHERE id = ?1 AND deleted_at IS NULL`),
  accountByPublicId: sql.statement<Account>(
    `SELECT ${account} FROM accounts WHERE public_id = ?1 AND deleted_at IS NULL`,
  ),
  accountByEmail: sql.statement<Account>(`SELECT ${account} FROM accounts WHERE email = ?1 AND deleted_at IS NULL`),
  taken: sql.statement<{ email: string }>('SELECT email FROM accounts WHERE email = ?1 OR username_key = ?2'),
  refreshToken: sql.statement<{ session: number; account: number }>(
    `SELECT s.id AS session, s.account AS account FROM refresh_tokens r JOIN sessions s ON s.id = r.session
     WHERE r.hash = ?1`,
  ),
  serviceKey: sql.statement<{ public_id: Uint8Array; name: string; scopes: string }>(
    'SELECT public_id, name, scopes FROM service_keys WHERE hash = ?1 AND revoked_at IS NULL',
  ),
  anyAccount: sql.statement<Account>(`SELECT ${account} FROM accounts WHERE id = ?1`),
  anyByPublicId: sql.statement<Account>(`SELECT ${account} FROM accounts WHERE public_id = ?1`),
  accountByUsername: sql.statement<Account>(
    `SELECT ${account} FROM accounts WHERE username_key = ?1 AND deleted_at IS NULL`,
  ),
  block: sql.statement<{ seen_at: number }>('SELECT seen_at FROM blocks WHERE account = ?1 AND blocked = ?2'),
  blocksAround: sql.statement<{ other: number }>(
    `SELECT blocked AS other FROM blocks WHERE account = ?1
     UNION ALL SELECT account AS other FROM blocks WHERE blocked = ?1 LIMIT ?2`,
  ),
  firstPerson: sql.statement<{ one: number }>('SELECT one FROM first_person WHERE one = ?1'),
});

export type Reads = ReturnType<typeof prepareReads>;

export const personOf = (row: Pick<Account, 'id' | 'public_id' | 'username' | 'avatar'>): Person => ({
  account: row.id,
  id: idText(row.public_id),
  username: row.username,
  avatar: row.avatar,
});
