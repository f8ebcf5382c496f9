import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Migrations } from './sql.ts';

/**
 * Applies what is missing, in the order of the names, also what sorts before something that was applied: modules number
 * theirs each by itself. A migration runs once, in a transaction; a failure leaves the database as it was.
 */
export async function applyMigrations(database: Kysely<object>, migrations: Migrations): Promise<void> {
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => ({ ...migrations }) },
    allowUnorderedMigrations: true,
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw new Error('The database could not be brought up to date', { cause: error });
}
