import { commonErrors, type Kind, Refusal } from '../../kernel/errors.ts';

/** What went wrong, as an envelope is told: a refusal, or `internal`, of which nothing is said outside. */
export type Failure = Readonly<{
  kind: Kind | 'internal';
  /** The stable code of the module's table, not of any door. */
  code: string;
  message: string;
  retryable: boolean;
  /** Seconds. */
  retryAfter?: number;
  details?: Readonly<Record<string, unknown>>;
}>;

/** A door's answer to a failure: its documented status and body. */
export type Envelope = (failure: Failure) => { status: number; body: unknown };

const internal: Failure = { kind: 'internal', code: 'INTERNAL', message: 'Internal server error', retryable: true };

/** Any thrown value: ours by its class, the framework's by its status, everything else as internal. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Refusal) {
    const { error: value, message, retryAfter, details } = error;
    return {
      ...value,
      message,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      ...(details === undefined ? {} : { details }),
    };
  }
  if (typeof error !== 'object' || error === null) return internal;
  if ('validation' in error && error.validation !== undefined && error instanceof Error) {
    return { ...commonErrors.INVALID_INPUT, message: error.message };
  }
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return status >= 400 && status < 500 ? frameworkFailure(status, code) : internal;
}

/** Fastify's own refusals. Their texts are not passed on: a JSON error quotes the body, which may hold a password. */
function frameworkFailure(status: number, code: string): Failure {
  if (status === 404) return commonErrors.NOT_FOUND;
  if (status === 413) return commonErrors.TOO_LARGE;
  if (status === 401) return commonErrors.UNAUTHENTICATED;
  return { ...commonErrors.INVALID_INPUT, message: unreadable(status, code) };
}

function unreadable(status: number, code: string): string {
  if (status === 415) return 'The body must be JSON, with the header Content-Type: application/json';
  if (code === 'FST_ERR_BAD_URL') return 'The address is not valid';
  if (code === 'FST_ERR_CTP_INVALID_JSON_BODY' || code === '') return 'The body is not valid JSON';
  return 'The request could not be read';
}
