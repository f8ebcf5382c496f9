import type { Server, Socket } from 'node:net';
import { connect, createServer } from 'node:net';

export type Cut = 'reset' | 'abandon' | 'freeze';

type Link = { readonly client: Socket; readonly server: Socket };

/**
 * A TCP proxy on a loopback port of its own, one for each client that shall be cut.
 *
 * - `reset`: both sides are told at once.
 * - `abandon`: the client is told, the server is not: a half-open connection that nobody reads any more.
 * - `freeze`: nothing passes for a while in either direction, then both are reset; what was on its way is lost.
 */
export class CuttingProxy {
  readonly #links = new Set<Link>();
  readonly #abandoned = new Set<Socket>();
  readonly #listener: Server;
  readonly #target: number;
  #bytesPerSecond = Number.POSITIVE_INFINITY;
  #open = true;

  private constructor(target: number) {
    this.#target = target;
    this.#listener = createServer((client) => this.#accept(client));
  }

  static async to(port: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port);
    proxy.#listener.listen(0, '127.0.0.1');
    await new Promise((listening) => proxy.#listener.once('listening', listening));
    return proxy;
  }

  get url(): string {
    const address = this.#listener.address();
    if (address === null || typeof address === 'string') throw new Error('this proxy listens no more');
    return `http://127.0.0.1:${address.port}`;
  }

  /** Connections that pass bytes at this moment. */
  get links(): number {
    return this.#links.size;
  }

  /** Limits what reaches the client, for connections made from now on too. */
  throttle(bytesPerSecond: number): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** While refused, new connections are reset at once; those that exist are cut by `cut`. */
  refuse(refused: boolean): void {
    this.#open = !refused;
  }

  /** Cuts every connection there is, and answers how many there were. Clients may come back at once. */
  async cut(how: Cut = 'reset', frozenFor = 300): Promise<number> {
    const links = [...this.#links];
    for (const link of links) this.#links.delete(link);
    if (how === 'freeze') {
      for (const { client, server } of links) {
        client.pause();
        server.pause();
      }
      await new Promise((thawed) => setTimeout(thawed, frozenFor));
    }
    for (const { client, server } of links) {
      client.resetAndDestroy();
      if (how === 'abandon') this.#leave(server);
      else server.resetAndDestroy();
    }
    return links.length;
  }

  async close(): Promise<void> {
    this.#open = false;
    await this.cut();
    for (const server of this.#abandoned) server.resetAndDestroy();
    await new Promise((closed) => this.#listener.close(closed));
  }

  #accept(client: Socket): void {
    if (!this.#open) {
      client.on('error', () => client.destroy());
      client.resetAndDestroy();
      return;
    }
    const server = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    const link = { client, server };
    this.#links.add(link);
    server.on('data', (bytes) => this.#toClient(link, bytes));
    client.on('data', (bytes) => {
      if (this.#links.has(link) && !server.write(bytes)) holdUntilDrained(client, server);
    });
    for (const [side, other] of [
      [client, server],
      [server, client],
    ] as const) {
      side.on('error', () => side.destroy());
      side.on('close', () => {
        if (this.#links.delete(link)) other.destroySoon();
      });
    }
  }

  #toClient(link: Link, bytes: Buffer): void {
    const { client, server } = link;
    if (!this.#links.has(link)) return;
    const drained = client.write(bytes);
    if (Number.isFinite(this.#bytesPerSecond)) {
      server.pause();
      setTimeout(() => server.resume(), (bytes.length / this.#bytesPerSecond) * 1000);
    } else if (!drained) holdUntilDrained(server, client);
  }

  #leave(server: Socket): void {
    server.pause();
    this.#abandoned.add(server);
    server.on('close', () => this.#abandoned.delete(server));
  }
}

function holdUntilDrained(source: Socket, target: Socket): void {
  source.pause();
  target.once('drain', () => source.resume());
}
