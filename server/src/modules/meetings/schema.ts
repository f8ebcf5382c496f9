import { type Static, Type } from 'typebox';
import { clientKey } from '../../infra/log/keys.ts';

/** People that a meeting invites, and the most that any policy lets in. */
const mostInvited = 500;
export const mostParticipants = 1_000;

export const meetingStatuses = ['scheduled', 'in_progress', 'ended', 'cancelled'] as const;
export type MeetingStatus = (typeof meetingStatuses)[number];

/** A host is one, co-hosts any number. */
export const participantRoles = ['host', 'co-host', 'attendee'] as const;
export type ParticipantRole = (typeof participantRoles)[number];

/** `invited`: named, and never here yet. */
export const participantStatuses = ['invited', 'waiting', 'joined', 'left', 'removed'] as const;
export type ParticipantStatus = (typeof participantStatuses)[number];

export const deviceTypes = ['desktop', 'mobile', 'tablet', 'browser', 'room', 'unknown'] as const;

export const permissions = ['all', 'host', 'none'] as const;
export type Permission = (typeof permissions)[number];
const permission = Type.Optional(Type.Unsafe<Permission>(Type.Union(permissions.map((value) => Type.Literal(value)))));

const nothing = Type.Null();
const orNothing = <Schema extends Parameters<typeof Type.Union>[0][number]>(schema: Schema) =>
  Type.Optional(Type.Union([schema, nothing]));
// The character NUL is refused: PostgreSQL cannot keep it.
const plain = { pattern: '^[^\\u0000]*$', 'x-fault': 'must not contain the character NUL' };
/** In either spelling. */
const id = Type.String({ minLength: 1, maxLength: 64 });
const domain = Type.String({
  pattern: '^(?=.{1,253}$)[A-Za-z0-9-]+(?:\\.[A-Za-z0-9-]+)+$',
  'x-fault': 'is not a domain such as example.com',
});
const password = Type.String({ minLength: 1, maxLength: 128 });

/** What a host lets people do. A change names only what it changes. */
export const policyChange = Type.Object(
  {
    require_waiting_room: Type.Optional(Type.Boolean()),
    require_password: Type.Optional(Type.Boolean()),
    /** Kept as a hash; never answered. */
    password: orNothing(password),
    allow_anonymous_join: Type.Optional(Type.Boolean()),
    max_participants: orNothing(Type.Integer({ minimum: 1, maximum: mostParticipants })),
    allowed_domains: Type.Optional(Type.Array(domain, { maxItems: 100 })),
    /** Accounts by id, or by email. */
    blocked_users: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 320, ...plain }), { maxItems: 500 }),
    ),
    recording_permissions: permission,
    screen_share_permissions: permission,
    chat_permissions: permission,
    mute_on_entry: Type.Optional(Type.Boolean()),
    disable_camera: Type.Optional(Type.Boolean()),
    lock_meeting: Type.Optional(Type.Boolean()),
  },
  { examples: [{ require_waiting_room: true, mute_on_entry: true }] },
);
export type PolicyChange = Static<typeof policyChange>;

/** As it is kept; `blockedUsers`: account numbers. The password is beside it, hashed. */
export type Policy = Readonly<{
  requireWaitingRoom: boolean;
  requirePassword: boolean;
  allowAnonymousJoin: boolean;
  maxParticipants: number | null;
  allowedDomains: readonly string[];
  blockedUsers: readonly number[];
  /** Emails that nobody here has yet. */
  blockedEmails: readonly string[];
  recording: Permission;
  screenShare: Permission;
  chat: Permission;
  muteOnEntry: boolean;
  disableCamera: boolean;
  lock: boolean;
}>;

export const openPolicy: Policy = {
  requireWaitingRoom: false,
  requirePassword: false,
  allowAnonymousJoin: false,
  maxParticipants: null,
  allowedDomains: [],
  blockedUsers: [],
  blockedEmails: [],
  recording: 'host',
  screenShare: 'all',
  chat: 'all',
  muteOnEntry: false,
  disableCamera: false,
  lock: false,
};

const title = Type.String({
  maxLength: 200,
  pattern: '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$',
  'x-fault': 'must say something, and must not contain the character NUL',
});
const moment = Type.String({
  format: 'date-time',
  'x-fault': 'is not a time such as 2026-12-01T09:00:00Z',
});
const zone = Type.String({ minLength: 1, maxLength: 64 });

/** A meeting to be: `time_zone` is an IANA name, for people and calendars; `scheduled_at` says the moment by itself. */
export const meetingDraft = Type.Object(
  {
    title,
    description: orNothing(Type.String({ maxLength: 5_000, ...plain })),
    scheduled_at: orNothing(moment),
    time_zone: orNothing(zone),
    duration_minutes: orNothing(Type.Integer({ minimum: 1, maximum: 1_440 })),
    invited: Type.Optional(Type.Array(id, { maxItems: mostInvited })),
    policy: Type.Optional(policyChange),
    client_id: orNothing(clientKey),
  },
  { examples: [{ title: 'Weekly', scheduled_at: '2026-12-01T09:00:00Z', time_zone: 'Europe/Berlin' }] },
);
export type MeetingDraft = Static<typeof meetingDraft>;

export const meetingChange = Type.Partial(Type.Omit(meetingDraft, ['policy', 'client_id']), {
  examples: [{ title: 'Weekly, with the new people', duration_minutes: 45 }],
});
export type MeetingChange = Static<typeof meetingChange>;

export const joinDraft = Type.Object({
  connection_id: orNothing(Type.String({ minLength: 1, maxLength: 128, ...plain })),
  device_type: orNothing(Type.String({ minLength: 1, maxLength: 32 })),
  /** Shown to the others in the meeting, and not kept. */
  browser_info: orNothing(Type.String({ minLength: 1, maxLength: 256, ...plain })),
  join_muted: orNothing(Type.Boolean()),
  join_without_video: orNothing(Type.Boolean()),
  password: orNothing(password),
});
export type JoinDraft = Static<typeof joinDraft>;

const flag = Type.Optional(Type.Boolean());

/** A change names only what it changes. A host may name somebody else, and switch off or into the waiting room and out of it. */
export const statusChange = Type.Object(
  {
    is_muted: flag,
    is_video_enabled: flag,
    is_screen_sharing: flag,
    is_hand_raised: flag,
    is_in_waiting_room: flag,
    participant_user_id: orNothing(id),
  },
  { examples: [{ is_muted: false, is_hand_raised: true }] },
);
export type StatusChange = Static<typeof statusChange>;

/** What is there of a meeting, whoever asks. Times in milliseconds since 1970; ids are UUIDs, doors spell them as they do. */
export type Meeting = Readonly<{
  id: string;
  title: string;
  description: string | null;
  creatorId: string;
  hostId: string;
  status: MeetingStatus;
  scheduledAt: number | null;
  timeZone: string | null;
  durationMinutes: number | null;
  startedAt: number | null;
  startedById: string | null;
  endedAt: number | null;
  endedById: string | null;
  /** Distinct people who ever joined, and those who are there now. */
  attendance: number;
  present: number;
  isRecording: boolean;
  createdAt: number;
  updatedAt: number;
}>;

/** A meeting as one account sees it. */
export type OwnMeeting = Meeting &
  Readonly<{
    /** `null`: an administrator who was never in it. */
    own: Readonly<{ role: ParticipantRole; status: ParticipantStatus }> | null;
  }>;

/** What hosts see of a meeting besides. The password is never shown, and `blocked` has ids and emails. */
export type HostPart = Readonly<{
  policy: Omit<Policy, 'blockedUsers' | 'blockedEmails'> & Readonly<{ blocked: readonly string[] }>;
  invited: readonly Invited[];
}>;
export type Invited = Readonly<{ userId: string; name: string; role: ParticipantRole; status: ParticipantStatus }>;
export type WholeMeeting = OwnMeeting & Readonly<{ forHosts: HostPart | null }>;

const roles = ['mine', 'invited'] as const;

/** Of a list. The time is that for which a meeting is scheduled, or else at which it was made. */
export const meetingFilter = Type.Object({
  status: Type.Optional(Type.Enum(meetingStatuses)),
  from: Type.Optional(Type.String({ ...moment, description: 'Not before this time' })),
  to: Type.Optional(Type.String({ ...moment, description: 'Before this time' })),
  role: Type.Optional(Type.Enum(roles, { description: 'mine: those that you planned or host; invited: by others' })),
});
export type MeetingFilter = Static<typeof meetingFilter>;

/** Somebody in a meeting. */
export type Participant = Readonly<{
  id: string;
  userId: string;
  name: string;
  role: ParticipantRole;
  status: ParticipantStatus;
  isMuted: boolean;
  isVideoEnabled: boolean;
  isScreenSharing: boolean;
  isHandRaised: boolean;
  deviceType: string;
  joinedAt: number | null;
  leftAt: number | null;
  /** The public id of the breakout room that they are in. */
  roomId: string | null;
}>;

export const chatTypes = ['text', 'file', 'image'] as const;
export type ChatType = (typeof chatTypes)[number];
const chatType = Type.Unsafe<ChatType>(Type.Union(chatTypes.map((value) => Type.Literal(value))));

/** What somebody says to all, or to `recipient_id` alone. It is kept as it is: whoever shows it makes it safe to show. */
export const chatDraft = Type.Object(
  {
    content: Type.String({ minLength: 1, maxLength: 5_000, ...plain }),
    message_type: orNothing(chatType),
    recipient_id: orNothing(id),
    file_url: orNothing(
      Type.String({
        maxLength: 2_048,
        pattern: '^[Hh][Tt][Tt][Pp][Ss]?://[^\\s\\u0000/?#]+[^\\s\\u0000]*$',
        'x-fault': 'must be an address that begins with https:// or http://',
      }),
    ),
    file_name: orNothing(Type.String({ minLength: 1, maxLength: 255, ...plain })),
    file_type: orNothing(Type.String({ minLength: 1, maxLength: 127, ...plain })),
    file_size: orNothing(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
    client_id: orNothing(clientKey),
  },
  { examples: [{ content: 'Hello everyone!', message_type: 'text' }] },
);
export type ChatDraft = Static<typeof chatDraft>;

export type ChatFile = Readonly<{ url: string | null; name: string | null; type: string | null; size: number | null }>;

export type ChatMessage = Readonly<{
  id: string;
  senderId: string;
  senderName: string;
  /** `null`: to everybody in the meeting, or in the breakout room. */
  recipientId: string | null;
  roomId: string | null;
  content: string;
  type: ChatType;
  file: ChatFile | null;
  at: number;
}>;

const mostRooms = 50;
const roomCapacity = Type.Integer({ minimum: 1, maximum: mostParticipants });

/** Breakout rooms: as many as `room_count` says, and at least those that are named. */
export const roomsDraft = Type.Object(
  {
    room_count: orNothing(Type.Integer({ minimum: 1, maximum: mostRooms })),
    rooms: orNothing(
      Type.Array(
        Type.Object({
          name: orNothing(Type.String({ minLength: 1, maxLength: 100, ...plain })),
          description: orNothing(Type.String({ maxLength: 1_000, ...plain })),
          capacity: orNothing(roomCapacity),
          settings: orNothing(
            Type.Object({
              allow_chat: Type.Optional(Type.Boolean()),
              allow_screen_share: Type.Optional(Type.Boolean()),
            }),
          ),
        }),
        { maxItems: mostRooms },
      ),
    ),
    auto_assign: Type.Optional(Type.Boolean()),
    allow_participants_to_choose: Type.Optional(Type.Boolean()),
    allow_participants_to_return: Type.Optional(Type.Boolean()),
    time_limit_minutes: orNothing(Type.Integer({ minimum: 1, maximum: 1_440 })),
  },
  { examples: [{ room_count: 3, auto_assign: true, time_limit_minutes: 30 }] },
);
export type RoomsDraft = Static<typeof roomsDraft>;

const assignmentTypes = ['manual', 'auto', 'self'] as const;

/** Who goes where. Without a room they come back, or with `auto` go where the fewest are. */
export const assignDraft = Type.Object(
  {
    participant_user_id: orNothing(id),
    breakout_room_id: orNothing(id),
    assignment_type: orNothing(Type.Union(assignmentTypes.map((value) => Type.Literal(value)))),
  },
  { examples: [{ participant_user_id: '01KFMQ8XH6J5V3B0R2ZD9T7WNC', assignment_type: 'auto' }] },
);
export type AssignDraft = Static<typeof assignDraft>;

export type BreakoutRoom = Readonly<{
  id: string;
  name: string;
  description: string | null;
  capacity: number | null;
  people: number;
  isActive: boolean;
  allowChat: boolean;
  allowScreenShare: boolean;
  /** When they close by themselves. */
  closesAt: number | null;
}>;
