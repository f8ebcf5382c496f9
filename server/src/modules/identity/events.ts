/** Types of the rows that identity writes to `user:{account}`. */
export const identityEvents = {
  sessionsRevoked: 'session.revoked',
  roleChanged: 'account.role',
  blocked: 'account.blocked',
  unblocked: 'account.unblocked',
  updated: 'account.updated',
  deleted: 'account.deleted',
} as const;

/** Payload of `session.revoked`: public ids (`sid`) of login sessions that ended; their sockets must close. */
export type SessionsRevoked = Readonly<{ sessions: readonly string[] }>;

/** Payload of `account.role`: the role from now on. */
export type RoleChanged = Readonly<{ role: string }>;

/** Payload of `account.blocked` and `account.unblocked`: the other, by public id and internal number, who hears nothing of it. */
export type BlockChanged = Readonly<{ userId: string; account: number }>;

/** Payload of `account.updated`: the public id of the account whose name, picture or status message is another. */
export type AccountUpdated = Readonly<{ userId: string }>;

/** Payload of `account.deleted`: its public id. */
export type AccountDeleted = Readonly<{ userId: string }>;
