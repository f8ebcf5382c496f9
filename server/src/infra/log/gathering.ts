type Waiting<Draft, Verdict> = {
  draft: Draft;
  resolve: (verdict: Verdict) => void;
  reject: (error: unknown) => void;
};

/** Drafts of one set; the next set gathers while this one is written. */
const setLimit = 500;

/**
 * Gathers drafts while a set is being written, and writes the next set when it has ended: the slower the disk, the larger
 * the sets. A set that fails is tried again one by one, so that a draft that breaks it fails alone; a draft's own key
 * makes that safe even when the failure came after the commit.
 */
export class Gathering<Draft, Verdict> {
  readonly #write: (drafts: readonly Draft[]) => Promise<Verdict[]>;
  #waiting: Waiting<Draft, Verdict>[] = [];
  #running: Promise<void> | undefined;

  constructor(write: (drafts: readonly Draft[]) => Promise<Verdict[]>) {
    this.#write = write;
  }

  submit(draft: Draft): Promise<Verdict> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ draft, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // What arrives in this turn of the event loop belongs to the first set.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#waiting.length > 0) {
      const set = this.#waiting.splice(0, setLimit);
      await this.#writeSet(set);
    }
    this.#running = undefined;
  }

  async #writeSet(set: readonly Waiting<Draft, Verdict>[]): Promise<void> {
    try {
      const verdicts = await this.#write(set.map(({ draft }) => draft));
      set.forEach(({ resolve }, index) => {
        resolve(verdicts[index] as Verdict);
      });
    } catch (error) {
      if (set.length === 1) set[0]?.reject(error);
      else for (const waiting of set) await this.#writeSet([waiting]);
    }
  }
}
