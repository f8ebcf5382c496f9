import type { Interval, Row } from '../log/log.ts';

/** The numbers of one topic, ascending; `start` moves instead of shifting a long array. */
type TopicRows = { seqs: number[]; start: number };

/** Changes below the floor of which it is known what they changed, at least. */
const knownChanges = 2_048;

/**
 * The last rows the delivery loop has passed, in memory and by topic, so that a restart of many clients does not touch
 * the database for each. Holds every row with `floor < seq <= head`.
 */
export class Recent {
  readonly #capacity: number;
  readonly #bytes: number;
  /** The row with number `seq` lies at `seq % capacity`. */
  readonly #rows: (Row | undefined)[] = [];
  readonly #byTopic = new Map<number, TopicRows>();
  #floor: number;
  #head: number;
  #held = 0;
  /** Rows by the row whose body they show again. */
  readonly #about = new Map<number, Set<number>>();
  /** Rows by the row that they say something of their own about. */
  readonly #sayingOf = new Map<number, Set<number>>();
  /** How many bodies below the floor have changed, and the last of these. */
  #changes = 0;
  #changed: number[] = [];
  /** What the row just below the floor would take, where that is known: what has just left needs not be loaded again. */
  #below = 0;

  /** `bytes` bounds the bodies: long messages are fewer. */
  constructor(head: number, { capacity = 65_536, bytes = 64 * 1_048_576 }: { capacity?: number; bytes?: number } = {}) {
    this.#capacity = capacity;
    this.#bytes = bytes;
    this.#floor = head;
    this.#head = head;
  }

  get floor(): number {
    return this.#floor;
  }

  get head(): number {
    return this.#head;
  }

  /** Whether everything after this cursor is here. */
  covers(cursor: number): boolean {
    return cursor >= this.#floor;
  }

  /** False when it is known that not everything after this cursor would find room. */
  couldCover(cursor: number): boolean {
    return this.#head - cursor <= this.#capacity && this.#held + this.#below <= this.#bytes;
  }

  push(row: Row): void {
    this.#held += row.size;
    if (this.#head - this.#floor >= this.#capacity) this.#evict();
    this.#makeRoom();
    this.#rows[row.seq % this.#capacity] = row;
    this.#head = row.seq;
    this.#noteAbout(row);
    this.#index(row.topic, row.seq);
    if (row.peer !== null && row.peer !== row.topic) this.#index(row.peer, row.seq);
  }

  /** How often a row that is not here may have become another than was read before. */
  get changes(): number {
    return this.#changes;
  }

  /** The body of a row, as far as it or one about it is here. */
  bodyOf(seq: number): unknown {
    return this.#showing(seq)[0]?.body;
  }

  /**
   * A row whose content has changed since: who reads it, or one about it, from here on reads the new one. `size` is what
   * it takes now; all who show it share one body, and each counts it, because any of them may be the last to leave.
   */
  replace(seq: number, body: unknown, size: number): void {
    if (seq <= this.#floor) this.#noteChange(seq);
    for (const row of this.#showing(seq)) {
      this.#rows[row.seq % this.#capacity] = { ...row, body, size, revised: true };
      this.#held += size - row.size;
    }
    this.#makeRoom();
  }

  /** The body of a row is gone, and with it what others show or say of it. */
  empty(seq: number, size: number): void {
    this.replace(seq, null, size);
    for (const place of this.#sayingOf.get(seq) ?? []) {
      const row = this.#rows[place % this.#capacity];
      if (row === undefined) continue;
      this.#rows[place % this.#capacity] = { ...row, body: null, size };
      this.#held += size - row.size;
    }
  }

  /**
   * Adds older rows, in order, that end at the floor: from the newest down, as far as they have no gap, find room and
   * are what they were when they were read: `changes` is what it was then. True when it took all of them, false also
   * when there are none.
   */
  extendDown(rows: readonly Row[], changes = this.#changes): boolean {
    const since = this.#changes - changes;
    if (since > this.#changed.length) return false;
    const changed = new Set(this.#changed.slice(this.#changed.length - since));
    const older = new Map<number, number[]>();
    for (const row of rows.toReversed()) {
      if (row.seq !== this.#floor || changed.has(row.about ?? row.seq) || !this.#takeBelow(row)) break;
      for (const topic of row.peer === null || row.peer === row.topic ? [row.topic] : [row.topic, row.peer]) {
        const seqs = older.get(topic);
        if (seqs === undefined) older.set(topic, [row.seq]);
        else seqs.push(row.seq);
      }
    }
    for (const [topic, seqs] of older) {
      const known = this.#byTopic.get(topic);
      const newer = known === undefined ? [] : known.seqs.slice(known.start);
      this.#byTopic.set(topic, { seqs: seqs.reverse().concat(newer), start: 0 });
    }
    const [oldest] = rows;
    return oldest !== undefined && oldest.seq > this.#floor;
  }

  /** Rows of these topics after the cursor, in order, each once. Only when `covers(after)`. */
  page(intervals: readonly Interval[], after: number, limit: number): Row[] {
    const found: number[] = [];
    for (const { topic, from, to } of intervals) {
      const known = this.#byTopic.get(topic);
      if (known !== undefined)
        collect(known, { after: Math.max(after, from - 1), upTo: to ?? this.#head, limit }, found);
    }
    found.sort((a, b) => a - b);
    const rows: Row[] = [];
    let last = 0;
    for (const seq of found) {
      if (seq === last) continue;
      if (rows.length === limit) break;
      last = seq;
      const row = this.#rows[seq % this.#capacity];
      if (row !== undefined) rows.push(row);
    }
    return rows;
  }

  #noteChange(seq: number): void {
    this.#changes += 1;
    this.#changed.push(seq);
    if (this.#changed.length >= 2 * knownChanges) this.#changed = this.#changed.slice(-knownChanges);
  }

  #makeRoom(): void {
    while (this.#head > this.#floor && this.#held > this.#bytes) this.#evict();
  }

  #takeBelow(row: Row): boolean {
    this.#below = row.size;
    if (!this.couldCover(row.seq - 1)) return false;
    this.#rows[row.seq % this.#capacity] = row;
    this.#held += row.size;
    this.#noteAbout(row);
    this.#floor = row.seq - 1;
    this.#below = 0;
    return true;
  }

  /** The row with this number and those about it, as far as they are here. */
  #showing(seq: number): Row[] {
    const places = [seq, ...(this.#about.get(seq) ?? [])].filter((place) => place > this.#floor && place <= this.#head);
    return places.flatMap((place) => this.#rows[place % this.#capacity] ?? []);
  }

  #noteAbout({ about, own, seq }: Row): void {
    if (about === undefined) return;
    const places = own === true ? this.#sayingOf : this.#about;
    const known = places.get(about);
    if (known === undefined) places.set(about, new Set([seq]));
    else known.add(seq);
  }

  #forgetAbout({ about, own, seq }: Row): void {
    if (about === undefined) return;
    const places = own === true ? this.#sayingOf : this.#about;
    const known = places.get(about);
    known?.delete(seq);
    if (known?.size === 0) places.delete(about);
  }

  #index(topic: number, seq: number): void {
    const known = this.#byTopic.get(topic);
    if (known === undefined) this.#byTopic.set(topic, { seqs: [seq], start: 0 });
    else known.seqs.push(seq);
  }

  #evict(): void {
    const slot = ++this.#floor % this.#capacity;
    const row = this.#rows[slot];
    if (row === undefined) return;
    this.#rows[slot] = undefined;
    this.#held -= row.size;
    this.#below = row.size;
    this.#forgetAbout(row);
    this.#forget(row.topic);
    if (row.peer !== null && row.peer !== row.topic) this.#forget(row.peer);
  }

  /** Drops the lowest number of a topic: rows leave in the order in which they came. */
  #forget(topic: number): void {
    const known = this.#byTopic.get(topic);
    if (known === undefined) return;
    known.start += 1;
    if (known.start === known.seqs.length) {
      this.#byTopic.delete(topic);
    } else if (known.start > 1_024 && known.start > known.seqs.length / 2) {
      known.seqs = known.seqs.slice(known.start);
      known.start = 0;
    }
  }
}

function collect(known: TopicRows, range: { after: number; upTo: number; limit: number }, found: number[]): void {
  let low = known.start;
  let high = known.seqs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((known.seqs[middle] ?? 0) <= range.after) low = middle + 1;
    else high = middle;
  }
  for (let index = low, taken = 0; index < known.seqs.length && taken < range.limit; index++, taken++) {
    const seq = known.seqs[index] ?? 0;
    if (seq > range.upTo) return;
    found.push(seq);
  }
}
