export { identityErrors } from './errors.ts';
export { identityEvents, type RoleChanged, type SessionsRevoked } from './events.ts';
export { buildIdentity, type Identity, type IdentitySettings } from './identity.ts';
export { identityMigrations } from './migrations.ts';
export {
  Credentials,
  type Origin,
  type Person,
  type Profile,
  Registration,
  type ServiceKey,
  type SignedIn,
  type Tokens,
} from './schema.ts';
