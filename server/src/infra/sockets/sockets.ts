import type { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Feed } from '../delivery/feed.ts';
import type { Words } from '../delivery/wire-event.ts';

/** One live connection of an account, whatever it speaks. */
export type Connection = Readonly<{
  id: string;
  principal: Principal;
  feed: Feed;
  /** To this connection only, around the log; does not move its cursor. */
  emit(event: string, data: unknown): void;
}>;

/**
 * What a client may ask. The result makes the `data` of its acknowledgement, and is called only when the client asked
 * for one; a `Refusal` becomes the door's error.
 */
export type EventHandler = (connection: Connection, input: unknown) => Promise<() => unknown>;

/** How a door turns a refusal into what its clients see; anything else must become a 500-like answer without details. */
export type WireError = Readonly<{ message: string; code: string }>;

/** An event to one connection, around the log. */
export type Told = readonly [event: string, data: object];

/** How a door begins with a connection. */
export type Greeting = Readonly<{
  connected(opening: Readonly<{ id: string; principal: Principal; recovered: boolean }>): Told;
  /** So many rows were missed and are not sent. */
  resync(missed: number): Told;
  /** In place of `connected`; then the connection is closed. */
  refused(refusal: Refusal): Told;
  /** The same for who is nobody: it says nothing about why. */
  unauthenticated: Told;
}>;

/** A door on sockets. Names that are not in `events` do not exist: nothing a client sends is ever looked up elsewhere. */
export type SocketDoor = Readonly<{
  events: ReadonlyMap<string, EventHandler>;
  words: Words;
  greeting: Greeting;
  /** The account behind a token; `continuation`: a resume with a signed pid, for which an expired token still counts. */
  authenticate(token: string, options: { continuation: boolean }): Promise<Principal>;
  errorOf(error: unknown): WireError;
  /** The data of an `error` that answers an event without an acknowledgement; by default the error and the event's name. */
  complaint?(error: WireError): object;
  /** How often a client may ask; by default as the bounds say. */
  rate?(who: Principal, onFlood: () => void): EventLimit;
  /** The events of one connection are carried out one after another. */
  inOrder?: true;
  /** The code with which a connection is closed whose login session has ended; by default SESSION_ENDED. */
  sessionEnded?: number;
  /**
   * A connection shows one thing only of all that its account may hear: with nothing else open an account is not online,
   * what it does not show is not seen, and without an offset it begins now.
   */
  partial?: true;
}>;

/** What of a client's events is carried out, answered with a refusal, or nothing. `now`: milliseconds. */
export type EventVerdict = 'within' | 'refused' | 'ignored';
export interface EventLimit {
  take(now: number): EventVerdict | Promise<EventVerdict>;
}

/** Bounds of a connection. Sizes in bytes, times in milliseconds. */
export type SocketBounds = Readonly<{
  /** A larger frame is refused with an error, and the connection stays. */
  frame: number;
  /** A larger frame ends the connection: the transport's own limit. */
  transportFrame: number;
  /** Until a connection must have authenticated. */
  authenticateWithin: number;
  pingEvery: number;
  /** Without an answer to a ping for this long a connection is dead. */
  silentFor: number;
  events: { count: number; seconds: number };
  /** Bytes that may wait for a client that goes on asking. */
  sendBuffer: number;
  replayMax: number;
}>;

/** WebSocket close codes of ours: 4000–4099 say "come back", 4100–4199 "sign in first". */
export const closeCodes = {
  GOING_AWAY: { code: 1001, reconnect: true },
  TOO_SLOW: { code: 4000, reconnect: true },
  UNAUTHENTICATED: { code: 4100, reconnect: false },
  SESSION_ENDED: { code: 4101, reconnect: false },
  /** RFC 6455, 7.4.1: the policy that it broke is the rate of its events. */
  FLOOD: { code: 1008, reconnect: false },
} as const;
