/** The platform role of an account, in the office vocabulary. */
export const roles = ['GUEST', 'EMPLOYER', 'MANAGER', 'HR', 'ADMIN'] as const;
export type Role = (typeof roles)[number];

/** Who acts, as proven by a verified token; every function that acts for somebody takes one first. */
export type Principal = Readonly<{
  /** Internal number of the account. */
  account: number;
  /** Public id of the account, a UUID. */
  id: string;
  /** Internal number of the login session. */
  session: number;
  /** Public id of the login session, a UUID: the `sid` of its tokens. */
  sessionId: string;
  role: Role;
  /** When the proof ends, in milliseconds since 1970: a live connection must not outlast it. */
  until: number;
}>;
