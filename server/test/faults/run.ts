import type { Random } from './random.ts';
import type { ServerPlan } from './server-process.ts';
import type { Verdict } from './verdict.ts';

/** A way to break the server that this run has to notice; sabotage.ts knows how each is done. */
export type Sabotage =
  | 'acknowledge-before-commit'
  | 'skip-at-handover'
  | 'forget-keys'
  | 'lower-receipts'
  | 'sync-normal'
  | 'unbounded-buffers'
  | 'everybody-writes'
  | 'unguarded-content';

/** What a run is given. */
export type Context = Readonly<{
  verdict: Verdict;
  random: Random;
  /** The size that the run shall have: rounds of the full or of the short version, or what the command line asked for. */
  rounds: number;
  short: boolean;
  /** Whether the server was broken on purpose: then it is enough to see that once. */
  sabotaged: boolean;
  engine: 'sqlite' | 'postgres';
  /** A folder for whatever the run writes; it is removed when the run has passed. */
  folder: string;
  /** How its server is to be started, in a data folder within `folder`. */
  plan: ServerPlan;
}>;

export type FaultRun = Readonly<{
  name: string;
  /** What is done and demanded, in a line, for `--help`. */
  summary: string;
  sabotage: Sabotage;
  /** How the demand begins that the sabotage must break; another failure does not count as seeing it. */
  seenBy: string;
  rounds: { full: number; short: number };
  run: (context: Context) => Promise<void>;
}>;

/** Something outside of this project is missing; the message says what to do about it. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}
