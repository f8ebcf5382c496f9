import type { Principal } from '../../kernel/principal.ts';
import type { Cursors } from '../log/cursors.ts';
import type { Delivery } from '../log/delivery.ts';
import { Feed } from '../log/feed.ts';
import type { Log } from '../log/log.ts';
import { formatOffset, parseOffset } from '../log/offset.ts';
import type { Replay } from '../log/replay.ts';
import { type Outlet, type Present, WireEvent } from '../log/wire-event.ts';
import type { Connection } from './sockets.ts';

/** Where a connection begins, decided before it is told that it is connected. */
export type Start = Readonly<{ cursor: number; recovered: boolean; limit: number }>;

/** How often quiet connections are told where the log stands, in milliseconds. */
const tellQuietEvery = 3_600_000;
/** Connections told in one turn of the event loop. */
const toldAtOnce = 1_000;

export type HubOptions = { log: Log; delivery: Delivery; replay: Replay; cursors: Cursors; replayMax: number };

/** Rows that a client without an offset gets as ordinary events; the rest is counted in `resync`. */
const withoutOffset = 1_000;

/** How long an ended session is remembered, in milliseconds: longer than any handshake takes. */
const rememberEnded = 60_000;

type Opening = { id: string; principal: Principal; outlet: Outlet; present: Present; start: Start };

/** All live connections of this node: begins them at the right row, and ends them when their session ends. */
export class Hub {
  readonly #log: Log;
  readonly #delivery: Delivery;
  readonly #replay: Replay;
  readonly #cursors: Cursors;
  readonly #replayMax: number;
  readonly #bySession = new Map<string, Map<Connection, (reason: string) => void>>();
  /** Sessions that ended lately, in order. */
  readonly #ended = new Map<string, number>();
  /** Live connections of each account, by its public id. */
  readonly #online = new Map<string, number>();

  readonly #timer: NodeJS.Timeout;
  #deliveredBefore: number;

  constructor({ log, delivery, replay, cursors, replayMax }: HubOptions) {
    this.#log = log;
    this.#delivery = delivery;
    this.#replay = replay;
    this.#cursors = cursors;
    this.#replayMax = replayMax;
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
    if (seq === undefined || seq > (await this.#log.head()) || seq < (await this.#log.floor())) return undefined;
    return seq;
  }

  /** `since`: an offset, `'now'`, or nothing: then the login session's own cursor counts. */
  async startFor(principal: Principal, since: unknown): Promise<Start> {
    const wanted = await this.resumable(since);
    if (wanted !== undefined && (await this.#withinReach(principal, wanted))) {
      return { cursor: wanted, recovered: true, limit: Number.POSITIVE_INFINITY };
    }
    const now = this.#delivery.delivered;
    if (since === 'now') return { cursor: now, recovered: false, limit: withoutOffset };
    const cursor = await this.#cursors.of(principal.session, principal.account);
    return { cursor: Math.min(Math.max(cursor, await this.#log.floor()), now), recovered: false, limit: withoutOffset };
  }

  /** Makes the connection, says `connected` and lets it catch up; `end` is how its transport is closed for good. */
  open({ id, principal, outlet, present, start }: Opening, end: (reason: string) => void): Connection {
    const reader = { account: principal.account, session: principal.session };
    const feed = new Feed({ reader, outlet, present, cursor: start.cursor });
    // A stock client takes a text at the end of any event for its offset: after one there must be ours.
    const emit = (event: string, data: unknown): void => {
      const offset = typeof data === 'string' ? this.offset(feed.cursor) : null;
      outlet.send(new WireEvent(event, JSON.stringify(data), offset));
    };
    const connection: Connection = { id, principal, feed, emit };
    this.#keep(connection, end);
    const data = {
      message: 'Successfully connected to WebSocket',
      userId: principal.id,
      socketId: id,
      recovered: start.recovered,
    };
    outlet.send(new WireEvent('connected', JSON.stringify(data), this.offset(start.cursor)));
    // Authentication and this moment are not one: the session may have ended in between, unheard by this connection.
    if (this.#ended.has(principal.sessionId)) setImmediate(() => end('The login session has ended'));
    void this.#replay.catchUp(feed, start.limit).then((skipped) => {
      if (skipped !== null)
        outlet.send(new WireEvent('resync', JSON.stringify({ missed: skipped.rows }), this.offset(feed.cursor)));
    });
    return connection;
  }

  /** Twice is as once. */
  close(connection: Connection): void {
    if (this.#bySession.get(connection.principal.sessionId)?.has(connection) !== true) return;
    this.#delivery.leave(connection.feed);
    this.#cursors.untrack(connection.feed);
    const { id, sessionId } = connection.principal;
    const left = (this.#online.get(id) ?? 1) - 1;
    if (left === 0) this.#online.delete(id);
    else this.#online.set(id, left);
    const kept = this.#bySession.get(sessionId);
    kept?.delete(connection);
    if (kept?.size === 0) this.#bySession.delete(sessionId);
  }

  /** Before all transports close: what is still written then reaches nobody for sure, and must not count as seen. */
  closeAll(): void {
    for (const connections of [...this.#bySession.values()]) for (const one of [...connections.keys()]) this.close(one);
  }

  /** Ends every connection of these login sessions on this node. */
  endSessions(sessionIds: readonly string[], reason: string): void {
    const now = Date.now();
    for (const id of sessionIds) {
      this.#ended.set(id, now);
      for (const end of [...(this.#bySession.get(id)?.values() ?? [])]) end(reason);
    }
    for (const [id, at] of this.#ended) {
      if (now - at < rememberEnded) break;
      this.#ended.delete(id);
    }
  }

  /** Lets every connection of an account come back, for what was decided when it connected has changed. */
  renew(account: number, reason: string): void {
    for (const feed of [...this.#delivery.feedsOf(account)]) feed.outlet.cut(reason);
  }

  /** Whether an account, by its public id, has a live connection here. */
  isOnline(id: string): boolean {
    return this.#online.has(id);
  }

  #keep(connection: Connection, end: (reason: string) => void): void {
    const { id, sessionId } = connection.principal;
    const kept = this.#bySession.get(sessionId) ?? new Map();
    kept.set(connection, end);
    this.#bySession.set(sessionId, kept);
    this.#online.set(id, (this.#online.get(id) ?? 0) + 1);
    this.#delivery.follow(connection.feed);
    this.#cursors.track(connection.feed);
  }

  async #withinReach(principal: Principal, cursor: number): Promise<boolean> {
    // Every row of the log together bounds what is theirs; only a long absence needs the count.
    if ((await this.#log.head()) - cursor <= this.#replayMax) return true;
    const intervals = await this.#log.intervals(principal.account, cursor);
    return (await this.#log.count(intervals, { after: cursor, limit: this.#replayMax + 1 })) <= this.#replayMax;
  }
}
