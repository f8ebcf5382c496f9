import type { Signal } from '../../infra/delivery/signal.ts';
import type { Limits, Rule } from '../../infra/limits/limits.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { idOf } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { presenceErrors } from './errors.ts';
import { presenceSignals, type TypingChanged } from './events.ts';
import { type TypingPlace, toldUpTo } from './schema.ts';

export type TypingOptions = {
  limits: Limits;
  rate: Readonly<{ count: number; seconds: number }>;
  signal: (signal: Signal) => void;
  /** The internal number of an account that exists. */
  findAccount: (id: string) => Promise<{ account: number } | undefined>;
  isBlocked: (by: number, who: number) => Promise<boolean>;
  /** Between whom and an account there is a block, on either side; `undefined` when they are too many to be read. */
  blocksAround: (account: number) => Promise<ReadonlySet<number> | undefined>;
  /** A group of this account and how many members it has; refuses as groups do where it is none of theirs. */
  membership: (principal: Principal, groupId: string) => Promise<{ group: number; members: number }>;
};

/**
 * Where somebody types, once it is known that they may, and who there must not hear of it. In a large group nobody does.
 */
type Place = Readonly<{ topic: number | null; groupId: string | null; except: readonly number[] }>;

/** Places that are remembered: whoever types goes on typing to the same place. */
const rememberedPlaces = 10_000;
/** Accounts that must not hear of it, in a place that is remembered: with all who may be blocked, places would take a GB. */
const rememberedExcept = 200;

/** Tells those in a conversation who is typing in it, past the log. */
export class Typing {
  readonly #options: TypingOptions;
  readonly #rule: Rule;
  #places = new Map<string, Place>();

  constructor(options: TypingOptions) {
    this.#options = options;
    this.#rule = { name: 'typing', ...options.rate };
  }

  /**
   * Tells everybody else who reads the conversation and has a live connection; in a group of more than 200 members,
   * nobody. Refuses: RATE_LIMITED, NO_TARGET, RECEIVER_NOT_FOUND, BLOCKED, BLOCKING, and what groups refuse.
   */
  async tell(principal: Principal, place: TypingPlace, typing: boolean): Promise<void> {
    const taken = await this.#options.limits.take(this.#rule, String(principal.account));
    if (!taken.allowed) throw new Refusal(commonErrors.RATE_LIMITED);
    const { topic, groupId, except } = await this.#placeOf(principal, place);
    if (topic === null) return;
    const body: TypingChanged = { userId: principal.id, groupId };
    const type = typing ? presenceSignals.typingStarted : presenceSignals.typingStopped;
    this.#options.signal({ topics: [topic], type, body, except });
  }

  /** Somebody has entered or left a group, or blocked somebody: what was allowed may not be any more. */
  forget(): void {
    this.#places = new Map();
  }

  async #placeOf(principal: Principal, { groupId, receiverId }: TypingPlace): Promise<Place> {
    const target = groupId ?? receiverId;
    if (target == null) throw new Refusal(presenceErrors.NO_TARGET);
    const places = this.#places;
    const key = `${principal.account} ${groupId == null ? 'user' : 'group'} ${target}`;
    const known = places.get(key);
    if (known !== undefined) return known;
    const found = groupId == null ? await this.#direct(principal, target) : await this.#group(principal, target);
    if (found.except.length > rememberedExcept) return found;
    // Put where nobody looks if it was forgotten meanwhile: what was read may be older than that.
    if (places.size >= rememberedPlaces) places.clear();
    places.set(key, found);
    return found;
  }

  async #direct({ account }: Principal, receiverId: string): Promise<Place> {
    const { findAccount, isBlocked } = this.#options;
    const receiver = await findAccount(receiverId);
    if (receiver === undefined) throw new Refusal(presenceErrors.RECEIVER_NOT_FOUND);
    if (await isBlocked(account, receiver.account)) throw new Refusal(presenceErrors.BLOCKING);
    if (await isBlocked(receiver.account, account)) throw new Refusal(presenceErrors.BLOCKED);
    return { topic: topicOf('user', receiver.account), groupId: null, except: [account] };
  }

  async #group(principal: Principal, groupId: string): Promise<Place> {
    const { group, members } = await this.#options.membership(principal, groupId);
    const nowhere = { topic: null, groupId: idOf(groupId) ?? groupId, except: [] };
    if (members > toldUpTo) return nowhere;
    // Who is blocked must not learn from a shared group that somebody is there just now, and who blocks wants to hear nothing.
    const blocked = await this.#options.blocksAround(principal.account);
    if (blocked === undefined) return nowhere;
    return { ...nowhere, topic: topicOf('group', group), except: [principal.account, ...blocked] };
  }
}
