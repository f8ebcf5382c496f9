import type { Log, Transaction } from '../log/log.ts';
import type { Sql, Statement } from '../sql/sql.ts';
import type { Feed } from './feed.ts';

/** How often cursors are stored, in milliseconds: what a kill may repeat to a client without an offset. */
const storeEvery = 5_000;
/** Cursors stored in one transaction, so that a batch never waits long behind them. */
const slice = 1_000;

type CursorTables = { session_cursors: { session: number; account: number; seq: number } };
type Pending = { account: number; seq: number };

export type CursorsOptions = {
  sql: Sql;
  log: Log;
  /** The live connections of an account on this node. */
  feedsOf: (account: number) => ReadonlySet<Feed>;
  /** Cursors that could not be stored; they are tried again. */
  onFailure: (error: unknown) => void;
};

/**
 * The highest row that has left this process for any socket of each login session: where a client that holds no offset
 * begins. Kept in memory and stored in the background; nothing is written at connect or disconnect.
 */
export class Cursors {
  readonly #log: Log;
  readonly #bySession: Statement<{ seq: number }>;
  readonly #byAccount: Statement<{ seq: number | null }>;
  readonly #feedsOf: CursorsOptions['feedsOf'];
  readonly #feeds = new Set<Feed>();
  /** What the table says of a feed's session at the least, once what waits below is written. */
  readonly #stored = new WeakMap<Feed, number>();
  /** What waits to be written; it stays until its commit. */
  readonly #waiting = new Map<number, Pending>();
  readonly #timer: NodeJS.Timeout;
  #storing: Promise<void> | undefined;

  constructor({ sql, log, feedsOf, onFailure }: CursorsOptions) {
    this.#log = log;
    this.#feedsOf = feedsOf;
    this.#bySession = sql.statement('SELECT seq FROM session_cursors WHERE session = ?1');
    this.#byAccount = sql.statement('SELECT max(seq) AS seq FROM session_cursors WHERE account = ?1');
    this.#timer = setInterval(() => void this.store().catch(onFailure), storeEvery);
    this.#timer.unref();
  }

  track(feed: Feed): void {
    this.#feeds.add(feed);
  }

  untrack(feed: Feed): void {
    if (this.#feeds.delete(feed)) this.#note(feed);
  }

  /** Where a session without an offset goes on; a new session at its account's highest. */
  async of(session: number, account: number): Promise<number> {
    let highest = this.#waiting.get(session)?.seq ?? 0;
    for (const feed of this.#feedsOf(account)) {
      // One that shows one thing only is not tracked: it passes over what the others have yet to show.
      if (feed.reader.session === session && this.#feeds.has(feed)) highest = Math.max(highest, feed.taken());
    }
    const stored = await this.#bySession.get(session);
    if (stored !== undefined || highest > 0) return Math.max(stored?.seq ?? 0, highest);
    return (await this.#byAccount.get(account))?.seq ?? 0;
  }

  /** Stores what has changed since the last time; what cannot be stored waits for the next. */
  store(): Promise<void> {
    this.#storing ??= this.#storeChanged().finally(() => {
      this.#storing = undefined;
    });
    return this.#storing;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#storing?.catch(() => {});
    await this.store();
  }

  async #storeChanged(): Promise<void> {
    for (const feed of this.#feeds) this.#note(feed);
    const changed = [...this.#waiting];
    for (let start = 0; start < changed.length; start += slice) {
      const part = changed.slice(start, start + slice);
      await this.#write(part.map(([session, pending]) => ({ session, ...pending })));
      // What was raised meanwhile waits on.
      for (const [session, pending] of part) {
        if (this.#waiting.get(session) === pending) this.#waiting.delete(session);
      }
    }
  }

  /** A feed is noted at least once, for the table may be behind where it began: after a kill, a client knows better. */
  #note(feed: Feed): void {
    const stored = this.#stored.get(feed) ?? 0;
    // Most connections have got nothing since the last time.
    if (feed.cursor <= stored) return;
    const seq = feed.taken();
    if (seq <= stored) return;
    this.#stored.set(feed, seq);
    const { session, account } = feed.reader;
    if ((this.#waiting.get(session)?.seq ?? 0) < seq) this.#waiting.set(session, { account, seq });
  }

  async #write(rows: readonly { session: number; account: number; seq: number }[]): Promise<void> {
    const write = async ({ sql }: Transaction): Promise<void> => {
      await sql
        .withTables<CursorTables>()
        .insertInto('session_cursors')
        .values([...rows])
        .onConflict((conflict) =>
          conflict
            .column('session')
            .doUpdateSet((eb) => ({ seq: eb.ref('excluded.seq') }))
            .whereRef('excluded.seq', '>', 'session_cursors.seq'),
        )
        .execute();
    };
    await this.#log.write(write, { bookkeeping: true });
  }
}
