import { errorTable } from '../../kernel/errors.ts';

/** What push refuses, besides what `commonErrors` says. */
export const pushErrors = errorTable({
  NOT_ALLOWED: {
    kind: 'forbidden',
    message: 'Only administrators, and service keys with the scope for it, may do this',
  },
  RESERVED_EVENT: {
    kind: 'invalid',
    message: 'This event name is reserved, or cannot be told from one that is; no push may carry it',
  },
  MESSAGE_TOO_LARGE: { kind: 'too_large', message: 'A message may have 65536 bytes as JSON' },
});
