import { Type } from 'typebox';
import { clientKey } from '../log/keys.ts';

/** `Idempotency-Key`: the same key with the same input has effect once. A message may carry it as `clientId` instead. */
export const keyHeader = Type.Object({ 'idempotency-key': Type.Optional(clientKey) });

export const keyOf = ({ headers }: { headers: { 'idempotency-key'?: string } }): string | null =>
  headers['idempotency-key'] ?? null;
