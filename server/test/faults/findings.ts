/** A message as history showed it. `key` is the sender's clientId, which every run also writes into the content. */
export type Row = Readonly<{ id: string; key: string; clientId: string | undefined }>;

/** One send, however often it was repeated. The ticks come from one counter, so they tell what was before what. */
export type Send = {
  readonly key: string;
  readonly conversation: string;
  readonly sender: string;
  readonly sentAt: number;
  acknowledgedAt: number | undefined;
  readonly ids: Set<string>;
};

/** What one socket saw over all its connections. */
export type Reader = {
  readonly name: string;
  readonly conversations: readonly string[];
  readonly seen: { key: string; id: string; conversation: string }[];
  lastSeq: number;
  backwards: number;
  connections: number;
  unrecovered: number;
};

export type Fault =
  | 'acknowledged but not in history'
  | 'twice in history'
  | 'acknowledged with two ids, or not the id in history'
  | 'in history but never sent'
  | 'clientId in history is not its own'
  | 'history contradicts the order of sends'
  | 'shown but not in history'
  | 'missed by a reader'
  | 'twice at a reader'
  | 'out of order at a reader'
  | 'offset went backwards at a reader'
  | 'reconnected without being recovered'
  | 'refused';

/** How often each fault was seen, and the first few of each. */
export class Findings {
  readonly #found = new Map<Fault, { count: number; examples: string[] }>();

  add(fault: Fault, example: string, count = 1): void {
    if (count === 0) return;
    const entry = this.#found.get(fault) ?? { count: 0, examples: [] };
    entry.count += count;
    if (entry.examples.length < 3) entry.examples.push(example);
    this.#found.set(fault, entry);
  }

  count(fault: Fault): number {
    return this.#found.get(fault)?.count ?? 0;
  }

  /** A count with examples, for people. */
  tell(fault: Fault): string {
    const entry = this.#found.get(fault);
    return entry === undefined ? '0' : `${entry.count}, such as ${entry.examples.join(' | ')}`;
  }

  get faults(): readonly Fault[] {
    return [...this.#found.keys()];
  }
}
