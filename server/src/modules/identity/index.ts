export { identityErrors } from './errors.ts';
export { identityEvents, type SessionsRevoked } from './events.ts';
export { buildIdentity, type Identity, type IdentitySettings } from './identity.ts';
export { identityMigrations } from './migrations.ts';
export type { Origin, Profile, SignedIn } from './schema.ts';
