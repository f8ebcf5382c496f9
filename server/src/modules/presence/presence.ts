import type { Signal } from '../../infra/delivery/signal.ts';
import type { Log } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock, Later } from '../../kernel/clock.ts';
import type { PublicProfile } from '../identity/index.ts';
import { type Audience, Audiences } from './audience.ts';
import { type PresenceChanged, presenceSignals } from './events.ts';
import { Hiding, type Pair } from './hiding.ts';
import { ProfileNews } from './profile-news.ts';
import { type Someone, type Standing, standingOf } from './standing.ts';
import { PresenceStore } from './store.ts';

export type PresenceOptions = {
  sql: Sql;
  log: Log;
  clock: Clock;
  later: Later;
  signal: (signal: Signal) => void;
  /** Between whom and an account there is a block, on either side; `undefined` when they are too many to be read. */
  blocksAround: (account: number) => Promise<ReadonlySet<number> | undefined>;
  isBlocked: (by: number, who: number) => Promise<boolean>;
  /** As whoever is not blocked sees an account; a deleted one has a name that says so. */
  publicProfile: (account: number) => Promise<PublicProfile | undefined>;
  /** Keeps when these accounts were last seen. */
  noteSeen: (accounts: readonly number[], at: number) => Promise<void>;
  onFailure: (error: unknown) => void;
  /** From the last connection's end until somebody is said to be gone, and between two changes of one account, in milliseconds. */
  delay: number;
};

/** How long those who were online before a restart have for coming back unnoticed, in milliseconds. */
const returnWithin = 30_000;
/** How often what was said is stored, in milliseconds: what a kill may have said once more. */
const saveEvery = 5_000;
/** How often it is stored that the server is alive, in milliseconds: what a kill may take from a `lastSeen`. */
const aliveEvery = 60_000;
/** Accounts that are taken from the list of those to tell before it is cut. */
const cutAfter = 1_024;
/** Accounts whose audience is looked for at a time. */
const tellersAtOnce = 8;

/**
 * Says who comes and goes to those who share a group of up to 200 members or a direct conversation, past the log. Coming
 * is said at once; going after a delay, so that a reconnection in between says nothing; and nothing is said of an account
 * twice within the delay. A restart of the server is such a reconnection for everybody.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #audiences: Audiences;
  readonly #hiding: Hiding;
  readonly #profiles: ProfileNews;
  readonly #store: PresenceStore;
  readonly #standings = new Map<number, Standing>();
  /** Whose change is not stored yet. */
  readonly #unsaved = new Map<number, Standing>();
  readonly #toTell: Standing[] = [];
  /** The next of `#toTell`: taking a crowd from the front of a list moves all that are behind each time. */
  #nextToTell = 0;
  #stopSaving = (): void => {};
  #stopWaiting = (): void => {};
  readonly #tellers = new Set<Promise<void>>();
  #savedAt = 0;
  #saving: Promise<void> | undefined;
  #closed = false;

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#audiences = new Audiences(options.sql, options.blocksAround);
    this.#hiding = new Hiding({ ...options, audiences: this.#audiences });
    this.#profiles = new ProfileNews({ ...options, audiences: this.#audiences });
    this.#store = new PresenceStore(options.sql, options.log);
  }

  /** Before anybody can connect: learns who was online when the server before this one ended. */
  async start(): Promise<void> {
    const { people, aliveAt } = await this.#store.load();
    for (const who of people) {
      this.#standings.set(who.account, standingOf(who, { connected: false, said: true, leftAt: aliveAt }));
    }
    this.#saveLater();
    this.#stopWaiting = this.#options.later(() => this.#missThoseAway(), returnWithin);
  }

  /** An account has its first live connection, or its last has ended. */
  note(who: Someone, connected: boolean): void {
    if (this.#closed) return;
    const known = this.#standings.get(who.account);
    const standing = known ?? standingOf(who, { connected, said: false, leftAt: 0 });
    standing.connected = connected;
    if (known === undefined) this.#standings.set(who.account, standing);
    if (connected) {
      if (!standing.said && standing.unrest === undefined) this.#say(standing);
      return;
    }
    standing.leftAt = this.#options.clock.now();
    if (standing.said) this.#rest(standing);
  }

  /** When the last connection of an account has ended; 0 when that is stored already, or it has none yet. */
  leftAt(account: number): number {
    return (this.#standings.get(account) ?? this.#unsaved.get(account))?.leftAt ?? 0;
  }

  /** An account has blocked another one, or no longer does: for each of them the other has gone, or come. */
  async show(account: number, { to, shown }: { to: number; shown: boolean }): Promise<void> {
    const pairs: Pair[] = [];
    for (const [one, other] of [
      [account, to],
      [to, account],
    ] as const) {
      const standing = this.#standings.get(one);
      if (standing === undefined) continue;
      standing.blockChanges += 1;
      pairs.push({ standing, to: other });
    }
    await this.#hiding.take(pairs, { by: account, shown });
  }

  /** An account has another name, picture or status message, or is deleted. */
  tellProfile(account: number): void {
    if (!this.#closed) this.#profiles.tell(account);
  }

  /** Before the connections are closed: that the server ends says nothing about who is there. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopSaving();
    this.#stopWaiting();
    for (const { unrest } of this.#standings.values()) unrest?.();
    await Promise.all([this.#hiding.close(), this.#profiles.close()]);
    this.#toTell.length = 0;
    this.#nextToTell = 0;
    await Promise.all(this.#tellers);
    await this.#saving;
    await this.#save();
  }

  /** Nothing more is said until the delay is over; then what is so by then. */
  #rest(standing: Standing): void {
    standing.unrest?.();
    standing.unrest = this.#options.later(() => this.#settle(standing), this.#options.delay);
  }

  #settle(standing: Standing): void {
    standing.unrest = undefined;
    if (standing.connected !== standing.said) this.#say(standing);
    else if (standing.told !== standing.said) {
      // It still waits for its turn, or whom to tell could not be read.
      this.#rest(standing);
      this.#queue(standing);
    } else if (!standing.connected) this.#standings.delete(standing.who.account);
  }

  #say(standing: Standing): void {
    standing.said = standing.connected;
    this.#unsaved.set(standing.who.account, standing);
    this.#rest(standing);
    this.#queue(standing);
  }

  #queue(standing: Standing): void {
    if (standing.queued) return;
    standing.queued = true;
    this.#toTell.push(standing);
    if (this.#tellers.size === tellersAtOnce) return;
    const teller = this.#tell().finally(() => this.#tellers.delete(teller));
    this.#tellers.add(teller);
  }

  /** Takes one after the other until there is none; gives way to other work after each. */
  async #tell(): Promise<void> {
    for (let standing = this.#next(); standing !== undefined; standing = this.#next()) {
      await this.#signal(standing).catch(this.#options.onFailure);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #next(): Standing | undefined {
    const standing = this.#toTell[this.#nextToTell];
    this.#nextToTell += 1;
    if (standing === undefined || this.#nextToTell === cutAfter) {
      this.#toTell.splice(0, this.#nextToTell);
      this.#nextToTell = 0;
    }
    return standing;
  }

  async #signal(standing: Standing): Promise<void> {
    try {
      const { topics, except } = await this.#audienceOf(standing);
      // Looked at last: it may have changed once more meanwhile, and then there is nothing to say.
      const online = standing.said;
      if (this.#closed || online === standing.told) return;
      standing.told = online;
      const type = online ? presenceSignals.online : presenceSignals.offline;
      const body: PresenceChanged = { userId: standing.who.id };
      if (topics.length > 0) this.#options.signal({ topics, type, body, except });
    } finally {
      standing.queued = false;
    }
  }

  /** Who is to hear of what is so when the answer comes: read again for what changes while it is read. */
  async #audienceOf(standing: Standing): Promise<Audience> {
    for (;;) {
      const { said, blockChanges } = standing;
      // Whoever hears that somebody has gone may ask since when.
      if (!said) await this.#saveWhatChanged();
      const audience = await this.#audiences.of(standing.who.account);
      if (this.#closed || (said === standing.said && blockChanges === standing.blockChanges)) return audience;
    }
  }

  #missThoseAway(): void {
    for (const standing of this.#standings.values()) {
      if (!standing.connected && standing.said && standing.unrest === undefined) this.#say(standing);
    }
  }

  #saveLater(): void {
    this.#stopSaving = this.#options.later(() => {
      void this.#saveWhatChanged();
      this.#saveLater();
    }, saveEvery);
  }

  /** What cannot be stored waits for the next time. */
  async #saveWhatChanged(): Promise<void> {
    const { clock, onFailure } = this.#options;
    // A save under way may have begun before the change that is asked for.
    await this.#saving;
    if (this.#unsaved.size === 0 && clock.now() - this.#savedAt < aliveEvery) return;
    this.#saving ??= this.#save()
      .catch(onFailure)
      .finally(() => {
        this.#saving = undefined;
      });
    await this.#saving;
  }

  async #save(): Promise<void> {
    const now = this.#options.clock.now();
    const taken = [...this.#unsaved.values()].map((standing) => ({ standing, online: standing.said }));
    const bySecond = new Map<number, number[]>();
    for (const { standing, online } of taken) {
      if (online) continue;
      const second = standing.leftAt - (standing.leftAt % 1_000);
      const accounts = bySecond.get(second);
      if (accounts === undefined) bySecond.set(second, [standing.who.account]);
      else accounts.push(standing.who.account);
    }
    for (const [second, accounts] of bySecond) await this.#options.noteSeen(accounts, second);
    const changes = taken.map(({ standing, online }) => ({ account: standing.who.account, online }));
    await this.#store.save(changes, now);
    this.#savedAt = now;
    for (const { standing, online } of taken) {
      const { account } = standing.who;
      if (standing.said === online && this.#unsaved.get(account) === standing) this.#unsaved.delete(account);
    }
  }
}
