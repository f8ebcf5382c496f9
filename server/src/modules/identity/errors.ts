import { errorTable } from '../../kernel/errors.ts';

/** What identity refuses, besides what `commonErrors` says. */
export const identityErrors = errorTable({
  INVALID_CREDENTIALS: { kind: 'unauthenticated', message: 'Invalid email or password' },
  INVALID_CODE: { kind: 'unauthenticated', message: 'Invalid or expired code' },
  WRONG_PASSWORD: { kind: 'forbidden', message: 'The current password is not right' },
  SESSION_NOT_FOUND: { kind: 'not_found', message: 'Session not found' },
  INVALID_TOKEN: { kind: 'unauthenticated', message: 'Invalid or expired token' },
  INVALID_REFRESH_TOKEN: { kind: 'unauthenticated', message: 'Invalid or expired refresh token' },
  INVALID_KEY: { kind: 'unauthenticated', message: 'Invalid or revoked service key' },
  KEY_NOT_FOUND: { kind: 'not_found', message: 'There is no such service key; rendezvous key list shows all of them' },
  EMAIL_TAKEN: { kind: 'conflict', message: 'An account with this email already exists' },
  USERNAME_TAKEN: { kind: 'conflict', message: 'This username is already taken' },
  ADMIN_ONLY: { kind: 'forbidden', message: 'Only an administrator may do this' },
  NOT_YOURS: { kind: 'forbidden', message: 'This is only for the person whose account it is' },
  BLOCKS_ONESELF: { kind: 'invalid', message: 'Nobody can block themselves' },
  TOO_MANY_BLOCKS: { kind: 'forbidden', message: 'You have blocked as many people as an account can' },
  ACCOUNT_NOT_FOUND: { kind: 'not_found', message: 'User not found' },
});
