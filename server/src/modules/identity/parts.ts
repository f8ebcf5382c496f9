import type { Limits, Rule } from '../../infra/limits/limits.ts';
import type { Log } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { Passwords } from './passwords.ts';
import type { Reads } from './store.ts';
import type { AccessTokens } from './tokens.ts';

/** What the functions of this module work with. */
export type Parts = Readonly<{
  sql: Sql;
  log: Log;
  limits: Limits;
  clock: Clock;
  reads: Reads;
  passwords: Passwords;
  accessTokens: AccessTokens;
  successorOf: (refreshToken: string) => string;
  attemptsByAccount: Rule;
  attemptsByAddress: Rule;
  /** Whether the first account made by a person becomes ADMIN. */
  firstIsAdmin: boolean;
}>;
