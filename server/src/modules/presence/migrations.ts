import { type Kysely, sql } from 'kysely';
import type { Engine, Migrations } from '../../infra/sql/sql.ts';

export const presenceMigrations = (engine: Engine): Migrations => ({
  '2026-11-20-61-presence': {
    async up(db: Kysely<unknown>) {
      const number = engine === 'sqlite' ? sql`integer` : sql`bigint`;
      const statements = [
        // Who was last said to be online: after a restart those who come back are not said to come.
        sql`create table presence (account ${number} primary key)`,
        // When the server that said so was last alive.
        sql`create table presence_state (one bigint primary key, alive_at bigint not null)`,
        sql`insert into presence_state values (1, 0)`,
        // The direct conversations of the higher account of a pair; those of the lower one are found by the pair.
        sql`create index conversations_by_high on conversations (high, low)`,
      ];
      for (const statement of statements) await statement.execute(db);
    },
  },
});
