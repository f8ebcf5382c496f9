import WebSocket from 'ws';

import { seqOf } from './wire.ts';

export type LeanEvents = Readonly<{
  /** An event as its frame text (`42["name",…]`) and the number in its offset, if it has one. */
  event?: (frame: string, seq: number | undefined) => void;
  /** The answer to the emit with this number, as its frame text. */
  answer?: (number: number, frame: string) => void;
  lost?: () => void;
}>;

/**
 * As much of a Socket.IO client as a crowd of thousands in one process can afford: one WebSocket, the connect packet, pings,
 * and what a stock client does for recovery (it keeps the pid, and of each event a last argument that is a string).
 */
export class LeanClient {
  readonly #url: string;
  readonly #token: string;
  readonly #events: LeanEvents;
  #socket: WebSocket | undefined;
  #pid: string | undefined;
  #offset: string | undefined;
  #emits = 0;
  recovered = false;

  constructor(url: string, token: string, events: LeanEvents = {}) {
    this.#url = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
    this.#token = token;
    this.#events = events;
  }

  /** Connects, or reconnects with what it knows. Resolves when `connected` has come. */
  open(within = 30_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(this.#url, { perMessageDeflate: false });
      this.#socket = socket;
      const fail = (why: string): void => {
        clearTimeout(timer);
        socket.terminate();
        reject(new Error(why));
      };
      const timer = setTimeout(() => fail(`no "connected" within ${within} ms`), within);
      socket.on('message', (data) => {
        const frame = data.toString();
        if (frame.startsWith('42["connected"')) {
          clearTimeout(timer);
          resolve();
        }
        this.#take(frame, fail);
      });
      socket.on('error', (error) => fail(error.message));
      socket.on('close', () => {
        fail('closed');
        if (this.#socket === socket) this.#events.lost?.();
      });
    });
  }

  /** Emits and answers the number under which `answer` will be called. */
  emit(event: string, data: unknown): number {
    const number = this.#emits++;
    this.#socket?.send(`42${number}${JSON.stringify([event, data])}`);
    return number;
  }

  /** Gone without a word, as with a pulled cable. */
  cut(): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.terminate();
  }

  /** Reads nothing from its TCP socket any more, until it is cut. */
  stall(): void {
    this.#socket?.pause();
  }

  #take(frame: string, fail: (why: string) => void): void {
    if (frame === '2') this.#socket?.send('3');
    else if (frame.startsWith('0')) this.#socket?.send(`40${JSON.stringify(this.#credentials())}`);
    else if (frame.startsWith('40')) this.#joined(frame);
    else if (frame.startsWith('42')) this.#events.event?.(frame, this.#remember(frame));
    else if (frame.startsWith('43')) this.#events.answer?.(Number.parseInt(frame.slice(2), 10), frame);
    else if (frame.startsWith('44')) fail(`refused: ${frame}`);
  }

  #credentials(): Record<string, unknown> {
    return { pid: this.#pid, offset: this.#offset, token: this.#token };
  }

  #joined(frame: string): void {
    const pid = /"pid":"([^"]+)"/.exec(frame)?.[1];
    this.recovered = pid !== undefined && pid === this.#pid;
    this.#pid = pid;
  }

  #remember(frame: string): number | undefined {
    if (!frame.endsWith('"]')) return undefined;
    const offset = frame.slice(frame.lastIndexOf('"', frame.length - 3) + 1, -2);
    const seq = seqOf(offset);
    if (seq !== undefined) this.#offset = offset;
    return seq;
  }
}
