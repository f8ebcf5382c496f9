/** How many rows of each table a server has changed. Asked while no server uses the database. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Client } from 'pg';

export interface Place {
  dataDir: string;
  databaseUrl: string | undefined;
}

const FILE = 'rendezvous.db';

/** SQLite counts nothing by itself: from here on, triggers do, at a write more for each row changed. */
export function beginToCount({ dataDir, databaseUrl }: Place): void {
  if (databaseUrl !== undefined) return;
  const database = new DatabaseSync(join(dataDir, FILE));
  const tables = database
    .prepare(`SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%'`)
    .all()
    .map(({ name }) => String(name));
  database.exec('CREATE TABLE bench_changes (name TEXT PRIMARY KEY, changes INTEGER NOT NULL)');
  for (const name of tables) {
    database.prepare('INSERT INTO bench_changes VALUES (?, 0)').run(name);
    for (const act of ['INSERT', 'UPDATE', 'DELETE']) {
      database.exec(`CREATE TRIGGER "bench_${act}_${name}" AFTER ${act} ON "${name}" BEGIN
        UPDATE bench_changes SET changes = changes + 1 WHERE name = '${name}'; END`);
    }
  }
  database.close();
}

/** Rows inserted, updated and deleted so far, by table; PostgreSQL counts from the beginning. */
export async function changedRows({ dataDir, databaseUrl }: Place): Promise<Map<string, number>> {
  if (databaseUrl === undefined) {
    const database = new DatabaseSync(join(dataDir, FILE), { readOnly: true });
    const rows = database.prepare('SELECT name, changes FROM bench_changes').all();
    database.close();
    return new Map(rows.map(({ name, changes }) => [String(name), Number(changes)]));
  }
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const { rows } = await client.query<{ name: string; changes: string }>(
    'SELECT relname AS name, n_tup_ins + n_tup_upd + n_tup_del AS changes FROM pg_stat_user_tables',
  );
  await client.end();
  return new Map(rows.map(({ name, changes }) => [name, Number(changes)]));
}
