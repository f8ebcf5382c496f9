import { type Kysely, sql } from 'kysely';
import { blob, identityColumn } from '../../infra/log/migrations.ts';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';

export const identityMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-20-identity': {
    async up(db: Kysely<unknown>) {
      const bytes = blob(engine);
      const number = identityColumn(engine);
      const statements = [
        // A demo person has no password; nobody can log in as one.
        sql`create table accounts (id ${number}, public_id ${bytes} not null, email text not null, username text not null,
              username_key text not null, password_hash text, role text not null, avatar text, status_message text,
              created_at bigint not null, updated_at bigint not null, last_seen bigint not null,
              signed_in_at bigint not null, deleted_at bigint)`,
        sql`create unique index accounts_by_public_id on accounts (public_id)`,
        sql`create unique index accounts_by_email on accounts (email)`,
        sql`create unique index accounts_by_username on accounts (username_key)`,
        // Its only row is there once a person has made an account; who inserts it was the first.
        sql`create table first_person (one bigint primary key)`,
        sql`create table sessions (id ${number}, public_id ${bytes} not null, account bigint not null,
              created_at bigint not null, last_used bigint not null, address text not null, device text,
              revoked_at bigint, expires_at bigint not null)`,
        sql`create unique index sessions_by_public_id on sessions (public_id)`,
        sql`create index sessions_by_account on sessions (account)`,
        sql`create index sessions_by_expiry on sessions (expires_at)`,
        // A token is known by its hash only; its successor follows from the token itself and a secret key.
        sql`create table refresh_tokens (hash ${bytes} primary key, session bigint not null, issued_at bigint not null,
              used_at bigint, successor ${bytes})`,
        sql`create index refresh_tokens_by_session on refresh_tokens (session)`,
        sql`create table service_keys (id ${number}, public_id ${bytes} not null, name text not null,
              hash ${bytes} not null, scopes text not null, created_at bigint not null, revoked_at bigint)`,
        sql`create unique index service_keys_by_hash on service_keys (hash)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-50-blocks': {
    async up(db: Kysely<unknown>) {
      const statements = [
        sql`create table blocks (account bigint not null, blocked bigint not null, at bigint not null,
              primary key (account, blocked)) ${engine === 'sqlite' ? sql`without rowid` : sql``}`,
        sql`create index blocks_by_blocked on blocks (blocked, account)`,
        sql`alter table accounts add column blocks_made bigint not null default 0`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-51-password-resets': {
    async up(db: Kysely<unknown>) {
      const statements = [
        // One code for each account; a new one takes the place of the last.
        sql`create table password_resets (account bigint primary key, hash ${blob(engine)} not null,
              tries bigint not null, expires_at bigint not null)`,
        sql`create index password_resets_by_expiry on password_resets (expires_at)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-93-block-seen': {
    async up(db: Kysely<unknown>) {
      const statements = [
        sql`alter table blocks add column seen_at bigint not null default 0`,
        // What the blocked were shown until now.
        sql`update blocks set seen_at = (select case when a.last_seen < blocks.at then a.last_seen else blocks.at end
              from accounts a where a.id = blocks.account)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-93-code-of-nobody': {
    async up(db: Kysely<unknown>) {
      // Of no account, and for ever: what is tried where there is no code is counted here.
      await sql`insert into password_resets (account, hash, tries, expires_at)
                values (0, ${new Uint8Array(32)}, 0, ${Number.MAX_SAFE_INTEGER})`.execute(db);
    },
  },
});
