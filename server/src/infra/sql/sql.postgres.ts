import { setTimeout as sleep } from 'node:timers/promises';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { applyMigrations } from './migrations.ts';
import { type Migrations, type Sql, type SqlValue, type Statement, scanTimeout } from './sql.ts';

/** 64-bit integers as numbers: all of ours stay below 2^53. */
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.INT8) return Number;
    return format === undefined ? pg.types.getTypeParser(oid) : pg.types.getTypeParser(oid, format);
  },
};

/** SQLSTATE of a statement that ran into `statement_timeout`. */
const canceledBySystem = '57014';

/** Scans at a time, so that they leave connections to everybody else, and how many may wait. */
const scansAtOnce = 4;
const queueLimit = 256;

/** The advisory lock of the server that uses a database; any number that nothing else of ours takes. */
const serverLock = 7_236_833;
/** A killed server's lock goes when its connection does, which may take a moment. In milliseconds. */
const claimEvery = 250;
const claimTries = 20;

export type PostgresOptions = {
  url: string;
  /** Connections for transactions and reads together. */
  connections?: number;
};

/**
 * Several servers may share one database. Every connection is set so that a stalled node cannot hold the others: two
 * seconds for a lock and for a transaction that does nothing.
 */
export class PostgresSql implements Sql {
  readonly engine = 'postgres';
  readonly pool: pg.Pool;
  readonly read: Kysely<object>;
  readonly statementTexts = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  readonly #lines: Line[] = [];
  #holder: pg.PoolClient | undefined;
  #scans = 0;

  constructor({ url, connections = 12 }: PostgresOptions) {
    this.pool = new pg.Pool({
      connectionString: url,
      max: connections,
      types,
      options: '-c synchronous_commit=on -c idle_in_transaction_session_timeout=2000 -c lock_timeout=2000',
    });
    // A connection that breaks while idle is replaced by the pool; without a listener it would end the process.
    this.pool.on('error', () => {});
    // The same for one that breaks inside a transaction, between two statements: the next statement rejects.
    this.pool.on('connect', (client) => client.on('error', () => {}));
    this.read = new Kysely({ dialect: new PostgresDialect({ pool: this.pool }) });
  }

  /** Refuses a database that would lose acknowledged rows in a power cut. */
  async assertDurable(): Promise<void> {
    const { rows } = await this.pool.query<{ fsync: string }>('SHOW fsync');
    if (rows[0]?.fsync === 'on') return;
    throw new Error(
      'PostgreSQL runs with fsync=off: acknowledged messages could be lost. Turn fsync on and start again.',
    );
  }

  statement<Row>(text: string): Statement<Row> {
    this.statementTexts.add(text);
    // One name for one text, also when it is asked for again: a connection refuses a name with another text.
    const name = `s${[...this.statementTexts].indexOf(text)}`;
    const all = async (...values: SqlValue[]): Promise<Row[]> => {
      const query = { name, text: text.replaceAll(/\?(\d+)/g, '$$$1'), values };
      return (await this.pool.query(query)).rows as Row[];
    };
    return { all, get: async (...values) => (await all(...values))[0] };
  }

  async scan<Row>(query: CompiledQuery<Row>): Promise<Row[]> {
    if (this.#waiting.length >= queueLimit) {
      throw new Refusal(commonErrors.UNAVAILABLE, { message: 'Too many searches wait, please retry' });
    }
    if (this.#scans < scansAtOnce) this.#scans += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await this.#scan(query);
    } finally {
      // The place goes on to the next that waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#scans -= 1;
      else next();
    }
  }

  async migrate(migrations: Migrations): Promise<void> {
    await applyMigrations(this.read, migrations);
  }

  async claim(): Promise<boolean> {
    const holder = await this.pool.connect();
    for (let left = claimTries; left > 0; left -= 1) {
      const { rows } = await holder.query<{ held: boolean }>('SELECT pg_try_advisory_lock($1) AS held', [serverLock]);
      if (rows[0]?.held === true) {
        this.#holder = holder;
        return true;
      }
      await sleep(claimEvery);
    }
    holder.release();
    return false;
  }

  async ping(): Promise<void> {
    await this.read.executeQuery(CompiledQuery.raw('SELECT 1'));
  }

  /** A connection whose statements run in the order in which they are given, until `close`. */
  line(): Line {
    const line = new Line(this.pool);
    this.#lines.push(line);
    return line;
  }

  async close(): Promise<void> {
    await Promise.all(this.#lines.map((line) => line.close()));
    // Its lock goes with the connection.
    this.#holder?.release(true);
    await this.pool.end();
  }

  async #scan<Row>(query: CompiledQuery<Row>): Promise<Row[]> {
    const client = await this.pool.connect();
    try {
      await client.query(`SET statement_timeout = ${scanTimeout}`);
      const { rows } = await client.query(query.sql, [...query.parameters]);
      return rows as Row[];
    } catch (error) {
      if (isCode(error, canceledBySystem)) {
        throw new Refusal(commonErrors.UNAVAILABLE, { message: 'The search took too long; narrow it down' });
      }
      throw error;
    } finally {
      await client.query('RESET statement_timeout').catch(() => {});
      client.release();
    }
  }
}

const isCode = (error: unknown, code: string): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === code;

/** See `PostgresSql.line`. A connection that breaks is replaced at the next statement. */
export class Line {
  readonly #pool: pg.Pool;
  #client: Promise<pg.PoolClient> | undefined;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async query<Row extends object>(statement: pg.QueryConfig): Promise<Row[]> {
    this.#client ??= this.#connect();
    const client = await this.#client;
    return (await client.query<Row>(statement)).rows;
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    (await client?.catch(() => undefined))?.release();
  }

  #connect(): Promise<pg.PoolClient> {
    const connecting = this.#pool.connect();
    /** Whether the connection was still this line's. */
    const forget = (): boolean => {
      const own = this.#client === connecting;
      if (own) this.#client = undefined;
      return own;
    };
    const replace = (client: pg.PoolClient): void => {
      if (forget()) client.release(true);
    };
    connecting.then((client) => client.once('error', () => replace(client)), forget);
    return connecting;
  }
}
