import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import type { Clock } from '../../kernel/clock.ts';

/** Where the rooms are, and what signs the way in: a key of its own, never that of access tokens. */
export type JitsiSettings = Readonly<{
  /** Host, with a port where it is not 443. */
  domain: string;
  appId: string;
  secret: Uint8Array;
}>;

/** Whom the room shows. */
export type Guest = Readonly<{ id: string; name: string; avatar: string | null; email: string }>;

/** How long a way in is good for, in seconds. */
const entrySeconds = 2 * 3_600;

/** 128 random bits, in the lower case that Jitsi makes of every name. */
export const newRoom = (): string => randomBytes(16).toString('hex');

/** Signs ways into rooms of a Jitsi server whose token authentication knows this app and secret. */
export class JitsiRooms {
  readonly #settings: JitsiSettings;
  readonly #clock: Clock;

  constructor(settings: JitsiSettings, clock: Clock) {
    this.#settings = settings;
    this.#clock = clock;
  }

  urlOf(room: string): string {
    return `https://${this.#settings.domain}/${room}`;
  }

  /** A token for one person and one room, good for two hours. The Jitsi server learns what is in `guest`. */
  sign(guest: Guest, { room, moderator }: { room: string; moderator: boolean }): Promise<string> {
    const { domain, appId, secret } = this.#settings;
    const now = Math.floor(this.#clock.now() / 1_000);
    return new SignJWT({ room, context: { user: { ...guest, moderator } } })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer(appId)
      .setAudience('jitsi')
      .setSubject(domain.replace(/:\d+$/, ''))
      .setIssuedAt(now)
      .setExpirationTime(now + entrySeconds)
      .sign(secret);
  }
}
