import type { Kysely } from 'kysely';
import type { Log } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import { idText } from '../../kernel/ids.ts';

type PresenceTables = {
  presence: { account: number };
  presence_state: { one: number; alive_at: number };
  /** Of identity: read for public ids. */
  accounts: { id: number; public_id: Uint8Array };
};

/** Rows in one transaction, so that a batch never waits long behind them. */
const slice = 500;

const tablesOf = (sql: Kysely<object>) => sql.withTables<PresenceTables>();

/** Who was last said to be online, as it outlives the process. */
export class PresenceStore {
  readonly #sql: Sql;
  readonly #log: Log;

  constructor(sql: Sql, log: Log) {
    this.#sql = sql;
    this.#log = log;
  }

  /** Everybody whom the server before this one said to be online, and when it was last alive. Once, at the start. */
  async load(): Promise<{ people: { account: number; id: string }[]; aliveAt: number }> {
    const db = tablesOf(this.#sql.read);
    const query = db
      .selectFrom('presence as p')
      .innerJoin('accounts as a', 'a.id', 'p.account')
      .select(['p.account', 'a.public_id']);
    const rows = await this.#sql.scan(query.compile());
    const state = await db.selectFrom('presence_state').select('alive_at').where('one', '=', 1).executeTakeFirst();
    return {
      people: rows.map(({ account, public_id }) => ({ account, id: idText(public_id) })),
      aliveAt: state?.alive_at ?? 0,
    };
  }

  async save(changes: readonly { account: number; online: boolean }[], aliveAt: number): Promise<void> {
    for (let start = 0; start < changes.length; start += slice) {
      const part = changes.slice(start, start + slice);
      const come = part.filter(({ online }) => online).map(({ account }) => ({ account }));
      const gone = part.filter(({ online }) => !online).map(({ account }) => account);
      await this.#log.write(
        async ({ sql }) => {
          const db = tablesOf(sql);
          if (come.length > 0) {
            await db
              .insertInto('presence')
              .values(come)
              .onConflict((conflict) => conflict.doNothing())
              .execute();
          }
          if (gone.length > 0) await db.deleteFrom('presence').where('account', 'in', gone).execute();
        },
        { bookkeeping: true },
      );
    }
    await this.#log.write(
      async ({ sql }) => {
        await tablesOf(sql).updateTable('presence_state').set({ alive_at: aliveAt }).where('one', '=', 1).execute();
      },
      { bookkeeping: true },
    );
  }
}
