import type { Signal } from '../../infra/delivery/signal.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { PublicProfile } from '../identity/index.ts';
import type { Audiences } from './audience.ts';
import { presenceSignals } from './events.ts';

type ProfileNewsOptions = {
  signal: (signal: Signal) => void;
  /** As whoever is not blocked sees an account; a deleted one has a name that says so. */
  publicProfile: (account: number) => Promise<PublicProfile | undefined>;
  onFailure: (error: unknown) => void;
  audiences: Audiences;
};

/**
 * Tells what has become of a profile, past the log: to the account's own connections and to those who hear of its comings and
 * goings. Of several changes while one is being told, the last is told.
 */
export class ProfileNews {
  readonly #options: ProfileNewsOptions;
  /** Accounts that are being told of. */
  readonly #telling = new Map<number, Promise<void>>();
  /** Those that have changed once more meanwhile. */
  readonly #changed = new Set<number>();

  constructor(options: ProfileNewsOptions) {
    this.#options = options;
  }

  tell(account: number): void {
    this.#changed.add(account);
    if (this.#telling.has(account)) return;
    this.#telling.set(account, this.#tellAll(account).catch(this.#options.onFailure));
  }

  /** Waits for what is being told. */
  async close(): Promise<void> {
    await Promise.all(this.#telling.values());
  }

  async #tellAll(account: number): Promise<void> {
    const { audiences, publicProfile, signal } = this.#options;
    try {
      while (this.#changed.delete(account)) {
        const body = await publicProfile(account);
        if (body === undefined) continue;
        // Read last: it says whether somebody is there, which is not for who was blocked just now.
        const { topics, except } = await audiences.of(account);
        const others = except.filter((one) => one !== account);
        const all = [topicOf('user', account), ...topics];
        signal({ topics: all, type: presenceSignals.profile, body, except: others });
      }
    } finally {
      this.#telling.delete(account);
    }
  }
}
