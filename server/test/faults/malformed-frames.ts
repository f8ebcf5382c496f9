import WebSocket from 'ws';
import { spoilt, strangeBody, strangeJson } from './malformed-values.ts';
import type { Random } from './random.ts';

/** An event that clients may emit, and what it carries before something is wrong with it. */
export type EventSample = Readonly<{ event: string; input: Readonly<Record<string, unknown>> }>;

/** Names that mean something to Socket.IO, to its rooms, or to JavaScript. */
const reserved: readonly string[] = [
  ...[
    'connect',
    'connection',
    'disconnect',
    'disconnecting',
    'error',
    'newListener',
    'removeListener',
    'connect_error',
    'ping',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'hasOwnProperty',
    'join',
    'leave',
    'socket.join',
    'room',
    'rooms',
  ],
  ...[
    'connected',
    'message:received',
    'session.revoked',
    'account.role',
    'push.sent',
    'auth',
    'system',
    '',
    ' ',
    '\u0000',
  ],
];

const packets: readonly string[] = [
  ...[
    '',
    '0',
    '1',
    '2',
    '2probe',
    '3',
    '5',
    '6',
    '7',
    '4',
    '40',
    '40/admin,',
    '41',
    '42',
    '42[',
    '42[]',
    '42[""]',
    '42[null]',
    '42{}',
  ],
  ...[
    '43',
    '431[]',
    '44{}',
    '45',
    '451-["message",{"_placeholder":true,"num":0}]',
    '459999999999-["x"]',
    '46',
    '421',
    '42/x,["a"]',
  ],
  ...[
    '42["message"]',
    '4299999999999999999999["message",{}]',
    '42-1["message",{}]',
    '42["message",{"_placeholder":true,"num":-1}]',
  ],
];

/** Sends strange frames over Socket.IO and plain WebSockets; a connection that is ended for one is opened again. */
export class StrangeFrames {
  readonly #url: string;
  readonly #random: Random;
  readonly #samples: readonly EventSample[];
  readonly #tokens: readonly string[];
  #socket: WebSocket | undefined;
  #plain = false;
  sent = 0;
  connections = 0;
  /** Answers that say that the server failed, the first few. */
  readonly failures: string[] = [];

  constructor(url: string, needs: { random: Random; samples: readonly EventSample[]; tokens: readonly string[] }) {
    this.#url = url.replace('http', 'ws');
    this.#random = needs.random;
    this.#samples = needs.samples;
    this.#tokens = needs.tokens;
  }

  /** One as it should be, for comparison. */
  async sendOrdinary(): Promise<void> {
    if (this.#socket?.readyState !== WebSocket.OPEN) await this.#open();
    const { event, input } = this.#random.pick(this.#samples);
    await this.#write(
      this.#plain ? JSON.stringify({ event, data: input, id: 1 }) : `421${JSON.stringify([event, input])}`,
      false,
    );
  }

  async send(): Promise<void> {
    if (this.#socket?.readyState !== WebSocket.OPEN) await this.#open();
    await this.#write(this.#plain ? this.#plainFrame() : this.#socketIoFrame(), this.#random.chance(0.02));
  }

  close(): void {
    this.#socket?.terminate();
  }

  async #write(frame: string, binary: boolean): Promise<void> {
    // What waits for a socket that is being closed is lost with it.
    await new Promise<void>((resolve) =>
      this.#socket?.send(binary ? Buffer.from(frame, 'latin1') : frame, () => resolve()),
    );
    this.sent += 1;
    // Now and then until everything before was read: else the frames would only fill the sockets.
    if (this.sent % 16 === 0) await this.#read();
  }

  #socketIoFrame(): string {
    const random = this.#random;
    if (random.chance(0.05)) return random.pick(packets);
    const { event, input } = random.pick(this.#samples);
    const name = random.chance(0.8)
      ? JSON.stringify(event)
      : random.chance(0.7)
        ? JSON.stringify(random.pick(reserved))
        : strangeJson(random);
    const ack = random.chance(0.5) ? String(random.between(0, 1_000_000)) : '';
    const frame = `42${ack}[${name},${strangeBody(random, input)}${random.chance(0.05) ? `,${strangeJson(random)}` : ''}]`;
    return random.chance(0.03) ? spoilt(random, frame) : frame;
  }

  #plainFrame(): string {
    const random = this.#random;
    const { event, input } = random.pick(this.#samples);
    const name = random.chance(0.8) ? event : random.pick(reserved);
    const id = random.chance(0.5) ? random.between(0, 1_000) : strangeJson(random);
    const frame = `{"event":${random.chance(0.95) ? JSON.stringify(name) : strangeJson(random)},"data":${strangeBody(random, input)},"id":${id}}`;
    return random.chance(0.05) ? spoilt(random, frame) : frame;
  }

  /** A frame larger than the transport takes, or one that is no packet, ends the connection: that is how it should be. */
  async #open(): Promise<void> {
    this.#plain = this.#random.chance(0.4);
    this.connections += 1;
    const token = this.#random.pick(this.#tokens);
    const path = this.#plain ? `/ws?token=${token}&since=now` : '/socket.io/?EIO=4&transport=websocket';
    const socket = new WebSocket(`${this.#url}${path}`, { perMessageDeflate: false });
    this.#socket = socket;
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('no "connected" within 10 seconds')), 10_000);
      socket.on('error', () => {});
      socket.once('close', () => {
        clearTimeout(late);
        resolve();
      });
      socket.on('message', (data) => {
        const text = String(data);
        if (text.startsWith('0{')) socket.send(`40${JSON.stringify({ token, since: 'now' })}`);
        if (text === '2') socket.send('3');
        if (text.includes('"connected"')) {
          clearTimeout(late);
          resolve();
        }
        if (text.includes('INTERNAL_ERROR') && this.failures.length < 5) this.failures.push(text.slice(0, 300));
      });
    });
  }

  #read(): Promise<void> {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        socket.off('pong', done);
        socket.off('close', done);
        resolve();
      };
      const timer = setTimeout(done, 5_000);
      socket.once('pong', done);
      socket.once('close', done);
      socket.ping();
    });
  }
}
