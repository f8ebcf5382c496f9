import { setTimeout as sleep } from 'node:timers/promises';
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely';
import type pg from 'pg';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { applyMigrations } from './migrations.ts';
import {
  type Connection,
  connect,
  Line,
  openPool,
  type PoolOptions,
  poolForKysely,
  tookTooLong,
} from './postgres.pool.ts';
import { type Migrations, type Sql, type SqlValue, type Statement, scanTimeout } from './sql.ts';

export type { Line };

/** Scans at a time, so that they leave connections to everybody else, and how many may wait. */
const scansAtOnce = 4;
/** Connections for lines: one each, and one more for the time in which a broken one is replaced. */
const linesAtMost = 4;
const queueLimit = 256;

/** The advisory lock of the server that uses a database; any number that nothing else of ours takes. */
const serverLock = 7_236_833;
/** A killed server's lock goes when its connection does, which may take a moment. In milliseconds. */
const claimEvery = 250;
const claimTries = 20;

/**
 * Every connection is set so that nobody waits without bound: two seconds for a lock and for a transaction that does
 * nothing, eight for a statement, ten for an answer. `claim` makes it this process's own until `close`.
 */
export class PostgresSql implements Sql {
  readonly engine = 'postgres';
  readonly pool: pg.Pool;
  readonly read: Kysely<object>;
  readonly statementTexts = new Set<string>();
  readonly lost: Promise<void>;
  readonly #options: PoolOptions;
  readonly #waiting: (() => void)[] = [];
  readonly #lines: Line[] = [];
  readonly #linePool: pg.Pool;
  readonly #sayLost: () => void;
  #holder: Holder | undefined;
  #closed = false;
  #scans = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.pool = openPool(options, { limited: true });
    this.#linePool = openPool({ ...options, connections: linesAtMost }, { limited: true, pipeline: true });
    this.read = new Kysely({ dialect: new PostgresDialect({ pool: poolForKysely(this.pool) }) });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.lost = promise;
    this.#sayLost = resolve;
  }

  /** Refuses a database that would lose acknowledged rows in a power cut. */
  async assertDurable(): Promise<void> {
    const { rows } = await this.#use((connection) => connection.query<{ fsync: string }>('SHOW fsync'));
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
      return (await this.#use((connection) => connection.query(query))).rows as Row[];
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

  /** On connections of its own: a migration takes as long as there are rows. */
  async migrate(migrations: Migrations): Promise<void> {
    const pool = openPool({ ...this.#options, connections: 2 }, { limited: false });
    try {
      await applyMigrations(new Kysely({ dialect: new PostgresDialect({ pool }) }), migrations);
    } finally {
      await pool.end();
    }
  }

  /**
   * Holds the database for this process as its one server, until `close` or the process's end; a connection that breaks
   * is replaced, and `lost` says when another was quicker. False when another holds it and has not let go within a few
   * seconds.
   */
  async claim(): Promise<boolean> {
    const connection = await connect(this.pool);
    try {
      const holder = await this.#lock(connection);
      if (holder !== undefined && !this.#closed) {
        this.#holder = holder;
        connection.onLost = () => void this.#reclaim(holder);
        return true;
      }
    } catch (error) {
      connection.release(true);
      throw error;
    }
    // With its end goes a lock that came too late.
    connection.release(true);
    return false;
  }

  async ping(): Promise<void> {
    await this.read.executeQuery(CompiledQuery.raw('SELECT 1'));
  }

  /** A connection whose statements run in the order in which they are given, until `close`. */
  line(): Line {
    const line = new Line(this.#linePool);
    this.#lines.push(line);
    return line;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#lines.map((line) => line.close()));
    // Its lock goes with the connection.
    this.#holder?.connection.release(true);
    await Promise.all([this.pool.end(), this.#linePool.end()]);
  }

  async #use<Result>(act: (connection: Connection) => Promise<Result>): Promise<Result> {
    const connection = await connect(this.pool);
    try {
      return await act(connection);
    } finally {
      connection.release();
    }
  }

  #scan<Row>(query: CompiledQuery<Row>): Promise<Row[]> {
    return this.#use(async (connection) => {
      try {
        await connection.query(`SET statement_timeout = ${scanTimeout}`);
        return (await connection.query(query.sql, query.parameters)).rows as Row[];
      } catch (error) {
        if (!tookTooLong(error)) throw error;
        throw new Refusal(commonErrors.UNAVAILABLE, { message: 'The search took too long; narrow it down' });
      } finally {
        await connection.query('RESET statement_timeout').catch(() => {});
      }
    });
  }

  async #lock(connection: Connection): Promise<Holder | undefined> {
    for (let left = claimTries; left > 0 && !this.#closed; left -= 1) {
      const { rows } = await connection.query<{ held: boolean; pid: number; began: string }>(lockText, [serverLock]);
      const { held = false, pid = 0, began = '' } = rows[0] ?? {};
      if (held) return { connection, pid, began };
      await sleep(claimEvery);
    }
    return undefined;
  }

  /** The lock went with its connection: takes it again as soon as the database answers, before others if it can. */
  async #reclaim({ connection, pid, began }: Holder): Promise<void> {
    this.#holder = undefined;
    connection.release(true);
    while (!this.#closed) {
      try {
        // The database may not have noticed that the connection is gone, and would hold the lock against us for hours.
        await this.#use((other) => other.query(ghostText, [pid, began, serverLock]));
        if (!(await this.claim()) && !this.#closed) this.#sayLost();
        return;
      } catch {
        // It is away; without it nobody else can take the lock either.
        await sleep(claimEvery, undefined, { ref: false });
      }
    }
  }
}

/** The connection that has the lock, and its process in the database. */
type Holder = { connection: Connection; pid: number; began: string };

const lockText = `SELECT pg_try_advisory_lock($1) AS held, pid, backend_start::text AS began
  FROM pg_stat_activity WHERE pid = pg_backend_pid()`;

/** Ends the process that held the lock for us, if it still does. */
const ghostText = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity JOIN pg_locks USING (pid)
  WHERE pid = $1 AND backend_start::text = $2 AND locktype = 'advisory' AND objid = $3::oid`;
