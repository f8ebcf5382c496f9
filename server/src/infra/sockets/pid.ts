import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Whom a connection may be continued for. */
export type PidOwner = Readonly<{ account: string; session: string }>;

/**
 * The private id that Socket.IO's state recovery hands to a client: signed, so that a resume proves whose it is without
 * anything kept on the server. Form: `account.session.nonce.signature`.
 */
export class Pids {
  readonly #key: Uint8Array;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  issue({ account, session }: PidOwner): string {
    const body = `${account}.${session}.${randomBytes(6).toString('base64url')}`;
    return `${body}.${this.#sign(body)}`;
  }

  /** `undefined` when it is not ours. */
  ownerOf(pid: unknown): PidOwner | undefined {
    if (typeof pid !== 'string' || pid.length > 200) return undefined;
    const end = pid.lastIndexOf('.');
    const [account = '', session = '', nonce] = pid.slice(0, Math.max(end, 0)).split('.');
    if (nonce === undefined) return undefined;
    const given = Buffer.from(pid.slice(end + 1));
    const expected = Buffer.from(this.#sign(pid.slice(0, end)));
    return given.length === expected.length && timingSafeEqual(given, expected) ? { account, session } : undefined;
  }

  #sign(body: string): string {
    return createHmac('sha256', this.#key).update(body).digest('base64url');
  }
}
