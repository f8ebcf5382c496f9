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
});
