import { type Static, Type } from 'typebox';
import type { Principal, Role } from '../../kernel/principal.ts';
import { compileCheck } from '../../kernel/schema.ts';

/** Where a request came from: the address that limits count, and what the client calls itself. */
export type Origin = Readonly<{ address: string; device: string | null }>;

/** An account as its owner sees it. Times are milliseconds since 1970. */
export type Profile = Readonly<{
  id: string;
  username: string;
  email: string;
  avatar: string | null;
  statusMessage: string | null;
  role: Role;
  lastSeen: number;
  /** The last registration, login or refresh. */
  signedInAt: number;
  createdAt: number;
  updatedAt: number;
}>;

/** An account as others see it; `account` is its internal number. */
export type Person = Readonly<{ account: number; id: string; username: string; avatar: string | null }>;

export type Tokens = Readonly<{ accessToken: string; refreshToken: string }>;

export type SignedIn = Tokens & Readonly<{ principal: Principal; profile: Profile }>;

/** A program that calls. */
export type ServiceKey = Readonly<{ id: string; name: string; scopes: readonly string[] }>;

const email = Type.String({
  minLength: 3,
  maxLength: 254,
  pattern: '^\\s*[^\\s@]+@[^\\s@]+\\s*$',
  fault: 'is not an email address',
});
const username = Type.String({ minLength: 1, maxLength: 50 });
/** The limit on length bounds the work of hashing; each door may ask for more. */
const password = Type.String({ minLength: 8, maxLength: 128 });

export const Registration = Type.Object({ username, email, password });
export type Registration = Static<typeof Registration>;
export const checkRegistration = compileCheck(Registration);

export const Credentials = Type.Object({
  email: Type.String({ maxLength: 254 }),
  password: Type.String({ maxLength: 128 }),
});
export type Credentials = Static<typeof Credentials>;
export const checkCredentials = compileCheck(Credentials);

const scope = Type.String({
  pattern: '^[a-z]+([:.-][a-z]+)*$',
  maxLength: 50,
  fault: 'must be written like push:send',
});

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
