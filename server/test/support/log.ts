import type { TestContext } from 'node:test';
import type { Log, NewRow, Row } from '../../src/infra/log/log.ts';
import { engine, openTestDatabase } from './database.ts';
import { noteMigrations, openNotes } from './notes.ts';

export const onlySqlite = { skip: engine !== 'sqlite' };

export const onlyPostgres = { skip: engine !== 'postgres' };

export async function openLog(t: TestContext, now?: () => number) {
  const house = await openTestDatabase(t, { migrations: [noteMigrations], ...(now === undefined ? {} : { now }) });
  const note = openNotes(house.sql, house.log);
  await house.log.start();
  const announced: Row[][] = [];
  house.log.committed = (rows) => void announced.push([...rows]);
  return { ...house, note, announced };
}

export const eventOn = (topic: number, payload: unknown = {}, more: Partial<NewRow> = {}): NewRow => ({
  topic,
  type: 't',
  payload,
  ...more,
});

export const writeOne = (log: Log, row: NewRow): Promise<void> => log.write(async ({ append }) => append(row));

export const seqsOf = (rows: readonly Row[]): number[] => rows.map(({ seq }) => seq);

export const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);
