import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TestContext } from 'node:test';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { WebSocket } from 'ws';

/** What a client got: the event's name, its first argument, and its last one where there is a second. */
export type Heard = Readonly<{ event: string; data: unknown; offset: unknown; args: readonly unknown[] }>;

/** Everything a client has heard, in order; waits for what is still to come. */
export class Ear {
  readonly all: Heard[] = [];
  #look: (() => void)[] = [];

  hear(event: string, args: readonly unknown[]): void {
    this.all.push({ event, data: args[0], offset: args[1], args });
    for (const look of this.#look) look();
  }

  of(...events: readonly string[]): Heard[] {
    return this.all.filter(({ event }) => events.includes(event));
  }

  /** The contents of the messages heard, in order. */
  get contents(): string[] {
    return this.of('message:received', 'message:sent').map(({ data }) => contentOf(data));
  }

  /** What was heard lies in the past. */
  forget(): void {
    this.all.length = 0;
  }

  /** The first event of this name, or the first that passes, heard already or within the time. */
  async until(wanted: string | ((heard: Heard) => boolean), milliseconds = 8_000): Promise<Heard> {
    const passes = typeof wanted === 'string' ? ({ event }: Heard) => event === wanted : wanted;
    return this.#await(() => this.all.find(passes), milliseconds);
  }

  /** Waits for so many messages. */
  async messages(count: number, milliseconds = 8_000): Promise<string[]> {
    return this.#await(() => (this.contents.length >= count ? this.contents : undefined), milliseconds);
  }

  async #await<Found>(find: () => Found | undefined, milliseconds: number): Promise<Found> {
    const found = find();
    if (found !== undefined) return found;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#look = this.#look.filter((known) => known !== look);
      };
      const look = (): void => {
        const now = find();
        if (now === undefined) return;
        end();
        resolve(now);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`not heard within ${milliseconds} ms; heard: ${JSON.stringify(this.all).slice(0, 2_000)}`));
      }, milliseconds);
      this.#look.push(look);
    });
  }
}

const contentOf = (data: unknown): string =>
  typeof data === 'object' && data !== null && 'content' in data ? String(data.content) : '';

export type Stock = {
  socket: Socket;
  ear: Ear;
  /** Loses the connection without a word and stays away until `back`. */
  cut(): Promise<void>;
  /** Connects again and answers the `connected` that follows. */
  back(): Promise<Heard>;
  /** The acknowledgement of an emit. */
  ask(event: string, data: unknown): Promise<unknown>;
};

type Target = { url: string };
type StockOptions = Partial<ManagerOptions & SocketOptions> & { token?: string };

/** A stock socket.io-client; `auth` is `{token}` unless given. */
export function stockClient(
  t: Pick<TestContext, 'after'>,
  { url }: Target,
  { token, ...options }: StockOptions,
): Stock {
  const socket = io(url, {
    auth: token === undefined ? {} : { token },
    transports: ['websocket'],
    reconnectionDelay: 10,
    reconnectionDelayMax: 50,
    forceNew: true,
    ...options,
  });
  const ear = new Ear();
  socket.onAny((event: string, ...args: unknown[]) => ear.hear(event, args));
  t.after(() => void socket.disconnect());
  return {
    socket,
    ear,
    async cut() {
      socket.io.reconnection(false);
      const gone = new Promise<void>((resolve) => socket.once('disconnect', () => resolve()));
      socket.io.engine.close();
      await gone;
    },
    async back() {
      ear.forget();
      socket.io.reconnection(true);
      socket.connect();
      return ear.until('connected');
    },
    ask: (event, data) => socket.timeout(8_000).emitWithAck(event, data),
  };
}

/** A stock client that has heard `connected`. */
export async function connected(t: Pick<TestContext, 'after'>, target: Target, options: StockOptions): Promise<Stock> {
  const client = stockClient(t, target, options);
  await client.ear.until('connected');
  return client;
}

export type Plain = {
  socket: WebSocket;
  ear: Ear;
  /** The close code, once it is closed. */
  closed: Promise<number>;
  ask(event: string, data: unknown): Promise<Record<string, unknown>>;
};

type PlainOptions = { token?: string; since?: string; headers?: Record<string, string>; protocols?: string[] };

/** A plain WebSocket. Frames with an event are heard; an answer comes back from `ask`. */
export function plainClient(t: Pick<TestContext, 'after'>, { url }: Target, options: PlainOptions): Plain {
  const address = new URL('/ws', url.replace('http', 'ws'));
  if (options.token !== undefined) address.searchParams.set('token', options.token);
  if (options.since !== undefined) address.searchParams.set('since', options.since);
  const socket = new WebSocket(address, options.protocols ?? [], { headers: options.headers ?? {} });
  const ear = new Ear();
  socket.on('message', (text: Buffer) => {
    const frame = JSON.parse(text.toString()) as Record<string, unknown>;
    if ('reply' in frame) ear.hear(`reply ${String(frame['reply'])}`, [frame]);
    else ear.hear(String(frame['event']), 'offset' in frame ? [frame['data'], frame['offset']] : [frame['data']]);
  });
  t.after(() => socket.terminate());
  const closed = once(socket, 'close').then(([code]) => Number(code));
  let asked = 0;
  return {
    socket,
    ear,
    closed,
    async ask(event, data) {
      const id = ++asked;
      socket.send(JSON.stringify({ event, data, id }));
      const { data: reply } = await ear.until(`reply ${id}`);
      assert.ok(typeof reply === 'object' && reply !== null);
      return { ...reply };
    },
  };
}

/** A field of what was heard. */
export function field(data: unknown, name: string): unknown {
  assert.ok(typeof data === 'object' && data !== null, `not an object: ${JSON.stringify(data)}`);
  return Object.fromEntries(Object.entries(data))[name];
}
