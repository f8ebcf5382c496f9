import type { Limits, Rule } from '../../infra/limits/limits.ts';
import type { Log, Transaction } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Passwords } from './passwords.ts';
import type { Reads } from './store.ts';
import type { AccessTokens } from './tokens.ts';

/** What others do in the transaction that deletes an account, once its row says so: `id` is its public one, `email` what it was. */
export type DeletePart = (
  transaction: Transaction,
  who: { account: number; id: string; email: string },
) => Promise<void>;

/** What the functions of this module work with. */
export type Parts = Readonly<{
  sql: Sql;
  log: Log;
  limits: Limits;
  clock: Clock;
  reads: Reads;
  /** Whether an account, by its public id, has a live connection. */
  isOnline: (id: string) => boolean;
  /** When the last connection of an account, by its number, has ended, as long as that is not stored; 0 when nothing is known. */
  leftAt: (account: number) => number;
  onDelete: DeletePart;
  passwords: Passwords;
  accessTokens: AccessTokens;
  successorOf: (refreshToken: string) => string;
  attemptsByAccount: Rule;
  attemptsByAddress: Rule;
  /** Whether the first account made by a person becomes ADMIN. */
  firstIsAdmin: boolean;
}>;
