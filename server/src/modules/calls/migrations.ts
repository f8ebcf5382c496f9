import { type Kysely, sql } from 'kysely';
import { identityColumn } from '../../infra/log/migrations.ts';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';

export const callMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-55-calls': {
    async up(db: Kysely<unknown>) {
      const id = engine === 'sqlite' ? sql`blob` : sql`bytea`;
      const byKeyOnly = engine === 'sqlite' ? sql`without rowid` : sql``;
      const statements = [
        sql`create table calls (id ${identityColumn(engine)}, public_id ${id} not null, initiator bigint not null,
              group_id bigint, room text not null, type text not null, status text not null, created_at bigint not null,
              updated_at bigint not null, expires_at bigint not null, ended_at bigint)`,
        sql`create unique index calls_by_public_id on calls (public_id)`,
        // direct: invited by name, and not as a member of the group.
        sql`create table call_people (call_id bigint not null, account bigint not null, state text not null,
              direct bigint not null, joined_at bigint, left_at bigint, primary key (call_id, account)) ${byKeyOnly}`,
        sql`create index call_people_by_account on call_people (account, call_id)`,
        sql`create table call_counts (account bigint primary key, total bigint not null)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-90-calls-under-way': {
    async up(db: Kysely<unknown>) {
      // Small however many calls there were: whoever leaves a group, and a group that ends, look for those not over.
      await sql`create index calls_under_way on calls (group_id) where ended_at is null`.execute(db);
    },
  },
});
