import { PushRefused } from './push-refused.ts';

export type PushApiOptions = Readonly<{
  /** Where the server is, as in `http://localhost:3000`. */
  url: string;
  /** A service key with the scopes `push:send` and `push:read`. */
  key: string;
  /** How long a request may take, in milliseconds; 5,000 when it is not given. */
  timeout?: number;
}>;

/** Requests to the push door. Refuses `PushRefused`; what fails on the way fails as `fetch` does. */
export class PushApi {
  readonly #options: Required<PushApiOptions>;

  constructor({ url, key, timeout = 5_000 }: PushApiOptions) {
    this.#options = { url: url.replace(/\/+$/, ''), key, timeout };
  }

  get(path: string): Promise<Record<string, unknown>> {
    return this.#ask(path, {});
  }

  post(path: string, body: object): Promise<Record<string, unknown>> {
    const headers = { 'content-type': 'application/json' };
    return this.#ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }

  async #ask(path: string, request: { method?: string; headers?: Record<string, string>; body?: string }) {
    const { url, key, timeout } = this.#options;
    const response = await fetch(`${url}/api/gateway/${path}`, {
      ...request,
      headers: { ...request.headers, authorization: `Bearer ${key}` },
      signal: AbortSignal.timeout(timeout),
    });
    const answer: unknown = await response.json().catch(() => null);
    const body = isRecord(answer) ? answer : {};
    if (response.ok) return body;
    const after = Number(response.headers.get('retry-after') ?? Number.NaN);
    throw new PushRefused(
      response.status,
      typeof body['message'] === 'string' ? body['message'] : `The server answered ${response.status}`,
      Number.isFinite(after) ? after : undefined,
    );
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** The texts in a list of an answer. */
export const textsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
