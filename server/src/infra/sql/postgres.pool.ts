import type { PostgresPoolClient } from 'kysely';
import pg from 'pg';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { ConnectionLost } from './sql.ts';

/** 64-bit integers as numbers: all of ours stay below 2^53. */
const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.INT8) return Number;
    return format === undefined ? pg.types.getTypeParser(oid) : pg.types.getTypeParser(oid, format);
  },
};

/** How long a connection may take to come about, or to become free, in milliseconds. */
const connectWithin = 5_000;
/** How long the database may work on a statement, in milliseconds. */
const statementWithin = 8_000;
/** After how many milliseconds without an answer the host counts as silent: the database has given up before. */
const answerWithin = 10_000;
/** What ends with its connection when the other host vanishes without a word is noticed after this many milliseconds. */
const probeAfter = 10_000;

/** SQLSTATEs after which the connection is gone: connection exceptions, ended by an administrator, by the idle limit. */
const connectionGone = /^(08...|57P..|25P03)$/;
/** Those that pass: deadlocks, too little of something, a statement or a wait over its time, a standby that will be promoted. */
const passing = /^(40...|53...|57014|55P03|25006)$/;
const canceled = '57014';

export type PoolOptions = {
  url: string;
  /** Connections for transactions and reads together. */
  connections?: number;
  /** How long the database may say nothing before its connection is given up, in milliseconds. */
  answerWithin?: number;
};

/**
 * The pool of `pg` with our types. `limited`: every statement has a bound; only what migrates may take as long as it takes.
 * `pipeline`: a statement leaves for the database at once, before the one ahead of it on its connection has ended.
 */
export function openPool(
  options: PoolOptions,
  { limited, pipeline = false }: { limited: boolean; pipeline?: boolean },
): pg.Pool {
  const set = ['synchronous_commit=on', 'idle_in_transaction_session_timeout=2000', 'lock_timeout=2000'];
  if (limited) set.push(`statement_timeout=${statementWithin}`);
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.connections ?? 12,
    pipeline,
    types,
    options: set.map((setting) => `-c ${setting}`).join(' '),
    connectionTimeoutMillis: Math.min(connectWithin, options.answerWithin ?? answerWithin),
    keepAlive: true,
    keepAliveInitialDelayMillis: probeAfter,
    // Counted from when it was sent: on a pipeline it may wait for one that takes its full time.
    ...(limited ? { query_timeout: (options.answerWithin ?? answerWithin) * (pipeline ? 2 : 1) } : {}),
  });
  // A connection that breaks while idle is replaced by the pool; without a listener it would end the process.
  pool.on('error', () => {});
  // The same for one that breaks inside a transaction, between two statements: the next statement rejects.
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

/** A connection from the pool. */
export async function connect(pool: pg.Pool): Promise<Connection> {
  let client: pg.PoolClient;
  try {
    client = await pool.connect();
  } catch (error) {
    throw new ConnectionLost(error);
  }
  return new Connection(client);
}

/** A pool for Kysely, whose connections refuse as ours do. */
export const poolForKysely = (pool: pg.Pool) => ({
  options: {},
  // It is asked for a cursor when somebody streams, which nobody does.
  connect: async () => (await connect(pool)) as unknown as PostgresPoolClient,
  end: () => pool.end(),
});

/**
 * A connection that says in our words what is wrong with the database: `ConnectionLost` when it broke or fell silent,
 * another refusal with UNAVAILABLE for what passes. A statement that is wrong rejects with what the database said.
 */
export class Connection {
  /** Called once when the connection has broken, also between two statements. */
  onLost: () => void = () => {};
  readonly #client: pg.PoolClient;
  readonly #lose: () => void;
  #lost = false;

  constructor(client: pg.PoolClient) {
    this.#client = client;
    this.#lose = () => {
      if (this.#lost) return;
      this.#lost = true;
      this.onLost();
    };
    client.on('error', this.#lose);
  }

  async query<Row extends pg.QueryResultRow>(
    statement: string | pg.QueryConfig,
    values?: readonly unknown[],
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await this.#client.query<Row>(statement, values === undefined ? undefined : [...values]);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal instanceof ConnectionLost) this.#lose();
      throw refusal;
    }
  }

  /** Gives it back; `end` closes it, as happens to a broken one anyway. */
  release(end = false): void {
    this.#client.off('error', this.#lose);
    this.#client.release(end || this.#lost);
  }
}

/** What the database has not answered is a broken connection, unless the statement could not even be written down. */
function refusalOf(error: unknown): unknown {
  if (error instanceof TypeError || error instanceof RangeError) return error;
  if (!(error instanceof pg.DatabaseError)) return new ConnectionLost(error);
  const { code = '' } = error;
  if (connectionGone.test(code)) return new ConnectionLost(error);
  return passing.test(code) ? new Refusal(commonErrors.UNAVAILABLE, { cause: error }) : error;
}

/** Whether a statement was ended because it took too long. */
export const tookTooLong = (error: unknown): boolean =>
  error instanceof Refusal && error.cause instanceof pg.DatabaseError && error.cause.code === canceled;

/**
 * See `PostgresSql.line`. Its pool must be one that pipelines: the database begins with the next statement as soon as the
 * one before has ended, and does not wait for a hundred kilobytes of drafts to be sent first. A connection that breaks is
 * replaced at the next statement; what was on its way goes with it, so that whoever repeats theirs keeps the order.
 */
export class Line {
  readonly #pool: pg.Pool;
  #connection: Promise<Connection> | undefined;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  async query<Row extends object>(statement: pg.QueryConfig): Promise<Row[]> {
    this.#connection ??= this.#connect();
    return (await (await this.#connection).query<Row>(statement)).rows;
  }

  async close(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    (await connection?.catch(() => undefined))?.release();
  }

  #connect(): Promise<Connection> {
    const connecting = connect(this.#pool);
    /** Whether the connection was still this line's. */
    const forget = (): boolean => {
      const own = this.#connection === connecting;
      if (own) this.#connection = undefined;
      return own;
    };
    connecting.then((connection) => {
      connection.onLost = () => {
        if (forget()) connection.release();
      };
    }, forget);
    return connecting;
  }
}
