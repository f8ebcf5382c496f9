/** The last row of each account or topic, of those that had one lately. Rows come in order. */
export class LastRows {
  readonly #capacity: number;
  /** Whose row is the oldest comes first. */
  readonly #rows = new Map<number, number>();
  #forgotten = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** No row above this one has been forgotten. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Where a key's last row is not known it is not above `forgotten`. */
  of(key: number): number | undefined {
    return this.#rows.get(key);
  }

  note(key: number, seq: number): void {
    this.#rows.delete(key);
    this.#rows.set(key, seq);
    if (this.#rows.size > this.#capacity) this.#forgetOldest();
  }

  #forgetOldest(): void {
    const [oldest] = this.#rows;
    if (oldest === undefined) return;
    this.#rows.delete(oldest[0]);
    this.#forgotten = oldest[1];
  }

  /** Nothing is known of the rows up to here. */
  forgetTo(seq: number): void {
    this.#forgotten = Math.max(this.#forgotten, seq);
  }
}
