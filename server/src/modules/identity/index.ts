export { identityErrors } from './errors.ts';
export {
  type BlockChanged,
  identityEvents,
  type RoleChanged,
  type SessionsRevoked,
} from './events.ts';
export { buildForgetting } from './forgetting.ts';
export { buildIdentity, type Identity, type IdentitySettings } from './identity.ts';
export { identityMigrations } from './migrations.ts';
export type { DeletePart } from './parts.ts';
export { buildResetMail, type ResetMail } from './reset-mail.ts';
export {
  type OwnSession,
  PasswordChange,
  PasswordReset,
  type Person,
  type Profile,
  ProfileChange,
  type PublicProfile,
  Registration,
  type ServiceKey,
  type SignedIn,
  scopePattern,
} from './schema.ts';
export { isServiceKey } from './tokens.ts';
