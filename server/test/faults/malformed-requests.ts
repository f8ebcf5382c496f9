import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { spoilt, strangeBody, strangePiece } from './malformed-values.ts';
import type { Random } from './random.ts';

/** What a request is made of, before something is wrong with it. */
export type Sample = Readonly<{ method: string; path: string; body: Readonly<Record<string, unknown>> }>;

type Request = Readonly<{ method: string; path: string; headers: Record<string, string>; body: string | undefined }>;

const types: readonly string[] = [
  ...['application/json', 'application/json; charset=utf-8', 'application/json;charset=utf-7', 'application/json\t'],
  ...['application/jsonx', 'text/plain', 'text/json', 'application/x-www-form-urlencoded', 'multipart/form-data', ''],
  ...['application/json; charset=\u00ff', 'application/json, text/plain', '*/*'],
];

/** What ends a session is asked for without a good token: the run needs its people. */
const endsSession = ({ method, path }: Sample): boolean =>
  method !== 'GET' && /logout|users\/[^/]+$|password|sessions/.test(path);

/** A request as it should be. */
function ordinaryRequest(random: Random, sample: Sample, tokens: readonly string[]): Request {
  const headers: Record<string, string> = endsSession(sample) ? {} : { authorization: `Bearer ${random.pick(tokens)}` };
  if (sample.method === 'GET') return { ...sample, headers, body: undefined };
  return { ...sample, headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(sample.body) };
}

/** A request about `sample` with something wrong; `tokens` are good ones. */
function strangeRequest(random: Random, sample: Sample, tokens: readonly string[]): Request {
  const method = random.chance(0.9)
    ? sample.method
    : random.pick(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'HEAD', 'TRACE']);
  const path = sample.path
    .split('/')
    .map((piece) => (random.chance(piece.includes('-') ? 0.25 : 0.02) ? strangePiece(random) : piece))
    .join('/');
  const headers: Record<string, string> = {};
  if (random.chance(0.9)) {
    headers['authorization'] = random.chance(endsSession(sample) ? 0 : 0.95)
      ? `Bearer ${random.pick(tokens)}`
      : random.pick([
          'Bearer',
          'Bearer x',
          'Basic eDp4',
          'Bearer rk_x',
          'bearer\ta.b.c',
          `Bearer ${'x'.repeat(5_000)}`,
        ]);
  }
  if (random.chance(0.05))
    headers['idempotency-key'] = random.pick(['', 'x', 'x'.repeat(200), 'with space', 'key-00001']);
  if (random.chance(0.05)) headers['x-request-id'] = random.pick(['../..', 'x'.repeat(500), '\u00ff']);
  if (random.chance(0.03)) headers['accept'] = random.pick(['', 'text/plain', 'application/xml', ';;;', '*/*;q=NaN']);
  if (random.chance(0.03)) headers['x-forwarded-for'] = random.pick(['127.0.0.1', 'x', '::1, ::1', ',,,']);
  const hasBody = method !== 'GET' && method !== 'HEAD' && random.chance(0.95);
  if (hasBody) headers['content-type'] = random.chance(0.9) ? 'application/json' : random.pick(types);
  return {
    method,
    path: path + strangeQuery(random),
    headers,
    body: hasBody ? strangeBody(random, sample.body) : undefined,
  };
}

const names = [
  'page',
  'limit',
  'before',
  'after',
  'query',
  'q',
  'type',
  'token',
  'emoji',
  'id',
  '__proto__',
  'a[b]',
  '',
];

function strangeQuery(random: Random): string {
  if (random.chance(0.7)) return '';
  const count = random.between(1, 3);
  const pairs = Array.from(
    { length: count },
    () => `${random.pick(names)}${random.pick(['=', '=', '=', ''])}${strangePiece(random)}`,
  );
  return `?${pairs.join(random.pick(['&', '&', '&&', ';', '?']))}`;
}

/** Sends strange requests, and remembers what was answered and what was not. */
export class StrangeRequests {
  readonly #url: URL;
  readonly #random: Random;
  readonly #samples: readonly Sample[];
  readonly #tokens: readonly string[];
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  /** How often each status came; 0 is a connection that ended without an answer. */
  readonly statuses = new Map<number, number>();
  /** Requests that were answered with 5xx, the first few. */
  readonly failures: string[] = [];

  constructor(url: string, needs: { random: Random; samples: readonly Sample[]; tokens: readonly string[] }) {
    this.#url = new URL(url);
    this.#random = needs.random;
    this.#samples = needs.samples;
    this.#tokens = needs.tokens;
  }

  /** One as it should be, for comparison. */
  async sendOrdinary(): Promise<void> {
    await this.#sendParsed(ordinaryRequest(this.#random, this.#random.pick(this.#samples), this.#tokens));
  }

  async send(): Promise<void> {
    const made = strangeRequest(this.#random, this.#random.pick(this.#samples), this.#tokens);
    const status = this.#random.chance(0.03) ? await this.#sendRaw(made) : await this.#sendParsed(made);
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
    if (status >= 500 && this.failures.length < 5) {
      this.failures.push(`${status} to ${made.method} ${made.path.slice(0, 200)} ${made.body?.slice(0, 200) ?? ''}`);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #sendParsed({ method, path, headers, body }: Request): Promise<number> {
    return new Promise((resolve) => {
      const given = {
        ...headers,
        ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
      };
      try {
        const { hostname, port } = this.#url;
        const sent = request(
          { hostname, port, method, path, headers: given, agent: this.#agent, timeout: 20_000 },
          (answer) => {
            answer.resume();
            answer.once('close', () => resolve(answer.statusCode ?? 0));
          },
        );
        sent.once('timeout', () => sent.destroy());
        sent.once('error', () => resolve(0));
        sent.end(body);
      } catch {
        // What the client itself does not write goes as bytes.
        void this.#sendRaw({ method, path, headers: given, body }).then(resolve);
      }
    });
  }

  /** Bytes that may be no HTTP at all. */
  #sendRaw({ method, path, headers, body }: Request): Promise<number> {
    const lines = Object.entries({ host: 'x', connection: 'close', ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    const length = this.#random.pick([
      `content-length: ${Buffer.byteLength(body ?? '')}`,
      'content-length: -1',
      'transfer-encoding: chunked',
      'content-length: 5',
    ]);
    const whole = `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n${length}\r\n\r\n${body ?? ''}`;
    const text = this.#random.chance(0.5) ? spoilt(this.#random, whole) : whole;
    return new Promise((resolve) => {
      let answer = '';
      const socket = connect(Number(this.#url.port), this.#url.hostname, () => socket.end(text, 'latin1'));
      socket.setTimeout(5_000, () => socket.destroy());
      socket.on('data', (data: Buffer) => {
        answer += data.toString('latin1').slice(0, 20);
      });
      socket.on('error', () => {});
      socket.once('close', () => resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0)));
    });
  }
}
