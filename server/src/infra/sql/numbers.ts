import { type RawBuilder, type SqlBool, sql } from 'kysely';
import type { Engine } from './sql.ts';

/** Whether a column holds one of the numbers in a parameter, which is given by `numberList`: one text however many. */
export const isAmong = (engine: Engine, column: string, parameter: string): string =>
  engine === 'sqlite'
    ? `${column} IN (SELECT value FROM json_each(${parameter}))`
    : `${column} = ANY(${parameter}::bigint[])`;

export const numberList = (engine: Engine, numbers: readonly number[]): string =>
  engine === 'sqlite' ? `[${numbers.join(',')}]` : `{${numbers.join(',')}}`;

/** The same as a condition of a query. */
export function among(engine: Engine, column: string, numbers: readonly number[]): RawBuilder<SqlBool> {
  const [before = '', after = ''] = isAmong(engine, column, '?').split('?');
  return sql<SqlBool>`${sql.raw(before)}${numberList(engine, numbers)}${sql.raw(after)}`;
}
