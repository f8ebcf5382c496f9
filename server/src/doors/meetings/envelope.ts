import { type TSchema, Type } from 'typebox';
import type { Envelope, Failure } from '../../infra/http/failure.ts';
import { isoSeconds } from './times.ts';

const kinds: Readonly<Record<Failure['kind'], readonly [status: number, code: string]>> = {
  invalid: [400, 'VALIDATION_ERROR'],
  unauthenticated: [401, 'UNAUTHORIZED'],
  forbidden: [403, 'INSUFFICIENT_PERMISSION'],
  not_found: [404, 'NOT_FOUND'],
  gone: [410, 'MEETING_ENDED'],
  conflict: [409, 'CONFLICT'],
  too_large: [413, 'VALIDATION_ERROR'],
  rate_limited: [429, 'RATE_LIMIT_EXCEEDED'],
  unavailable: [503, 'SERVICE_UNAVAILABLE'],
  internal: [500, 'INTERNAL_ERROR'],
};

/** Where the document has a code of its own for what a module refuses. */
const documented: Readonly<Record<string, string>> = {
  MEETING_NOT_FOUND: 'MEETING_NOT_FOUND',
  ALREADY_ACTIVE: 'MEETING_ALREADY_ACTIVE',
  NOT_ACTIVE: 'MEETING_NOT_ACTIVE',
  CANCELLED: 'MEETING_NOT_ACTIVE',
  ENDED: 'MEETING_ENDED',
  PARTICIPANT_NOT_FOUND: 'PARTICIPANT_NOT_FOUND',
  FULL: 'MAX_PARTICIPANTS_REACHED',
  ROOM_FULL: 'MAX_PARTICIPANTS_REACHED',
  LOCKED: 'MEETING_LOCKED',
  CHAT_OFF: 'CHAT_DISABLED',
  SCREEN_SHARE_OFF: 'SCREEN_SHARE_DISABLED',
  ROOM_NOT_FOUND: 'BREAKOUT_ROOM_NOT_FOUND',
  LIVEKIT_NOT_SET_UP: 'LIVEKIT_TOKEN_ERROR',
  LIVEKIT_FAILED: 'LIVEKIT_TOKEN_ERROR',
};

/** Where the document's status is not that of the kind. */
const statuses: Readonly<Record<string, number>> = { LIVEKIT_NOT_SET_UP: 500, LIVEKIT_FAILED: 500 };

/** The door's code of a failure, over REST and in error frames. */
export const codeOf = ({ kind, code }: Pick<Failure, 'kind' | 'code'>): string => documented[code] ?? kinds[kind][1];

/** The document's own words, where it has some; otherwise the module's. */
export const messageOf = ({ kind, message }: Pick<Failure, 'kind' | 'message'>): string =>
  kind === 'rate_limited' ? 'Rate limit exceeded' : message;

/** Beside the words; a limit that was reached says until when in this door's own form. */
function detailsOf({ details = {} }: Failure): Readonly<Record<string, unknown>> {
  const { resetAt, ...others } = details;
  return typeof resetAt === 'number' ? { ...others, reset_at: isoSeconds(resetAt * 1_000) } : details;
}

/** `{status: "error", message, code, details, timestamp}`. */
export const meetingsEnvelope: Envelope = (failure) => ({
  status: statuses[failure.code] ?? kinds[failure.kind][0],
  body: errorBody(codeOf(failure), messageOf(failure), detailsOf(failure)),
});

export const errorBody = (code: string, message: string, details: Readonly<Record<string, unknown>>) => ({
  status: 'error' as const,
  message,
  code,
  details,
  timestamp: isoSeconds(Date.now()),
});

/** `{status: "success", message, data, timestamp}`; what is not in `data` never leaves. */
export const answerSchema = <Data extends TSchema>(data: Data) =>
  Type.Object(
    { status: Type.Literal('success'), message: Type.String(), data, timestamp: Type.String() },
    { additionalProperties: false },
  );

export const success = <Data>(message: string, data: Data) => ({
  status: 'success' as const,
  message,
  data,
  timestamp: isoSeconds(Date.now()),
});
