import { type Kysely, sql } from 'kysely';
import { identityColumn } from '../../infra/log/migrations.ts';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';

export const pushMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-80-push': {
    async up(db: Kysely<unknown>) {
      const statements = [
        // A push that waits is a row of the log above `after_seq`; here it is only counted.
        sql`create table push_waiting (n ${identityColumn(engine)}, account bigint not null, after_seq bigint not null,
              at bigint not null)`,
        // Whoever counts for an account holds its row here: else several at once would each find room.
        sql`create table push_queues (account bigint primary key)`,
        sql`create index push_waiting_by_account on push_waiting (account, after_seq)`,
        sql`create index push_waiting_by_time on push_waiting (at)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
  '2026-11-20-91-push-counts': {
    async up(db: Kysely<unknown>) {
      await sql`alter table push_queues add column waiting bigint not null default 0`.execute(db);
      await sql`update push_queues set waiting =
          (select count(*) from push_waiting where push_waiting.account = push_queues.account)`.execute(db);
    },
  },
});
