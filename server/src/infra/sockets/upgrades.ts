import type { Server as HttpServer, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { isAllowedOrigin } from './origins.ts';
import type { Waiting } from './waiting.ts';

/** A request to become a WebSocket, which its endpoint must answer; until it is signed in it counts as waiting (`Waiting.enter`). */
export type Upgrade = Readonly<{
  request: IncomingMessage;
  stream: Duplex;
  head: Buffer;
  query: Record<string, string>;
  /** What stood for the `:name`s of the path, as it was sent. */
  params: Record<string, string>;
}>;

export type UpgradesOptions = {
  server: HttpServer;
  waiting: Waiting;
  /** Browser origins, `'*'` for any without credentials. */
  origins: string[] | '*';
};

type Endpoint = { pattern: RegExp; take: (upgrade: Upgrade) => void };

/**
 * Which endpoint a WebSocket is for, by its path. Each upgrade gets one answer: of the endpoint, or a refusal when there
 * is none (404), the page is from elsewhere (403), or too many connections of the address wait to be signed in (429).
 */
export class Upgrades {
  readonly #options: UpgradesOptions;
  readonly #endpoints: Endpoint[] = [];

  constructor(options: UpgradesOptions) {
    this.#options = options;
    options.server.on('upgrade', this.#upgrade);
  }

  /** `path`: such as `/ws` or `/ws/rooms/:room`; of two that fit the first counts. */
  at(path: string, take: Endpoint['take']): void {
    const pattern = path.replaceAll('.', '\\.').replaceAll(/:(\w+)/g, '(?<$1>[^/]+)');
    this.#endpoints.push({ pattern: new RegExp(`^${pattern}$`), take });
  }

  /** Endpoints are asked no more. */
  close(): void {
    this.#options.server.off('upgrade', this.#upgrade);
  }

  readonly #upgrade = (request: IncomingMessage, stream: Duplex, head: Buffer): void => {
    const { waiting, origins } = this.#options;
    // Node takes its own listener off a stream that is upgraded: a reset would end the process.
    stream.on('error', () => stream.destroy());
    // Engine.IO answers for its own path, which it compares as it was sent; two answers to one upgrade must not be.
    if (request.url?.startsWith('/socket.io/')) return;
    const url = URL.parse(request.url ?? '/', 'http://server');
    const found = url === null ? undefined : this.#find(url.pathname);
    if (url === null || found === undefined) return deny(stream, '404 Not Found');
    if (!isAllowedOrigin(request.headers.origin, origins)) return deny(stream, '403 Forbidden');
    if (waiting.isFull(request)) return deny(stream, '429 Too Many Requests');
    found.take({ request, stream, head, query: Object.fromEntries(url.searchParams), params: found.params });
  };

  #find(path: string): (Pick<Upgrade, 'params'> & Pick<Endpoint, 'take'>) | undefined {
    for (const { pattern, take } of this.#endpoints) {
      const match = pattern.exec(path);
      if (match !== null) return { take, params: { ...match.groups } };
    }
    return undefined;
  }
}

/** Says so and ends the connection, whether its other end does or not. `body` is sent as JSON. */
export function deny(stream: Duplex, status: string, body?: unknown): void {
  const json = body === undefined ? '' : JSON.stringify(body);
  const about = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(json)}\r\n`;
  const head = `HTTP/1.1 ${status}\r\nConnection: close\r\n${body === undefined ? '' : about}`;
  stream.end(`${head}\r\n${json}`, () => stream.destroy());
}
