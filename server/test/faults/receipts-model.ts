/** What receipts must lead to, worked out without a database: the run holds the server against it. */

export type Status = 'SENT' | 'DELIVERED' | 'SEEN';
export const statuses = ['SENT', 'DELIVERED', 'SEEN'] as const;
export const isStatus = (value: unknown): value is Status => statuses.some((status) => status === value);
export const isLess = (one: Status, other: Status): boolean => statuses.indexOf(one) < statuses.indexOf(other);
const higher = (one: Status, other: Status): Status => (isLess(one, other) ? other : one);

/** What an act on a message answers: it is done, not allowed, or there is nothing. */
export type Answer = 'done' | 'FORBIDDEN' | 'NOT_FOUND';
export type Receipt = 'delivered' | 'seen';
export type Kind = 'direct' | 'PRIVATE' | 'PUBLIC' | 'SECRET';

export type Said = {
  readonly id: string;
  readonly place: Place;
  /** How many were said in this place up to and with this one. */
  readonly position: number;
  readonly sender: number;
  /** What it was when it was sent, before any receipt. */
  readonly stored: Status;
  deleted: boolean;
};

type Marks = { delivered: number; seen: number };

const nothing: Marks = { delivered: 0, seen: 0 };
const statusAt = ({ delivered, seen }: Marks, position: number): Status => {
  if (seen >= position) return 'SEEN';
  return delivered >= position ? 'DELIVERED' : 'SENT';
};

/** The server looks for the last message of others among so many. */
const newest = 50;

/** A direct conversation or a group, with the marks of everybody in it. People are numbers. */
export class Place {
  readonly kind: Kind;
  /** The group's id; empty for a direct conversation. */
  readonly id: string;
  readonly said: Said[] = [];
  readonly #marks = new Map<number, Marks>();
  #hushed = false;

  constructor(kind: Kind, id: string, people: readonly number[]) {
    this.kind = kind;
    this.id = id;
    for (const person of people) this.#marks.set(person, { ...nothing });
  }

  get members(): readonly number[] {
    return [...this.#marks.keys()];
  }

  has(person: number): boolean {
    return this.#marks.has(person);
  }

  say(message: Pick<Said, 'id' | 'sender' | 'stored'>): void {
    this.said.push({ ...message, place: this, position: this.said.length + 1, deleted: false });
  }

  /** One of the two has blocked the other: from here on no sender is shown what the other does. */
  hush(): void {
    this.#hushed = true;
  }

  /** What was said before somebody came waits for nobody. */
  join(person: number): void {
    this.#marks.set(person, { delivered: this.said.length, seen: this.said.length });
  }

  leave(person: number): void {
    this.#marks.delete(person);
  }

  /** A receipt for one message, and with it for all before it. */
  mark(person: number, message: Said, receipt: Receipt): Answer {
    const refused = this.#refuse(person, message);
    if (refused !== undefined) return refused;
    this.#raise(person, message.position, receipt);
    return 'done';
  }

  markAll(person: number): Answer {
    if (!this.has(person) && this.kind !== 'PUBLIC') return this.kind === 'SECRET' ? 'NOT_FOUND' : 'FORBIDDEN';
    const last = this.said
      .slice(-newest)
      .filter(({ deleted, sender }) => !deleted && sender !== person)
      .at(-1);
    if (last === undefined) return 'done';
    if (!this.has(person)) return 'FORBIDDEN';
    this.#raise(person, last.position, 'seen');
    return 'done';
  }

  /** What this reader is shown; undefined when they may not read it. */
  shownTo(person: number, message: Said): Status | undefined {
    if (message.deleted || !(this.has(person) || this.kind === 'PUBLIC')) return undefined;
    if (this.#hushed && message.sender === person) return message.stored;
    if (this.kind === 'direct' || message.sender === person) return higher(message.stored, this.#byAll(message));
    const own = this.#marks.get(person);
    return own === undefined ? message.stored : statusAt(own, message.position);
  }

  #refuse(person: number, { deleted, sender }: Said): Answer | undefined {
    if (deleted) return 'NOT_FOUND';
    if (!this.has(person)) return this.kind === 'PUBLIC' ? 'FORBIDDEN' : 'NOT_FOUND';
    return sender === person ? 'FORBIDDEN' : undefined;
  }

  #raise(person: number, position: number, receipt: Receipt): void {
    const marks = this.#marks.get(person) ?? nothing;
    const seen = receipt === 'seen' ? position : 0;
    this.#marks.set(person, {
      delivered: Math.max(marks.delivered, position),
      seen: Math.max(marks.seen, seen),
    });
  }

  /** What everybody but the sender has done. */
  #byAll({ sender, position }: Said): Status {
    const others = [...this.#marks]
      .filter(([person]) => person !== sender)
      .map(([, marks]) => statusAt(marks, position));
    return others.length === 0 ? 'SENT' : others.reduce((least, one) => (isLess(one, least) ? one : least));
  }
}
