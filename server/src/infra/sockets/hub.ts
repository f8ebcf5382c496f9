import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Cursors } from '../delivery/cursors.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { Feed } from '../delivery/feed.ts';
import type { Replay } from '../delivery/replay.ts';
import { type Outlet, WireEvent } from '../delivery/wire-event.ts';
import type { Log } from '../log/log.ts';
import { formatOffset, parseOffset } from '../log/offset.ts';
import { Lately } from './lately.ts';
import type { Connection, Greeting, SocketDoor, Told } from './sockets.ts';

/** Where a connection begins, decided before it is told that it is connected. */
export type Start = Readonly<{ cursor: number; recovered: boolean; limit: number }>;

/** How often quiet connections are told where the log stands, in milliseconds. */
const tellQuietEvery = 3_600_000;
/** Connections told in one turn of the event loop. */
const toldAtOnce = 1_000;

export type HubOptions = {
  log: Log;
  delivery: Delivery;
  replay: Replay;
  cursors: Cursors;
  replayMax: number;
  /** Live connections that one account may have. */
  perAccount: number;
};

/** Rows that a client without an offset gets as ordinary events; the rest is counted in `resync`. */
const withoutOffset = 1_000;

/** The longest that a timer of Node waits, in milliseconds: 24 days. */
const longestTimer = 2_147_483_647;

/** How a transport is closed for good, and the timer that does it when the proof of who is there has ended. */
type Kept = { end: (reason: string) => void; over: NodeJS.Timeout; partial: boolean };

const sessionEnded = 'The login session has ended';

type Door = Pick<SocketDoor, 'words' | 'greeting' | 'partial'>;
type Opening = {
  id: string;
  principal: Principal;
  outlet: Outlet;
  door: Door;
  start: Start;
  /** When it has caught up for the first time. */
  caughtUp?: (() => void) | undefined;
};

/** All live connections of this node: begins them at the right row, and ends them when their session ends. */
export class Hub {
  readonly #log: Log;
  readonly #delivery: Delivery;
  readonly #replay: Replay;
  readonly #cursors: Cursors;
  readonly #replayMax: number;
  readonly #perAccount: number;
  readonly #bySession = new Map<string, Map<Connection, Kept>>();
  /** Sessions that ended lately, and what accounts have become lately. */
  readonly #ended = new Lately<true>();
  readonly #roles = new Lately<{ role: string; reason: string }>();
  /** Live connections of each account, by its public id: those that make it online, and those that show one thing only. */
  readonly #online = new Map<string, number>();
  readonly #partial = new Map<string, number>();

  /** Called with the first live connection of an account on this node, and when its last has gone. */
  onOnline: (who: Principal, online: boolean) => void = () => {};
  /** The same for connections of any kind, those that show one thing only among them. */
  onConnected: (who: Principal, connected: boolean) => void = () => {};
  readonly #timer: NodeJS.Timeout;
  #deliveredBefore: number;

  constructor({ log, delivery, replay, cursors, replayMax, perAccount }: HubOptions) {
    this.#log = log;
    this.#delivery = delivery;
    this.#replay = replay;
    this.#cursors = cursors;
    this.#replayMax = replayMax;
    this.#perAccount = perAccount;
    this.#deliveredBefore = delivery.delivered;
    this.#timer = setInterval(() => void this.tellQuiet(), tellQuietEvery);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /**
   * Tells connections that have heard nothing since the last time where the log stands (`cursor`): else the offset of a
   * quiet client would age until retention has passed it.
   */
  async tellQuiet(): Promise<void> {
    const before = this.#deliveredBefore;
    this.#deliveredBefore = this.#delivery.delivered;
    let told = 0;
    for (const connections of [...this.#bySession.values()]) {
      for (const { feed } of connections.keys()) {
        const now = this.#delivery.delivered;
        if (!feed.live || feed.cursor > before || feed.cursor === now) continue;
        feed.cursor = now;
        feed.outlet.send(new WireEvent('cursor', '{}', this.offset(now)));
        told += 1;
        if (told % toldAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  offset(seq: number): string {
    return formatOffset(this.#log.epoch, seq);
  }

  /** The row after which a client wants to go on, when the log can still serve it. */
  async resumable(offset: unknown): Promise<number | undefined> {
    const seq = parseOffset(this.#log.epoch, offset);
    if (seq === undefined || seq < this.#log.floor()) return undefined;
    // What has been delivered is there; only for more is the log asked.
    return seq <= this.#delivery.delivered || seq <= (await this.#log.head()) ? seq : undefined;
  }

  /**
   * `since`: an offset, `'now'`, or nothing: then the login session's own cursor counts, as for an offset that cannot be
   * served; for a connection that is `partial` that is now.
   */
  async startFor(principal: Principal, since: unknown, partial = false): Promise<Start> {
    const wanted = await this.resumable(since);
    if (wanted !== undefined && (await this.#withinReach(principal, wanted))) {
      return { cursor: wanted, recovered: true, limit: Number.POSITIVE_INFINITY };
    }
    const now = this.#delivery.delivered;
    if (since === 'now' || partial) return { cursor: now, recovered: false, limit: withoutOffset };
    const cursor = await this.#cursors.of(principal.session, principal.account);
    return { cursor: Math.min(Math.max(cursor, this.#log.floor()), now), recovered: false, limit: withoutOffset };
  }

  /** Makes the connection, greets it and lets it catch up; `end` is how its transport is closed for good. */
  open({ id, principal, outlet, door, start, caughtUp }: Opening, end: (reason: string) => void): Connection {
    const reader = { account: principal.account, session: principal.session };
    const onCut = (): void => this.close(connection);
    const { words, greeting, partial = false } = door;
    const feed = new Feed({ reader, outlet, words, cursor: start.cursor, onCut });
    // A stock client takes a text at the end of any event for its offset: after one there must be ours.
    const emit = (event: string, data: unknown): void => {
      const offset = typeof data === 'string' ? this.offset(feed.cursor) : null;
      outlet.send(new WireEvent(event, JSON.stringify(data), offset));
    };
    const connection: Connection = { id, principal, feed, emit };
    this.#keep(connection, { end, partial });
    if (this.#connectionsOf(principal.id) > this.#perAccount) {
      this.#refuse(connection, greeting, end);
      return connection;
    }
    const tell = ([event, data]: Told, seq: number): void =>
      outlet.send(new WireEvent(event, JSON.stringify(data), this.offset(seq)));
    tell(greeting.connected({ id, principal, recovered: start.recovered }), start.cursor);
    // Authentication and this moment are not one: what was revoked or changed in between was not heard here.
    if (this.#ended.get(principal.sessionId)) setImmediate(() => end(sessionEnded));
    const now = this.#roles.get(String(principal.account));
    if (now !== undefined && now.role !== principal.role) setImmediate(() => feed.cut(now.reason));
    void this.#replay.catchUp(feed, start.limit).then((skipped) => {
      if (skipped !== null) tell(greeting.resync(skipped.rows), feed.cursor);
      caughtUp?.();
    });
    return connection;
  }

  /** The newest goes: those that are there serve somebody. It is told why. */
  #refuse({ emit }: Connection, greeting: Greeting, end: (reason: string) => void): void {
    const message = `An account may have ${this.#perAccount} live connections at a time`;
    emit(...greeting.refused(new Refusal(commonErrors.RATE_LIMITED, { message })));
    setImmediate(() => end('Too many connections'));
  }

  /** Twice is as once. */
  close(connection: Connection): void {
    if (this.#bySession.get(connection.principal.sessionId)?.has(connection) !== true) return;
    this.#delivery.leave(connection.feed);
    this.#cursors.untrack(connection.feed);
    const { sessionId } = connection.principal;
    const kept = this.#bySession.get(sessionId);
    const partial = kept?.get(connection)?.partial === true;
    clearTimeout(kept?.get(connection)?.over);
    kept?.delete(connection);
    if (kept?.size === 0) this.#bySession.delete(sessionId);
    this.#count(connection.principal, partial, -1);
  }

  /** Before all transports close: what is still written then reaches nobody for sure, and must not count as seen. */
  closeAll(): void {
    for (const connections of [...this.#bySession.values()]) for (const one of [...connections.keys()]) this.close(one);
  }

  /** Ends every connection of these login sessions on this node. */
  endSessions(sessionIds: readonly string[], reason: string): void {
    for (const id of sessionIds) {
      this.#ended.note(id, true);
      for (const { end } of [...(this.#bySession.get(id)?.values() ?? [])]) end(reason);
    }
  }

  /** An account has another role: its connections must come back, also those whose handshake still knew the old one. */
  renew(account: number, role: string, reason: string): void {
    this.#roles.note(String(account), { role, reason });
    for (const feed of [...this.#delivery.feedsOf(account)]) feed.cut(reason);
  }

  /** Live connections here. */
  get connections(): number {
    let sum = 0;
    for (const counts of [this.#online, this.#partial]) for (const count of counts.values()) sum += count;
    return sum;
  }

  /** Whether an account, by its public id, has a live connection here that shows all that is for it. */
  isOnline(id: string): boolean {
    return this.#online.has(id);
  }

  /** Whether it has one of any kind. */
  isConnected(id: string): boolean {
    return this.#connectionsOf(id) > 0;
  }

  /** The public ids of all accounts with a live connection here. */
  onlineIds(): string[] {
    return [...this.#online.keys()];
  }

  #keep(connection: Connection, { end, partial }: Pick<Kept, 'end' | 'partial'>): void {
    const { sessionId, until } = connection.principal;
    const kept = this.#bySession.get(sessionId) ?? new Map<Connection, Kept>();
    // A timer each, at 400 bytes: clearing one is free, and an order of our own over 100,000 sockets would not be less.
    const over = setTimeout(() => end(sessionEnded), Math.min(until - Date.now(), longestTimer));
    over.unref();
    kept.set(connection, { end, over, partial });
    this.#bySession.set(sessionId, kept);
    this.#delivery.follow(connection.feed);
    if (!partial) this.#cursors.track(connection.feed);
    this.#count(connection.principal, partial, 1);
  }

  #count(who: Principal, partial: boolean, change: 1 | -1): void {
    const wasConnected = this.isConnected(who.id);
    const counts = partial ? this.#partial : this.#online;
    const before = counts.get(who.id) ?? 0;
    const now = before + change;
    if (now === 0) counts.delete(who.id);
    else counts.set(who.id, now);
    if (!partial && (before === 0 || now === 0)) this.onOnline(who, now > 0);
    if (wasConnected !== this.isConnected(who.id)) this.onConnected(who, !wasConnected);
  }

  #connectionsOf(id: string): number {
    return (this.#online.get(id) ?? 0) + (this.#partial.get(id) ?? 0);
  }

  async #withinReach(principal: Principal, cursor: number): Promise<boolean> {
    // Every row of the log together bounds what is theirs; only a long absence needs the count.
    if (this.#delivery.delivered - cursor <= this.#replayMax) return true;
    const intervals = await this.#log.intervals(principal.account, cursor);
    return (await this.#log.count(intervals, { after: cursor, limit: this.#replayMax + 1 })) <= this.#replayMax;
  }
}
