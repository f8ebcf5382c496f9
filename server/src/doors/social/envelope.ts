import { type TSchema, Type } from 'typebox';
import type { Envelope, Failure } from '../../infra/http/failure.ts';
import { paginationSchema } from '../../infra/http/page.ts';

/** The documented codes, and two of the same form for what the document does not name. */
const answers: Readonly<Record<Failure['kind'], readonly [status: number, code: string]>> = {
  invalid: [400, 'VALIDATION_ERROR'],
  unauthenticated: [401, 'UNAUTHORIZED'],
  forbidden: [403, 'FORBIDDEN'],
  not_found: [404, 'NOT_FOUND'],
  gone: [404, 'NOT_FOUND'],
  conflict: [409, 'CONFLICT'],
  too_large: [413, 'VALIDATION_ERROR'],
  rate_limited: [429, 'RATE_LIMIT_EXCEEDED'],
  unavailable: [503, 'SERVICE_UNAVAILABLE'],
  internal: [500, 'INTERNAL_ERROR'],
};

/** `{success: false, message, code}`: the body over REST, and what a refused emit is answered. */
export type SocialFailure = Readonly<{ success: false; message: string; code: string }>;

export const socialFailure = ({ kind, message }: Failure): SocialFailure => ({
  success: false,
  message,
  code: answers[kind][1],
});

/** The social door's error envelope over REST. */
export const socialEnvelope: Envelope = (failure) => ({
  status: answers[failure.kind][0],
  body: socialFailure(failure),
});

/** `{success: true, message?, data}`; what is not in `data` never leaves. */
export const answerSchema = <Data extends TSchema>(data: Data) =>
  Type.Object(
    { success: Type.Literal(true), message: Type.Optional(Type.String()), data },
    { additionalProperties: false },
  );

/** For acts without a result. */
export const nothingSchema = answerSchema(Type.Null());

/** `{success: true, data: […], pagination}`. */
export const listSchema = <Item extends TSchema>(item: Item) =>
  Type.Object(
    { success: Type.Literal(true), data: Type.Array(item), pagination: paginationSchema },
    { additionalProperties: false },
  );

export const success = <Data>(data: Data, message?: string): { success: true; message?: string; data: Data } =>
  message === undefined ? { success: true, data } : { success: true, message, data };
