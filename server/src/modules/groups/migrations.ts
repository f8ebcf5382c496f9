import { type Kysely, sql } from 'kysely';
import { identityColumn } from '../../infra/log/migrations.ts';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';
import { createWords } from './public-groups.ts';

export const groupMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-30-groups': {
    async up(db: Kysely<unknown>) {
      const id = engine === 'sqlite' ? sql`blob` : sql`bytea`;
      const byKeyOnly = engine === 'sqlite' ? sql`without rowid` : sql``;
      const statements = [
        sql`create table groups (id ${identityColumn(engine)}, public_id ${id} not null, title text not null,
              description text, cover text, type text not null, created_at bigint not null, updated_at bigint not null)`,
        sql`create unique index groups_by_public_id on groups (public_id)`,
        sql`create table group_members (group_id bigint not null, account bigint not null, role text not null,
              joined_at bigint not null, primary key (group_id, account)) ${byKeyOnly}`,
        sql`create index group_members_by_account on group_members (account, group_id)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-51-group-membership': {
    async up(db: Kysely<unknown>) {
      const byKeyOnly = engine === 'sqlite' ? sql`without rowid` : sql``;
      const statements = [
        sql`alter table groups add column members bigint not null default 0`,
        sql`update groups set members = (select count(*) from group_members m where m.group_id = groups.id)`,
        // Finds who follows an owner: the oldest of a role.
        sql`create index group_members_by_age on group_members (group_id, role, joined_at, account)`,
        // Who was removed by others: they do not come back by themselves.
        sql`create table group_removals (group_id bigint not null, account bigint not null,
              primary key (group_id, account)) ${byKeyOnly}`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-84-groups-ended': {
    // Nor is what was said in groups that were deleted before: their members read the end, which was their last row.
    async up(db: Kysely<unknown>) {
      const ended = sql`topic in (select id * 8 + 1 from groups where members = 0)`;
      const ends = sql`select topic, max(to_seq) from readers where ${ended} group by topic`;
      await sql`delete from readers where ${ended} and (topic, to_seq) not in (${ends})`.execute(db);
      await sql`update readers set from_seq = to_seq where ${ended}`.execute(db);
    },
  },
  '2026-11-20-95-public-groups': {
    up: (db: Kysely<unknown>) => createWords(db, engine),
  },
});
