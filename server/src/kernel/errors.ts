/** What went wrong, in words that every door can translate into a status or a close code of its own. */
export type Kind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'gone'
  | 'rate_limited'
  | 'too_large'
  | 'unavailable';

/** One row of a module's error table. `retryable`: the same request may succeed later without being changed. */
export type ErrorValue = Readonly<{ code: string; kind: Kind; message: string; retryable: boolean }>;

type Entry = { kind: Kind; message: string; retryable?: boolean };

/** Turns a module's table of errors into values whose `code` is their name. */
export function errorTable<const Table extends Record<string, Entry>>(
  table: Table,
): { readonly [Code in keyof Table]: ErrorValue } {
  const values: Record<string, ErrorValue> = {};
  for (const [code, entry] of Object.entries(table)) {
    values[code] = Object.freeze({ retryable: false, ...entry, code });
  }
  return values as { readonly [Code in keyof Table]: ErrorValue };
}

/** A refusal on its way to the caller. Doors recognise it by its class, never by its text. */
export class Refusal extends Error {
  readonly error: ErrorValue;
  /** Seconds after which a retry makes sense, where that is known. */
  readonly retryAfter: number | undefined;
  /** What doors whose envelope has room for it may say beside the message; never a secret. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(
    error: ErrorValue,
    options: {
      message?: string;
      retryAfter?: number;
      details?: Readonly<Record<string, unknown>>;
      cause?: unknown;
    } = {},
  ) {
    super(options.message ?? error.message, { cause: options.cause });
    this.name = 'Refusal';
    this.error = error;
    this.retryAfter = options.retryAfter;
    this.details = options.details;
  }
}

/** Errors that belong to no module. */
export const commonErrors = errorTable({
  INVALID_INPUT: { kind: 'invalid', message: 'The request is not valid' },
  UNAUTHENTICATED: { kind: 'unauthenticated', message: 'Authentication required' },
  NOT_FOUND: { kind: 'not_found', message: 'Not found' },
  TOO_LARGE: { kind: 'too_large', message: 'The request is too large' },
  RATE_LIMITED: { kind: 'rate_limited', message: 'Too many requests, please try again later.', retryable: true },
  UNAVAILABLE: { kind: 'unavailable', message: 'The service cannot answer right now, please retry', retryable: true },
  KEY_REUSED: {
    kind: 'conflict',
    message: 'This key was already used with another input; nothing was done. Use a new key for a new request.',
  },
});
