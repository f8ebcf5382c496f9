import { io, type Socket } from 'socket.io-client';

import type { Account, Reply } from './accounts.ts';
import { until } from './timing.ts';
import { isJson } from './wire.ts';

/** What a receipt was answered, over either way; `status` is what the message is now, where the answer says so. */
export type Answered = Readonly<{ code: string; status: unknown }>;

const answerWithin = 5000;
const patience = 60_000;

/** Somebody with one stock connection, who repeats over either way what was not answered because the server was gone. */
export class Person {
  readonly account: Account;
  readonly #socket: Socket;

  private constructor(account: Account, socket: Socket) {
    this.account = account;
    this.#socket = socket;
  }

  /** Connects; `hear` gets every `message:status` event. */
  static async arrive(account: Account, hear: (body: unknown) => void): Promise<Person> {
    const socket = io(account.url, {
      auth: { token: account.token },
      transports: ['websocket'],
      reconnectionDelay: 50,
      reconnectionDelayMax: 400,
      forceNew: true,
    });
    socket.on('message:status', hear);
    if (!(await until(() => socket.connected, patience))) throw new Error('a person could not connect');
    return new Person(account, socket);
  }

  /** Emits until it is answered. */
  async emit(event: string, data: object): Promise<Answered> {
    const end = performance.now() + patience;
    while (performance.now() < end) {
      if (!(await until(() => this.#socket.connected, patience, 5))) break;
      const reply: unknown = await this.#socket
        .timeout(answerWithin)
        .emitWithAck(event, data)
        .catch(() => undefined);
      if (isJson(reply)) return { code: codeOf(reply), status: statusIn(reply) };
    }
    throw new Error(`${event} was not answered within ${patience} ms`);
  }

  /** Asks over REST until it is answered. */
  async post(path: string): Promise<Answered> {
    const reply = await this.request('POST', path);
    return { code: codeOf(reply.body), status: statusIn(reply.body) };
  }

  async request(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Reply> {
    let reply: Reply | undefined;
    const answered = async (): Promise<boolean> => {
      reply = await this.account.call(method, path, body === undefined ? {} : { body });
      return reply.status !== 0;
    };
    if (!(await until(answered, patience)) || reply === undefined) {
      throw new Error(`${method} ${path} was not answered within ${patience} ms`);
    }
    return reply;
  }

  leave(): void {
    this.#socket.disconnect();
  }
}

const codeOf = (reply: unknown): string => {
  if (!isJson(reply)) return 'no answer';
  return reply['success'] === true ? 'done' : String(reply['code']);
};

const statusIn = (reply: unknown): unknown =>
  isJson(reply) && isJson(reply['data']) ? reply['data']['status'] : undefined;
