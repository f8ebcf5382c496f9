import type { Draft } from './store.ts';

/** Where a message goes, once it is known that its sender may write there. */
export type Place = Readonly<{ conversation: number; receiver: number | null; group: number | null }>;

/** Senders whose last place is remembered; when there are more, all are forgotten. */
const rememberedSenders = 50_000;

/**
 * Where each sender last wrote, and still may: whoever writes mostly goes on writing to the same place. Whoever keeps
 * this forgets all of it when anything changes that could change that: a deleted account, a block, a membership.
 */
export class LastPlaces {
  readonly #bySender = new Map<number, { id: string; place: Place }>();

  of({ sender, target }: Draft): Place | undefined {
    const last = this.#bySender.get(sender);
    if (last?.id !== target.id || (last.place.group === null) !== (target.kind === 'direct')) return undefined;
    return last.place;
  }

  /** `id`: the public one of the receiver or the group. */
  note(sender: number, id: string, place: Place): void {
    if (this.#bySender.get(sender)?.id === id) return;
    if (this.#bySender.size >= rememberedSenders) this.#bySender.clear();
    this.#bySender.set(sender, { id, place });
  }

  forget(): void {
    this.#bySender.clear();
  }
}
