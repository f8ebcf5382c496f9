import pg from 'pg';

import { Unavailable } from './run.ts';

export type Database = Readonly<{ url: string; drop(): Promise<void> }>;

/** A fresh database on the PostgreSQL server that `DATABASE_URL` names. */
export async function createDatabase(name: string): Promise<Database> {
  const given = process.env['DATABASE_URL'];
  if (given === undefined) {
    throw new Unavailable('--engine postgres needs DATABASE_URL, of an account that may create databases.');
  }
  await administer(given, `CREATE DATABASE "${name}"`);
  const url = new URL(given);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(given, `DROP DATABASE "${name}" WITH (FORCE)`) };
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
