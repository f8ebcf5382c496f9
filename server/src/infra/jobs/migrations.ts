import { type Kysely, sql } from 'kysely';
import { identityColumn } from '../log/migrations.ts';
import type { Engine, Migrations } from '../sql/sql.ts';

export const jobMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-50-jobs': {
    async up(db: Kysely<unknown>) {
      const statements = [
        // `due` lies a lease ahead while a node runs the job, and is null once it is kept as failed.
        sql`create table jobs (id ${identityColumn(engine)}, kind text not null, key text, payload text not null,
              due bigint, attempts bigint not null, claim text, error text)`,
        sql`create index jobs_by_due on jobs (due)`,
        sql`create unique index jobs_by_key on jobs (kind, key)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-92-failed-jobs': {
    async up(db: Kysely<unknown>) {
      const statements = [
        // With the kind: those of a kind that may not run now are passed over without a look at their rows.
        sql`create index jobs_by_due_and_kind on jobs (due, kind)`,
        sql`drop index jobs_by_due`,
        sql`alter table jobs add column failed_at bigint`,
        // When those before failed is not known.
        sql`update jobs set failed_at = ${Date.now()} where due is null`,
        sql`create index jobs_by_failure on jobs (failed_at)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
});
