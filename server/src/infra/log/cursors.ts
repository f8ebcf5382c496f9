import type { Sql, Statement } from '../sql/sql.ts';
import type { Feed } from './feed.ts';
import type { Log } from './log.ts';

/** How often cursors are stored, in milliseconds: what a kill may repeat to a client without an offset. */
const storeEvery = 5_000;
/** Cursors stored in one transaction, so that a batch never waits long behind them. */
const slice = 1_000;

type CursorTables = { session_cursors: { session: number; account: number; seq: number } };
type Pending = { account: number; seq: number };

/**
 * The highest row written to any socket of each login session: where a client that holds no offset begins. Kept in
 * memory and stored in the background; nothing is written at connect or disconnect.
 */
export class Cursors {
  readonly #log: Log;
  readonly #bySession: Statement<{ seq: number }>;
  readonly #byAccount: Statement<{ seq: number | null }>;
  readonly #feedsOf: (account: number) => ReadonlySet<Feed>;
  readonly #feeds = new Set<Feed>();
  /** What the table says of the feeds that are tracked. */
  readonly #stored = new WeakMap<Feed, number>();
  #left = new Map<number, Pending>();
  readonly #timer: NodeJS.Timeout;

  /** `feedsOf`: the live connections of an account on this node. */
  constructor({ sql, log, feedsOf }: { sql: Sql; log: Log; feedsOf: (account: number) => ReadonlySet<Feed> }) {
    this.#log = log;
    this.#feedsOf = feedsOf;
    this.#bySession = sql.statement('SELECT seq FROM session_cursors WHERE session = ?1');
    this.#byAccount = sql.statement('SELECT max(seq) AS seq FROM session_cursors WHERE account = ?1');
    this.#timer = setInterval(() => void this.store().catch(() => {}), storeEvery);
    this.#timer.unref();
  }

  track(feed: Feed): void {
    this.#feeds.add(feed);
    this.#stored.set(feed, feed.cursor);
  }

  untrack(feed: Feed): void {
    if (!this.#feeds.delete(feed)) return;
    if (isTaken(feed) && feed.cursor > (this.#stored.get(feed) ?? 0)) raise(this.#left, feed);
  }

  /** Where a session without an offset goes on; a new session at its account's highest. */
  async of(session: number, account: number): Promise<number> {
    let highest = this.#left.get(session)?.seq ?? 0;
    for (const feed of this.#feedsOf(account)) {
      if (feed.reader.session === session) highest = Math.max(highest, feed.cursor);
    }
    const stored = await this.#bySession.get(session);
    if (stored !== undefined || highest > 0) return Math.max(stored?.seq ?? 0, highest);
    return (await this.#byAccount.get(account))?.seq ?? 0;
  }

  /** Stores what has changed since the last time. */
  async store(): Promise<void> {
    const changed = this.#left;
    this.#left = new Map();
    for (const feed of this.#feeds) {
      if (feed.cursor <= (this.#stored.get(feed) ?? 0) || !isTaken(feed)) continue;
      this.#stored.set(feed, feed.cursor);
      raise(changed, feed);
    }
    const rows = [...changed].map(([session, pending]) => ({ session, ...pending }));
    for (let start = 0; start < rows.length; start += slice) await this.#write(rows.slice(start, start + slice));
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.store();
  }

  async #write(rows: readonly { session: number; account: number; seq: number }[]): Promise<void> {
    await this.#log.write(async ({ sql }) => {
      await sql
        .withTables<CursorTables>()
        .insertInto('session_cursors')
        .values([...rows])
        .onConflict((conflict) =>
          conflict.column('session').doUpdateSet((eb) => ({
            seq: eb
              .case()
              .when('excluded.seq', '>', eb.ref('session_cursors.seq'))
              .then(eb.ref('excluded.seq'))
              .else(eb.ref('session_cursors.seq'))
              .end(),
          })),
        )
        .execute();
    });
  }
}

/** What still waits in this process has not been written to its client: its cursor would promise too much. */
const isTaken = (feed: Feed): boolean => feed.outlet.buffered() === 0;

function raise(pending: Map<number, Pending>, { reader, cursor }: Feed): void {
  const known = pending.get(reader.session);
  if (known === undefined || known.seq < cursor) pending.set(reader.session, { account: reader.account, seq: cursor });
}
