/** How long something is remembered, in milliseconds: longer than any handshake takes. */
const remembered = 60_000;

/** What happened lately, by key; a handshake that began before it looks here when it ends. */
export class Lately<Value> {
  /** In the order of `at`. */
  readonly #known = new Map<string, { value: Value; at: number }>();

  note(key: string, value: Value): void {
    const at = Date.now();
    this.#known.delete(key);
    this.#known.set(key, { value, at });
    for (const [old, known] of this.#known) {
      if (at - known.at < remembered) return;
      this.#known.delete(old);
    }
  }

  get(key: string): Value | undefined {
    return this.#known.get(key)?.value;
  }
}
