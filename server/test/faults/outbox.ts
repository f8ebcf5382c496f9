import type { Socket } from 'socket.io-client';

import type { Oracle } from './oracle.ts';
import { until } from './timing.ts';
import { contentFor, isJson, text } from './wire.ts';

export type Target = Readonly<{ conversation: string; to: { receiverId: string } | { groupId: string } }>;

type Waiting = { readonly body: Readonly<Record<string, unknown>>; triedAt: number };

const answerWithin = 3000;
const retryAfterRefusal = 100;
/** Refusals that a stopping or starting server may give; the sender just tries again. */
const passing = new Set(['UNAVAILABLE', 'SERVICE_UNAVAILABLE']);

/**
 * What a careful client does: every message has a clientId, and is sent again, with the same one, after each reconnection
 * and when no answer comes, until it is acknowledged.
 */
export class Outbox {
  readonly #waiting = new Map<string, Waiting>();
  readonly #socket: Socket;
  readonly #oracle: Oracle;
  readonly #sender: string;
  readonly #patience: NodeJS.Timeout;
  #repeats = 0;

  constructor(socket: Socket, oracle: Oracle, sender: string) {
    this.#socket = socket;
    this.#oracle = oracle;
    this.#sender = sender;
    socket.on('connect', () => this.repeatAll());
    this.#patience = setInterval(() => this.#repeatOverdue(), 500);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  get repeats(): number {
    return this.#repeats;
  }

  send(key: string, target: Target, rest = ''): void {
    this.#oracle.sending(key, target.conversation, this.#sender);
    this.#waiting.set(key, { body: { ...target.to, content: contentFor(key, rest), clientId: key }, triedAt: 0 });
    this.#try(key);
  }

  repeatAll(): void {
    for (const key of this.#waiting.keys()) this.#try(key);
  }

  /** Waits until everything is acknowledged; `false` when that takes too long. */
  empty(within: number): Promise<boolean> {
    return until(() => this.#waiting.size === 0, within);
  }

  close(): void {
    clearInterval(this.#patience);
  }

  #try(key: string): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined || !this.#socket.connected) return;
    if (waiting.triedAt > 0) this.#repeats++;
    waiting.triedAt = performance.now();
    this.#socket.emit('message:send', waiting.body, (reply: unknown) => this.#answered(key, reply));
  }

  #answered(key: string, reply: unknown): void {
    if (isJson(reply) && reply['success'] === true) {
      this.#oracle.acknowledge(key, text(reply['data'], 'id'));
      this.#waiting.delete(key);
      return;
    }
    const code = isJson(reply) ? String(reply['code']) : 'no reply object';
    if (!passing.has(code)) this.#oracle.refuse(key, code);
    setTimeout(() => this.#try(key), retryAfterRefusal).unref();
  }

  #repeatOverdue(): void {
    const now = performance.now();
    for (const [key, { triedAt }] of this.#waiting) {
      if (now - triedAt > answerWithin) this.#try(key);
    }
  }
}
