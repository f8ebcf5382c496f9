import type { Socket } from 'socket.io-client';

import type { Oracle } from './oracle.ts';
import type { Target } from './outbox.ts';
import { Outbox } from './outbox.ts';
import type { Random } from './random.ts';
import { sendByRest } from './rest-sender.ts';
import type { StockClient } from './stock-client.ts';
import { openStockClient } from './stock-client.ts';
import { inParallel, until } from './timing.ts';
import type { Village } from './village.ts';
import { contentFor, isJson, text } from './wire.ts';

const moments = ['at once', 'before a cut', 'after a cut', 'after the restart', 'over REST', 'long after'] as const;
export type Moment = (typeof moments)[number];

type Plan = Readonly<{ url: string; village: Village; oracle: Oracle; random: Random }>;
type Sending = Readonly<{ key: string; place: number; target: Target; repeats: readonly Moment[] }>;

const answerWithin = 5000;

/** People who say everything one to five times: the repeats of each send come at moments that are drawn beforehand. */
export class Repeaters {
  readonly #plan: Plan;
  readonly #clients: StockClient[] = [];
  readonly #outboxes: Outbox[] = [];
  readonly #sendings: Sending[] = [];
  readonly #asked = new Map<Moment, number>();
  #unanswered = 0;

  private constructor(plan: Plan) {
    this.#plan = plan;
  }

  static async open(plan: Plan): Promise<Repeaters> {
    const repeaters = new Repeaters(plan);
    const { url, village, oracle } = plan;
    for (const [place, account] of village.accounts.entries()) {
      const reader = oracle.addReader(`person ${place}`, village.conversations(place));
      const client = await openStockClient({ url, token: account.token, reader, oracle });
      repeaters.#clients.push(client);
      repeaters.#outboxes.push(new Outbox(client.socket, oracle, account.id));
    }
    return repeaters;
  }

  /** Sends message `number`, and the repeats of it that come at once. */
  first(number: number): void {
    const { village, random } = this.#plan;
    const place = number % this.#clients.length;
    const target = random.chance(0.4) ? village.group : village.direct(place);
    const key = `r${random.seed}-${String(number).padStart(6, '0')}`;
    const repeats = Array.from({ length: random.between(0, 4) }, () => random.pick(moments));
    const sending = { key, place, target, repeats };
    this.#sendings.push(sending);
    this.#outboxes[place]?.send(key, target);
    for (const drawn of repeats) if (drawn === 'at once') void this.#again(sending, drawn);
  }

  /** Repeats what was drawn for this moment; resolves once it is under way, over REST once it is answered. */
  async repeat(moment: Moment): Promise<void> {
    await until(() => this.#clients.every(({ socket }) => socket.connected), 20_000);
    const due = this.#sendings.flatMap((sending) =>
      sending.repeats.filter((drawn) => drawn === moment).map(() => sending),
    );
    if (moment === 'over REST') await inParallel(due, 8, (sending) => this.#againByRest(sending));
    else for (const sending of due) void this.#again(sending, moment);
  }

  cutAll(): void {
    for (const { socket } of this.#clients) socket.io.engine.close();
  }

  /** Whether every send was acknowledged within so many milliseconds. */
  async settled(within: number): Promise<boolean> {
    return (await Promise.all(this.#outboxes.map((outbox) => outbox.empty(within)))).every(Boolean);
  }

  /** Whether every repeat was answered within so many milliseconds. */
  answered(within: number): Promise<boolean> {
    return until(() => this.#unanswered === 0, within);
  }

  /** Sends the first `count` keys with another content, and counts the refusals. */
  async changeInput(count: number): Promise<{ tried: number; refused: number }> {
    const chosen = this.#sendings.slice(0, count);
    const replies = await Promise.all(chosen.map((sending) => this.#ask(sending, 'but something else')));
    return {
      tried: chosen.length,
      refused: replies.filter((reply) => isJson(reply) && reply['success'] === false).length,
    };
  }

  /** How many repeats came at which moment. */
  tally(): string {
    return [...this.#asked].map(([moment, count]) => `${count} ${moment}`).join(', ');
  }

  close(): void {
    for (const outbox of this.#outboxes) outbox.close();
    for (const client of this.#clients) client.close();
  }

  #count(moment: Moment): void {
    this.#asked.set(moment, (this.#asked.get(moment) ?? 0) + 1);
  }

  /** One repeat. It may be cut too, and is then repeated itself; whatever answers has to name the same message. */
  async #again(sending: Sending, moment: Moment): Promise<void> {
    const { oracle } = this.#plan;
    this.#count(moment);
    this.#unanswered++;
    for (let attempt = 0; attempt < 10; attempt++) {
      const reply = await this.#ask(sending);
      if (!isJson(reply) || reply['code'] === 'UNAVAILABLE') continue;
      if (reply['success'] === true) oracle.acknowledge(sending.key, text(reply['data'], 'id'));
      else oracle.refuse(sending.key, String(reply['code']));
      this.#unanswered--;
      return;
    }
  }

  async #againByRest({ key, place, target }: Sending): Promise<void> {
    const account = this.#plan.village.accounts[place];
    if (account === undefined) throw new Error('nobody lives here');
    this.#count('over REST');
    this.#unanswered++;
    const deadline = performance.now() + 60_000;
    if (await sendByRest(account, { key, target, oracle: this.#plan.oracle, deadline })) this.#unanswered--;
  }

  async #ask({ key, place, target }: Sending, rest = ''): Promise<unknown> {
    const socket: Socket | undefined = this.#clients[place]?.socket;
    if (socket === undefined || !(await until(() => socket.connected, 20_000))) return undefined;
    try {
      const body = { ...target.to, content: contentFor(key, rest), clientId: key };
      return await socket.timeout(answerWithin).emitWithAck('message:send', body);
    } catch {
      return undefined;
    }
  }
}
