import { errorTable } from '../../kernel/errors.ts';

/** What identity refuses, besides what `commonErrors` says. */
export const identityErrors = errorTable({
  INVALID_CREDENTIALS: { kind: 'unauthenticated', message: 'Invalid email or password' },
  INVALID_TOKEN: { kind: 'unauthenticated', message: 'Invalid or expired token' },
  INVALID_REFRESH_TOKEN: { kind: 'unauthenticated', message: 'Invalid or expired refresh token' },
  INVALID_KEY: { kind: 'unauthenticated', message: 'Invalid or revoked service key' },
  EMAIL_TAKEN: { kind: 'conflict', message: 'An account with this email already exists' },
  USERNAME_TAKEN: { kind: 'conflict', message: 'This username is already taken' },
  ACCOUNT_NOT_FOUND: { kind: 'not_found', message: 'User not found' },
});
