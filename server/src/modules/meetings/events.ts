import type { BreakoutRoom, ChatMessage, ParticipantRole, ParticipantStatus, Permission } from './schema.ts';

/**
 * Topics: `meeting:{id}`, which is read by those who are joined (a row of `joined` lets in, `left` lets out). What only one
 * person may know (who waits, to a host; that one waits, is admitted or removed; a private chat message) goes to the topics
 * of the accounts themselves. Every body begins with the meeting's public id, and ids are UUIDs.
 */
export const meetingEvents = {
  started: 'meeting.started',
  ended: 'meeting.ended',
  /** Before it began. */
  cancelled: 'meeting.cancelled',
  joined: 'meeting.joined',
  left: 'meeting.left',
  /** Status flags or the role of somebody have changed. */
  participant: 'meeting.participant',
  /** To hosts: somebody waits. To who waits: admitted, refused or removed. */
  waiting: 'meeting.waiting',
  chat: 'meeting.chat',
  policy: 'meeting.policy',
  /** Breakout rooms were opened, close in a moment, or are closed. */
  rooms: 'meeting.rooms',
  /** Somebody went into a breakout room, to another, or back. */
  roomMoved: 'meeting.room_moved',
} as const;

/** Signals, around the log: nothing of them is kept. */
export const meetingSignals = { reaction: 'meeting.reaction' } as const;

/** `duration`: seconds. */
export type ReactionShown = Readonly<{
  meetingId: string;
  userId: string;
  type: string;
  duration: number;
  at: number;
}>;

export type MeetingStarted = Readonly<{ meetingId: string; byId: string; at: number }>;
export type MeetingEnded = Readonly<{
  meetingId: string;
  /** `null`: by itself. */
  byId: string | null;
  at: number;
  durationMinutes: number;
  participantCount: number;
}>;
export type MeetingCancelled = Readonly<{ meetingId: string; byId: string; at: number }>;
export type ParticipantJoined = Readonly<{
  meetingId: string;
  userId: string;
  name: string;
  role: ParticipantRole;
  deviceType: string;
  /** What the client says it is, where it came with that. */
  browserInfo: string | null;
  /** Whoever did it: they themselves, or the host who let them in. Its own sockets need not hear of it. */
  byId: string;
  at: number;
}>;
export type ParticipantLeft = Readonly<{
  meetingId: string;
  userId: string;
  /** As above; `null`: the server, e.g. because the meeting ended. */
  byId: string | null;
  at: number;
  removed: boolean;
}>;
/** What has changed, and all flags as they are now. */
export type ParticipantChanged = Readonly<{
  meetingId: string;
  userId: string;
  role: ParticipantRole;
  isMuted: boolean;
  isVideoEnabled: boolean;
  isScreenSharing: boolean;
  isHandRaised: boolean;
  /** Whether it was the raised hand that changed. */
  handChanged: boolean;
  /** As above. */
  byId: string | null;
  at: number;
}>;
export type WaitingChanged = Readonly<{
  meetingId: string;
  userId: string;
  name: string;
  status: ParticipantStatus;
  at: number;
}>;

/** What everybody in the meeting may know of its policy: what it lets them do now. */
export type PolicyApplied = Readonly<{
  meetingId: string;
  byId: string;
  requireWaitingRoom: boolean;
  recording: Permission;
  screenShare: Permission;
  chat: Permission;
  disableCamera: boolean;
  lock: boolean;
  at: number;
}>;

/** To the meeting's topic, or a breakout room's; of a private message to the two accounts' own. */
export type ChatSent = Readonly<{ meetingId: string }> & ChatMessage;
export type RoomsChanged = Readonly<{
  meetingId: string;
  state: 'open' | 'closing' | 'closed';
  /** `null`: by the time limit. */
  byId: string | null;
  rooms: readonly BreakoutRoom[];
  /** Who was put where when they were opened. */
  assigned: readonly Readonly<{ userId: string; roomId: string }>[];
  at: number;
}>;
/** `roomId` null: back to all the others. */
export type RoomMoved = Readonly<{
  meetingId: string;
  userId: string;
  roomId: string | null;
  byId: string;
  at: number;
}>;
