import type { Envelope, Failure } from '../../infra/http/failure.ts';

/** The document names no status; these are what each failure is elsewhere too. */
const statuses: Readonly<Record<Failure['kind'], number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  gone: 404,
  conflict: 409,
  too_large: 413,
  rate_limited: 429,
  unavailable: 503,
  internal: 500,
};

/** The push door's error envelope: `{success: false, message}`. */
export const pushEnvelope: Envelope = ({ kind, message }) => ({
  status: statuses[kind],
  body: { success: false, message: kind === 'unauthenticated' ? 'Authentication failed' : message },
});
