import { Type } from 'typebox';
import { nullable } from '../../infra/http/nullable.ts';
import { isoTime } from '../../kernel/clock.ts';
import type { Role } from '../../kernel/principal.ts';
import type { Profile, PublicProfile } from '../../modules/identity/index.ts';

const brief = {
  id: Type.String(),
  username: Type.String(),
  email: Type.String(),
  role: Type.String(),
  isOnline: Type.Boolean(),
  lastSeen: Type.String(),
};
const own = { ...brief, avatar: nullable(Type.String()), statusMessage: nullable(Type.String()) };

/** The forms in which the document shows somebody: by id, in a list, to themselves after a change. */
export const userSchema = Type.Object(
  {
    id: own.id,
    username: own.username,
    avatar: own.avatar,
    statusMessage: own.statusMessage,
    isOnline: own.isOnline,
    lastSeen: own.lastSeen,
  },
  { additionalProperties: false },
);
export const listedUserSchema = Type.Object(
  { id: own.id, username: own.username, avatar: own.avatar },
  { additionalProperties: false },
);
export const changedUserSchema = Type.Object(
  { ...listedUserSchema.properties, statusMessage: own.statusMessage },
  { additionalProperties: false },
);

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
export const userView = ({ id, username, avatar, statusMessage, isOnline, lastSeen }: PublicProfile) => ({
  id,
  username,
  avatar,
  statusMessage,
  isOnline,
  lastSeen: isoTime(lastSeen),
});

export const ownUserView = (profile: Profile) => ({
  ...userView(profile),
  email: profile.email,
  role: socialRole(profile.role),
  createdAt: isoTime(profile.createdAt),
  updatedAt: isoTime(profile.updatedAt),
});
