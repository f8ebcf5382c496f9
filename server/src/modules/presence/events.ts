/** Types of the signals of this module. They are in no log: who has no live connection never hears of them. */
export const presenceSignals = {
  online: 'presence.online',
  offline: 'presence.offline',
  typingStarted: 'typing.started',
  typingStopped: 'typing.stopped',
  /** Its body is the public profile. */
  profile: 'profile.changed',
} as const;

/** Body of `presence.online` and `presence.offline`: the public id of the account. */
export type PresenceChanged = Readonly<{ userId: string }>;

/** Body of `typing.started` and `typing.stopped`: who types, and in which group; `null` in a direct conversation. */
export type TypingChanged = Readonly<{ userId: string; groupId: string | null }>;
