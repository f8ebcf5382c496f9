import type { Row } from '../log/log.ts';
import type { Signal } from './signal.ts';

/** How a connection ends. */
export type Last = Readonly<{ code: number; reason: string }>;

/**
 * What a row is on the wire of one door: encoded once by each transport, whose bytes lie here for all its sockets.
 * `offset` is what the client shall hold after it; `null` for what does not move the cursor.
 */
export class WireEvent {
  readonly event: string;
  /** The payload as JSON. */
  readonly json: string;
  readonly offset: string | null;
  /** Set: whoever gets this gets nothing behind it, and where its transport can say so it is closed with this code. */
  readonly last: Last | undefined;
  /** What each transport has made of it, for all its sockets. */
  socketIo: unknown = undefined;
  webSocket: unknown = undefined;

  constructor(event: string, json: string, offset: string | null, last?: Last) {
    this.event = event;
    this.json = json;
    this.offset = offset;
    this.last = last;
  }
}

/** Who reads: what a door may look at to choose the form of a row. */
export type Reader = Readonly<{ account: number; session: number }>;

/** Chooses the form for each reader, and makes each form once. */
export type Forms = (reader: Reader) => WireEvent | null;

/** A door's words. Called once a row or signal; `null`: it is nothing on this door's wire. */
export type Words = Readonly<{
  row(row: Row, offset: string): Forms | null;
  /** The event has no offset. */
  signal(signal: Signal): Forms | null;
}>;

/** A connection as the log sees it. */
export interface Outlet {
  send(event: WireEvent): void;
  /** Bytes that wait for this client, in this process. */
  buffered(): number;
  /** True when the client has taken what was sent; false when nothing has moved for 30 seconds, or it is gone. */
  drained(): Promise<boolean>;
  /** Ends the connection in a way after which a stock client comes back. */
  cut(reason: string): void;
}

/** Collects what is written in one turn, so that each socket is written once; released when the turn's work is done. */
export interface Gate {
  hold(): void;
}
