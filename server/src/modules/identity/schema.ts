import { type Static, Type } from 'typebox';
import type { Principal, Role } from '../../kernel/principal.ts';
import { compileCheck } from '../../kernel/schema.ts';

/**
 * Where a request came from: the address that limits count, what the client calls itself, and whether it is the page of
 * somebody else that asks through a browser.
 */
export type Origin = Readonly<{ address: string; device: string | null; foreign: boolean }>;

/** Whether somebody is there; `lastSeen` in milliseconds since 1970, which is now for who is. */
export type Presence = Readonly<{ isOnline: boolean; lastSeen: number }>;

/** An account as any other sees it. */
export type PublicProfile = Presence &
  Readonly<{ id: string; username: string; avatar: string | null; statusMessage: string | null }>;

/** One page of a list of accounts; `capped`: a search stopped counting, there are more than `total`. */
export type PersonList = Readonly<{ people: readonly Person[]; total: number; capped: boolean }>;

/** Somebody whom an account has blocked, and since when, in milliseconds since 1970. */
export type Blocked = Person & Readonly<{ blockedAt: number }>;

/** An account as its owner sees it. Times are milliseconds since 1970. */
export type Profile = PublicProfile & Readonly<{ email: string; role: Role; createdAt: number; updatedAt: number }>;

/** An account as others see it; `account` is its internal number. */
export type Person = Readonly<{ account: number; id: string; username: string; avatar: string | null }>;

export type Tokens = Readonly<{ accessToken: string; refreshToken: string }>;

/** A live login session as its owner sees it. Times are milliseconds since 1970. */
export type OwnSession = Readonly<{
  id: string;
  /** What its client calls itself. */
  device: string | null;
  address: string;
  createdAt: number;
  /** The login, or the last refresh. */
  lastUsed: number;
  /** Whether the caller asks from it. */
  current: boolean;
}>;

export type SignedIn = Tokens & Readonly<{ principal: Principal; profile: Profile }>;

/** A program that calls. */
export type ServiceKey = Readonly<{ id: string; name: string; scopes: readonly string[] }>;
/** Times in milliseconds since 1970. */
export type StoredKey = ServiceKey & Readonly<{ createdAt: number; revokedAt: number | null }>;

const email = Type.String({ format: 'email', maxLength: 254, 'x-fault': 'is not an email address' });
const username = Type.String({
  minLength: 3,
  maxLength: 50,
  pattern: '^[A-Za-z0-9_]+$',
  'x-fault': 'may have only the letters a to z, digits and _',
});
/** The limit on length bounds the work of hashing. */
const password = Type.String({
  minLength: 8,
  maxLength: 128,
  pattern: '^(?=[^]*[a-z])(?=[^]*[A-Z])(?=[^]*[0-9])',
  'x-fault': 'must have a small letter, a capital letter and a digit',
});

/** What a page may load for everybody who looks: the server never fetches it. */
const picture = Type.String({
  maxLength: 2_048,
  pattern: '^https?://[^\\s\\u0000]+$',
  'x-fault': 'must be an address with http:// or https://',
});
const statusMessage = Type.String({
  maxLength: 200,
  pattern: '^[^\\u0000]*$',
  'x-fault': 'must not contain the character NUL',
});

/** What an owner may change; `null` empties a field, what is missing stays. */
export const ProfileChange = Type.Object(
  {
    username: Type.Optional(username),
    avatar: Type.Optional(Type.Union([picture, Type.Null()])),
    statusMessage: Type.Optional(Type.Union([statusMessage, Type.Null()])),
  },
  { examples: [{ statusMessage: 'Busy' }] },
);
export type ProfileChange = Static<typeof ProfileChange>;
export const checkProfileChange = compileCheck(ProfileChange);

/** What every account that a person makes must keep to, whichever way it comes. */
export const Registration = Type.Object(
  { username, email, password },
  { examples: [{ username: 'lin', email: 'lin@example.org', password: 'Correct-Horse-1' }] },
);
export type Registration = Static<typeof Registration>;
export const checkRegistration = compileCheck(Registration);

/** Of who says it is theirs; only text that a database takes can be anybody's. */
const claimedEmail = Type.String({
  maxLength: 254,
  pattern: '^[^\\u0000]*$',
  'x-fault': 'must not contain the character NUL',
});

export const Credentials = Type.Object({
  email: claimedEmail,
  password: Type.String({ maxLength: 128 }),
});
export type Credentials = Static<typeof Credentials>;
export const checkCredentials = compileCheck(Credentials);

export const PasswordChange = Type.Object(
  {
    currentPassword: Type.String({ minLength: 1, maxLength: 128 }),
    newPassword: password,
  },
  { examples: [{ currentPassword: 'Correct-Horse-1', newPassword: 'Battery-Staple-2' }] },
);
export type PasswordChange = Static<typeof PasswordChange>;
export const checkPasswordChange = compileCheck(PasswordChange);

/** `code`: what `resetCode` made for this email. */
export const PasswordReset = Type.Object(
  {
    email: claimedEmail,
    code: Type.String({ minLength: 1, maxLength: 64 }),
    password,
  },
  { examples: [{ email: 'lin@example.org', code: '7K2M-9QXT-4WPD-HR6A', password: 'Battery-Staple-2' }] },
);
export type PasswordReset = Static<typeof PasswordReset>;
export const checkPasswordReset = compileCheck(PasswordReset);

export const scopePattern = '^[a-z]+([:.-][a-z]+)*$';
const scope = Type.String({ pattern: scopePattern, maxLength: 50, 'x-fault': 'must be written like push:send' });

export const KeyRequest = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  scopes: Type.Array(scope, { maxItems: 50 }),
});
export type KeyRequest = Static<typeof KeyRequest>;
export const checkKeyRequest = compileCheck(KeyRequest);

/** The spelling under which an email is unique. */
export const emailKey = (text: string): string => text.trim().toLowerCase();

/** The spelling under which a username is unique. */
export const usernameKey = (text: string): string => text.trim().toLowerCase();
