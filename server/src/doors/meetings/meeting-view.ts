import { Type } from 'typebox';
import { nullable } from '../../infra/http/nullable.ts';
import { pagination } from '../../infra/http/page.ts';
import type { Page } from '../../kernel/page.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import {
  type HostPart,
  type Meeting,
  type MeetingEnded,
  type MeetingList,
  type MeetingStarted,
  meetingStatuses,
  type OwnMeeting,
  participantRoles,
  participantStatuses,
  permissions,
  type WholeMeeting,
} from '../../modules/meetings/index.ts';
import { isoOrNull, isoSeconds } from './times.ts';

const strict = { additionalProperties: false };
const text = Type.String();
const flag = Type.Boolean();
const count = Type.Integer();
const permission = Type.Enum(permissions);
const role = Type.Enum(participantRoles);
const status = Type.Enum(participantStatuses);

const meeting = {
  meeting_id: text,
  title: text,
  description: nullable(text),
  creator_id: text,
  host_id: text,
  status: Type.Enum(meetingStatuses),
  scheduled_at: nullable(text),
  time_zone: nullable(text),
  duration_minutes: nullable(count),
  started_at: nullable(text),
  ended_at: nullable(text),
  attendance_count: count,
  active_participants: count,
  /** The caller's own. */
  role: Type.Union([role, Type.Null()]),
  participant_status: Type.Union([status, Type.Null()]),
  created_at: text,
};
const policy = Type.Object(
  {
    require_waiting_room: flag,
    require_password: flag,
    allow_anonymous_join: flag,
    max_participants: nullable(count),
    allowed_domains: Type.Array(text),
    blocked_users: Type.Array(text),
    recording_permissions: permission,
    screen_share_permissions: permission,
    chat_permissions: permission,
    mute_on_entry: flag,
    disable_camera: flag,
    lock_meeting: flag,
  },
  strict,
);
const invited = Type.Object({ user_id: text, user_name: text, role, status }, strict);

/** What only hosts see is null for everybody else. */
export const meetingSchema = Type.Object(
  {
    ...meeting,
    policy: Type.Union([policy, Type.Null()]),
    invited: Type.Union([Type.Array(invited), Type.Null()]),
  },
  strict,
);

export const meetingView = ({ forHosts, ...one }: WholeMeeting) => ({
  ...listedView(one),
  policy: forHosts === null ? null : policyView(forHosts.policy),
  invited: forHosts === null ? null : forHosts.invited.map(invitedView),
});

const policyView = (one: HostPart['policy']) => ({
  require_waiting_room: one.requireWaitingRoom,
  require_password: one.requirePassword,
  allow_anonymous_join: one.allowAnonymousJoin,
  max_participants: one.maxParticipants,
  allowed_domains: [...one.allowedDomains],
  blocked_users: one.blocked.map((entry) => (entry.includes('@') ? entry : ulidOf(entry))),
  recording_permissions: one.recording,
  screen_share_permissions: one.screenShare,
  chat_permissions: one.chat,
  mute_on_entry: one.muteOnEntry,
  disable_camera: one.disableCamera,
  lock_meeting: one.lock,
});

const invitedView = (one: HostPart['invited'][number]) => ({
  user_id: ulidOf(one.userId),
  user_name: one.name,
  role: one.role,
  status: one.status,
});

const listedView = (one: OwnMeeting) => ({
  meeting_id: ulidOf(one.id),
  title: one.title,
  description: one.description,
  creator_id: ulidOf(one.creatorId),
  host_id: ulidOf(one.hostId),
  status: one.status,
  scheduled_at: isoOrNull(one.scheduledAt),
  time_zone: one.timeZone,
  duration_minutes: one.durationMinutes,
  started_at: isoOrNull(one.startedAt),
  ended_at: isoOrNull(one.endedAt),
  attendance_count: one.attendance,
  active_participants: one.present,
  role: one.own?.role ?? null,
  participant_status: one.own?.status ?? null,
  created_at: isoSeconds(one.createdAt),
});

const pages = Type.Object({ page: count, limit: count, total: count, total_pages: count }, strict);

export const meetingListSchema = Type.Object(
  { meetings: Type.Array(Type.Object(meeting, strict)), pagination: pages },
  strict,
);

export function meetingListView({ meetings, total }: MeetingList, page: Page) {
  const { totalPages: total_pages, ...others } = pagination(page, total);
  return { meetings: meetings.map(listedView), pagination: { ...others, total_pages } };
}

export const startedSchema = Type.Object({ meeting_id: text, started_by: text, started_at: text }, strict);

export const startedView = ({ meetingId, byId, at }: MeetingStarted) => ({
  meeting_id: ulidOf(meetingId),
  started_by: ulidOf(byId),
  started_at: isoSeconds(at),
});

export const endedSchema = Type.Object(
  { meeting_id: text, ended_by: text, ended_at: text, duration_minutes: count },
  strict,
);

export const endedView = ({ meetingId, byId, at, durationMinutes }: MeetingEnded & { byId: string }) => ({
  meeting_id: ulidOf(meetingId),
  ended_by: ulidOf(byId),
  ended_at: isoSeconds(at),
  duration_minutes: durationMinutes,
});

export const statusSchema = Type.Object(
  {
    meeting_id: text,
    status: Type.Enum(meetingStatuses),
    is_active: flag,
    started_at: nullable(text),
    ended_at: nullable(text),
    attendance_count: count,
    is_recording: flag,
    active_participants: count,
  },
  strict,
);

export const statusView = (one: Meeting) => ({
  meeting_id: ulidOf(one.id),
  status: one.status,
  is_active: one.status === 'in_progress',
  started_at: isoOrNull(one.startedAt),
  ended_at: isoOrNull(one.endedAt),
  attendance_count: one.attendance,
  is_recording: one.isRecording,
  active_participants: one.present,
});
