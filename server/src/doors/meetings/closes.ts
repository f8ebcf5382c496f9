/** Codes with which the sockets of meetings are closed, beside those of every WebSocket. */
export const meetingCloses = {
  SESSION_ENDED: { code: 4001, reason: 'The login session has ended' },
  REMOVED: { code: 4003, reason: 'You were removed from this meeting' },
  ENDED: { code: 4004, reason: 'The meeting has ended' },
} as const;
