import { isLess, isStatus, type Status } from './receipts-model.ts';
import { isJson } from './wire.ts';

/** What one person hears of their own messages. */
export class Hearing {
  /** The highest status heard of each message. */
  readonly heard = new Map<string, Status>();
  readonly wrong: string[] = [];
  /** The users who were named. */
  readonly named = new Set<string>();
  events = 0;
  readonly #ofMembers = new Map<string, Status>();

  /** A `message:status` event. Counts of a large group may fall, when somebody leaves it. */
  hear(body: unknown): void {
    this.events += 1;
    if (!isJson(body) || typeof body['messageId'] !== 'string' || !isStatus(body['status'])) {
      this.wrong.push(`unreadable: ${JSON.stringify(body)}`);
      return;
    }
    const { messageId, status, members, delivered, seen } = body;
    this.#rise(this.heard, messageId, status);
    for (const member of Array.isArray(members) ? members : []) this.#member(messageId, member);
    if (typeof delivered === 'number' && typeof seen === 'number' && seen > delivered) {
      this.wrong.push(`${seen} have seen ${messageId}, which ${delivered} have got`);
    }
  }

  #member(messageId: string, member: unknown): void {
    if (!isJson(member) || !isStatus(member['status'])) return;
    const userId = String(member['userId']);
    this.named.add(userId);
    this.#rise(this.#ofMembers, `${messageId} for ${userId}`, member['status']);
  }

  #rise(known: Map<string, Status>, key: string, status: Status): void {
    const before = known.get(key);
    if (before !== undefined && isLess(status, before)) this.wrong.push(`${key}: ${status} after ${before}`);
    else known.set(key, status);
  }
}
