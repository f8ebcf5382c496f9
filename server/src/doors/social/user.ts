import { type TSchema, Type } from 'typebox';
import { isoTime } from '../../kernel/clock.ts';
import type { Role } from '../../kernel/principal.ts';
import type { Profile } from '../../modules/identity/index.ts';

/** `null` instead of a value, in the one form that is also fast to write. */
export const nullable = <Schema extends TSchema & { type: string }>(schema: Schema) =>
  Type.Unsafe<string | null>({ ...schema, type: [schema.type, 'null'] });

const brief = {
  id: Type.String(),
  username: Type.String(),
  email: Type.String(),
  role: Type.String(),
  isOnline: Type.Boolean(),
  lastSeen: Type.String(),
};
const own = { ...brief, avatar: nullable(Type.String()), statusMessage: nullable(Type.String()) };

/** The forms in which the document shows the caller's own account: after a login, at `me`, after a registration. */
export const briefUserSchema = Type.Object(brief, { additionalProperties: false });
export const ownUserSchema = Type.Object(own, { additionalProperties: false });
export const newUserSchema = Type.Object(
  {
    ...own,
    createdAt: Type.String(),
    updatedAt: Type.String(),
    accessToken: Type.String(),
    refreshToken: Type.String(),
  },
  { additionalProperties: false },
);

/** This door knows two roles. */
const socialRole = (role: Role): 'ADMIN' | 'USER' => (role === 'ADMIN' ? 'ADMIN' : 'USER');

/** An account in this door's words; the answer's schema takes from it what it shows. */
export const userView = (profile: Profile, isOnline: boolean) => ({
  id: profile.id,
  username: profile.username,
  email: profile.email,
  avatar: profile.avatar,
  statusMessage: profile.statusMessage,
  role: socialRole(profile.role),
  isOnline,
  lastSeen: isoTime(profile.lastSeen),
  createdAt: isoTime(profile.createdAt),
  updatedAt: isoTime(profile.updatedAt),
});
