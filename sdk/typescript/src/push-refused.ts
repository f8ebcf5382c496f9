/** The server refused a request, in its own words. */
export class PushRefused extends Error {
  override name = 'PushRefused';
  /** The HTTP status: 400 what was asked, 401 the key, 403 its scopes, 413 the size, 429 too many, 503 not now. */
  readonly status: number;
  /** Seconds after which the same may succeed, where the server says so. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}
