/** Types of the rows that identity writes to `user:{account}`. */
export const identityEvents = { sessionsRevoked: 'session.revoked', roleChanged: 'account.role' } as const;

/** Payload of `session.revoked`: public ids (`sid`) of login sessions that ended; their sockets must close. */
export type SessionsRevoked = Readonly<{ sessions: readonly string[] }>;

/** Payload of `account.role`: the role from now on. */
export type RoleChanged = Readonly<{ role: string }>;
