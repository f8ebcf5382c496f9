/**
 * Type of the row of `user:{account}` that keeps a push until its account has read the log so far, and of the signal that
 * carries one past the log to who is there.
 */
export const pushEvent = 'push.sent';

/** Payload of both: the name of the event, and what it carries, unchanged. */
export type Pushed = Readonly<{ event: string; message: unknown }>;
