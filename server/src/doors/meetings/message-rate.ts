import type { Taken } from '../../infra/limits/limits.ts';
import type { EventLimit, EventVerdict } from '../../infra/sockets/sockets.ts';

/** With this many windows over the limit in a row a connection is closed. */
const patience = 3;

export type MessageRateOptions = Readonly<{
  take: () => Taken | Promise<Taken>;
  /** Of a window, in seconds. */
  seconds: number;
  /** Must close the connection; it is called once. */
  onFlood: () => void;
}>;

/**
 * What one connection hears of the limit that all connections of its account share: the first message over it in a window
 * is answered, the others are dropped without a word, for an answer to each would let a client make us write as much as it
 * likes. In the third window in a row that is over it the connection ends.
 */
export class MessageRate implements EventLimit {
  readonly #options: MessageRateOptions;
  /** The end of the window that is counted in now. */
  #window = 0;
  #isOver = false;
  /** Windows in a row that were over, this one included. */
  #over = 0;

  constructor(options: MessageRateOptions) {
    this.#options = options;
  }

  take(): EventVerdict | Promise<EventVerdict> {
    const taken = this.#options.take();
    return taken instanceof Promise ? taken.then((now) => this.#judge(now)) : this.#judge(taken);
  }

  #judge({ allowed, resetAt }: Taken): EventVerdict {
    if (resetAt !== this.#window) {
      // A window that was within the limit forgives those before it, and so does a whole one without a message.
      if (!this.#isOver || resetAt - this.#window > 2 * this.#options.seconds) this.#over = 0;
      this.#window = resetAt;
      this.#isOver = false;
    }
    if (allowed) return 'within';
    if (this.#isOver) return 'ignored';
    this.#isOver = true;
    this.#over += 1;
    if (this.#over === patience) setImmediate(this.#options.onFlood);
    return 'refused';
  }
}
