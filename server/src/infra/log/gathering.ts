import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { ConnectionLost } from '../sql/sql.ts';

type Waiting<Draft, Verdict> = {
  draft: Draft;
  resolve: (verdict: Verdict) => void;
  reject: (error: unknown) => void;
};

/** Drafts of one set at the most. */
const setLimit = 500;
/** Drafts that may wait for a set; the next is refused at once: a database that says nothing must not fill the memory. */
const waitingLimit = 10_000;
/** Sets under way: while one is being handed out here, the database writes the other. */
const setsAtOnce = 2;

/**
 * Gathers drafts while a set is being written, and writes the next set when it has ended: the slower the disk, the larger
 * the sets. A set that fails is tried again one by one, so that a draft that breaks it fails alone. A set whose
 * connection broke may have been committed: it is written once more as it is, and `write` must know its drafts again. A
 * set that the database refuses for the moment (a lock, too little of something) is refused at once: each of its drafts
 * would wait as long.
 */
export class Gathering<Draft, Verdict> {
  readonly #write: (drafts: readonly Draft[]) => Promise<Verdict[]>;
  #waiting: Waiting<Draft, Verdict>[] = [];
  readonly #running = new Set<Promise<void>>();
  #scheduled = false;

  constructor(write: (drafts: readonly Draft[]) => Promise<Verdict[]>) {
    this.#write = write;
  }

  submit(draft: Draft): Promise<Verdict> {
    if (this.#waiting.length >= waitingLimit) return Promise.reject(new Refusal(commonErrors.UNAVAILABLE));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ draft, resolve, reject });
      this.#schedule();
    });
  }

  async idle(): Promise<void> {
    while (this.#scheduled || this.#running.size > 0) {
      await (this.#running.size > 0 ? Promise.race(this.#running) : new Promise((resolve) => setImmediate(resolve)));
    }
  }

  #schedule(): void {
    if (this.#scheduled || this.#running.size >= setsAtOnce || this.#waiting.length === 0) return;
    this.#scheduled = true;
    // What arrives in this turn of the event loop belongs to one set.
    setImmediate(() => {
      this.#scheduled = false;
      const before = [...this.#running].at(-1);
      const writing = this.#writeSet(this.#waiting.splice(0, setLimit), before).finally(() => {
        this.#running.delete(writing);
        this.#schedule();
      });
      this.#running.add(writing);
    });
  }

  async #writeSet(set: readonly Waiting<Draft, Verdict>[], before: Promise<void> | undefined): Promise<void> {
    try {
      await this.#settle(set);
    } catch (error) {
      if (!(error instanceof ConnectionLost)) return this.#refuse(set, error);
      // Both sets under way have lost it, and must keep their order.
      await before;
      await this.#settle(set).catch((again) => {
        // There is no database now: those behind would each wait as long to hear the same.
        if (again instanceof ConnectionLost) for (const { reject } of this.#waiting.splice(0)) reject(again);
        return this.#refuse(set, again);
      });
    }
  }

  async #settle(set: readonly Waiting<Draft, Verdict>[]): Promise<void> {
    const verdicts = await this.#write(set.map(({ draft }) => draft));
    set.forEach(({ resolve }, index) => {
      resolve(verdicts[index] as Verdict);
    });
  }

  async #refuse(set: readonly Waiting<Draft, Verdict>[], error: unknown): Promise<void> {
    if (set.length === 1 || error instanceof Refusal) for (const { reject } of set) reject(error);
    else for (const waiting of set) await this.#writeSet([waiting], undefined);
  }
}
