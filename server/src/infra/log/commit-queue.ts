import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { commonErrors, Refusal } from '../../kernel/errors.ts';

/** A set-based act: checks and writes many drafts, a verdict for each in their order. Must not await. */
export type ApplyDrafts<Draft, Verdict> = (drafts: readonly Draft[]) => Verdict[];

type Caller = { resolve: (value: never) => void; reject: (error: unknown) => void };
type DraftEntry = Caller & { kind: 'draft'; apply: ApplyDrafts<unknown, unknown>; draft: unknown };
type ActEntry = Caller & { kind: 'act'; act: () => Promise<unknown>; ended: () => void };
type Entry = DraftEntry | ActEntry;

/** What the owner does at the edges of a batch's transaction. */
export type BatchHooks = {
  /** Where the batch stands before an act or a run of drafts, and the way back there when it fails. */
  mark(): number;
  backTo(mark: number): void;
  /** Last statements before COMMIT. */
  finishing(): void;
  /** COMMIT has returned. */
  committed(): void;
  rolledBack(): void;
};

/** How long a batch may gather, in milliseconds, while more keeps coming. */
const gatherFor = 2;
/** Bounds the time for which one batch holds the event loop. */
const batchLimit = 1_000;

/**
 * Group commit on SQLite's one writer: whatever arrives until a turn of the event loop brings nothing more, for 2 ms at
 * the most, shares one transaction and one fsync. Drafts run through their set-based function; acts run one after another, and they and the drafts between them have
 * a savepoint each. Callers hear nothing before COMMIT has returned.
 */
export class CommitQueue {
  readonly #hooks: BatchHooks;
  readonly #statements: Record<'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'back', StatementSync>;
  #queue: Entry[] = [];
  #scheduled = false;
  #running: Promise<void> | undefined;

  constructor(database: DatabaseSync, hooks: BatchHooks) {
    this.#hooks = hooks;
    this.#statements = {
      begin: database.prepare('BEGIN IMMEDIATE'),
      commit: database.prepare('COMMIT'),
      rollback: database.prepare('ROLLBACK'),
      savepoint: database.prepare('SAVEPOINT act'),
      release: database.prepare('RELEASE act'),
      back: database.prepare('ROLLBACK TO act'),
    };
  }

  submit<Draft, Verdict>(apply: ApplyDrafts<Draft, Verdict>, draft: Draft): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ kind: 'draft', apply: apply as ApplyDrafts<unknown, unknown>, draft, resolve, reject });
    });
  }

  /** `ended` is called when the act is over, however it ended: from then on its transaction must refuse. */
  run<Result>(act: () => Promise<Result>, ended: () => void): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#enqueue({ kind: 'act', act, ended, resolve, reject });
    });
  }

  /** Waits until nothing is queued or under way. */
  async idle(): Promise<void> {
    while (this.#scheduled || this.#running !== undefined) {
      await (this.#running ?? new Promise((resolve) => setImmediate(resolve)));
    }
  }

  #enqueue(entry: Entry): void {
    this.#queue.push(entry);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#running !== undefined) return;
    this.#scheduled = true;
    this.#gather(1, performance.now() + gatherFor);
  }

  /** Under load every turn of the event loop brings more: a batch ends when a turn brought nothing, or after 2 ms. */
  #gather(seen: number, deadline: number): void {
    setImmediate(() => {
      const found = this.#queue.length;
      if (found > seen && found < batchLimit && performance.now() < deadline) {
        this.#gather(found, deadline);
        return;
      }
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const entries = this.#queue.length <= batchLimit ? this.#queue : this.#queue.slice(0, batchLimit);
    this.#queue = this.#queue.length <= batchLimit ? [] : this.#queue.slice(batchLimit);
    // Drafts alone need no turn of the microtask queue: the whole batch is one synchronous piece.
    if (entries.every((entry) => entry.kind === 'draft')) {
      this.#commitDrafts(entries);
      if (this.#queue.length > 0) this.#schedule();
      return;
    }
    this.#running = this.#commitMixed(entries).finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0) this.#schedule();
    });
  }

  #commitDrafts(entries: readonly DraftEntry[]): void {
    const verdicts: unknown[] = [];
    try {
      this.#begin();
      this.#applyDrafts(entries, verdicts);
      this.#hooks.finishing();
    } catch (error) {
      this.#rollback();
      if (isOfStorage(error)) for (const entry of entries) entry.reject(asUnavailable(error));
      else this.#isolate(entries, error);
      return;
    }
    if (!this.#commit(entries)) return;
    entries.forEach((entry, index) => {
      entry.resolve(verdicts[index] as never);
    });
  }

  /** A draft that broke the batch must not take its neighbours along: each runs again alone, and only that one fails. */
  #isolate(entries: readonly DraftEntry[], error: unknown): void {
    if (entries.length === 1) entries[0]?.reject(error);
    else for (const entry of entries) this.#commitDrafts([entry]);
  }

  #applyDrafts(entries: readonly DraftEntry[], verdicts: unknown[]): void {
    for (let start = 0; start < entries.length; ) {
      const apply = entries[start]?.apply;
      if (apply === undefined) return;
      let end = start + 1;
      while (end < entries.length && entries[end]?.apply === apply) end += 1;
      verdicts.push(...apply(entries.slice(start, end).map((entry) => entry.draft)));
      start = end;
    }
  }

  async #commitMixed(entries: readonly Entry[]): Promise<void> {
    const settle: (() => void)[] = [];
    try {
      this.#begin();
      for (let start = 0; start < entries.length; ) {
        const entry = entries[start];
        if (entry?.kind === 'act') {
          settle.push(await this.#runAct(entry));
          start += 1;
        } else {
          const drafts = draftsFrom(entries, start);
          settle.push(...this.#runDrafts(drafts));
          start += drafts.length;
        }
      }
      this.#hooks.finishing();
    } catch (error) {
      this.#rollback();
      for (const entry of entries) entry.reject(asUnavailable(error));
      return;
    }
    if (!this.#commit(entries)) return;
    for (const answer of settle) answer();
  }

  /** Runs an act inside the batch; what it tells its caller after the commit is returned. */
  async #runAct(entry: ActEntry): Promise<() => void> {
    const back = this.#savepoint();
    try {
      const result = await withoutTurning(entry.act);
      entry.ended();
      this.#statements.release.run();
      return () => entry.resolve(result as never);
    } catch (error) {
      entry.ended();
      back();
      return () => entry.reject(isOfStorage(error) ? asUnavailable(error) : error);
    }
  }

  /** The same for drafts between two acts: together; when one of them breaks that, each alone. */
  #runDrafts(entries: readonly DraftEntry[]): (() => void)[] {
    const verdicts: unknown[] = [];
    const back = this.#savepoint();
    try {
      this.#applyDrafts(entries, verdicts);
      this.#statements.release.run();
      return entries.map((entry, index) => () => entry.resolve(verdicts[index] as never));
    } catch (error) {
      back();
      if (entries.length > 1 && !isOfStorage(error)) return entries.flatMap((entry) => this.#runDrafts([entry]));
      return entries.map((entry) => () => entry.reject(isOfStorage(error) ? asUnavailable(error) : error));
    }
  }

  /** What is written from here on can be taken back without the rest of the batch. */
  #savepoint(): () => void {
    const mark = this.#hooks.mark();
    this.#statements.savepoint.run();
    return () => {
      this.#statements.back.run();
      this.#statements.release.run();
      this.#hooks.backTo(mark);
    };
  }

  #begin(): void {
    this.#statements.begin.run();
  }

  #commit(entries: readonly Entry[]): boolean {
    try {
      this.#statements.commit.run();
    } catch (error) {
      this.#rollback();
      for (const entry of entries) entry.reject(asUnavailable(error));
      return false;
    }
    this.#hooks.committed();
    return true;
  }

  #rollback(): void {
    try {
      this.#statements.rollback.run();
    } catch {
      // SQLite has already rolled back by itself (a full disk), or the transaction never began.
    }
    this.#hooks.rolledBack();
  }
}

/** The drafts that follow one another from here on. */
function draftsFrom(entries: readonly Entry[], start: number): DraftEntry[] {
  const drafts: DraftEntry[] = [];
  for (let at = start, entry = entries[at]; entry?.kind === 'draft'; entry = entries[at]) {
    drafts.push(entry);
    at += 1;
  }
  return drafts;
}

/** SQLite's result codes for what is wrong with the file and no draft's fault: trying again would only take as long again. */
const storageCodes = new Set([5, 6, 7, 8, 10, 11, 13, 14]);

/** Busy, locked, out of memory, read-only, input or output, corrupt, full, cannot open (https://sqlite.org/rescode.html). */
const isOfStorage = (error: unknown): boolean =>
  error instanceof Error && 'errcode' in error && storageCodes.has(Number(error.errcode) & 0xff);

const asUnavailable = (error: unknown): Refusal =>
  new Refusal(commonErrors.UNAVAILABLE, { message: 'The change could not be stored, please retry', cause: error });

/**
 * Runs an act that may await the database only. Its statements run at once, so it ends before the event loop turns; if
 * the loop turns first, the act awaits something else, and the next caller's statements would get into its savepoint.
 */
async function withoutTurning<Result>(act: () => Promise<Result>): Promise<Result> {
  let turned: NodeJS.Immediate | undefined;
  const overstayed = new Promise<never>((_, reject) => {
    turned = setImmediate(() =>
      reject(new Error('A function in a transaction awaited something other than the database; it was rolled back')),
    );
  });
  try {
    return await Promise.race([act(), overstayed]);
  } finally {
    clearImmediate(turned);
  }
}
