import { Type } from 'typebox';
import { nullable } from '../../infra/http/nullable.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import {
  type OwnStatus,
  type Participant,
  participantRoles,
  participantStatuses,
} from '../../modules/meetings/index.ts';
import { isoOrNull, isoSeconds } from './times.ts';

const strict = { additionalProperties: false };
const text = Type.String();
const flag = Type.Boolean();
const role = Type.Enum(participantRoles);
const status = Type.Enum(participantStatuses);

export const participantSchema = Type.Object(
  {
    participant_id: text,
    user_id: text,
    user_name: text,
    role,
    status,
    is_muted: flag,
    is_video_enabled: flag,
    is_screen_sharing: flag,
    is_hand_raised: flag,
    joined_at: nullable(text),
    device_type: text,
    breakout_room_id: nullable(text),
  },
  strict,
);

export const participantView = (one: Participant) => ({
  participant_id: ulidOf(one.id),
  user_id: ulidOf(one.userId),
  user_name: one.name,
  role: one.role,
  status: one.status,
  is_muted: one.isMuted,
  is_video_enabled: one.isVideoEnabled,
  is_screen_sharing: one.isScreenSharing,
  is_hand_raised: one.isHandRaised,
  joined_at: isoOrNull(one.joinedAt),
  device_type: one.deviceType,
  breakout_room_id: one.roomId === null ? null : ulidOf(one.roomId),
});

export const joinedSchema = Type.Object(
  {
    participant_id: text,
    meeting_id: text,
    user_id: text,
    role,
    status: Type.Literal('joined'),
    is_muted: flag,
    is_video_enabled: flag,
    joined_at: text,
  },
  strict,
);

export const joinedView = (meetingId: string, one: Participant) => ({
  participant_id: ulidOf(one.id),
  meeting_id: ulidOf(meetingId),
  user_id: ulidOf(one.userId),
  role: one.role,
  status: 'joined' as const,
  is_muted: one.isMuted,
  is_video_enabled: one.isVideoEnabled,
  joined_at: isoSeconds(one.joinedAt ?? 0),
});

/** Nobody is let in with it: the error that the contract prints with a status of success. */
export const waitingSchema = Type.Object(
  {
    status: Type.Literal('error'),
    message: text,
    code: Type.Literal('WAITING_ROOM_REQUIRED'),
    details: Type.Object({ participant_id: text, status: Type.Literal('waiting') }, strict),
    timestamp: text,
  },
  strict,
);

export const statusSchema = Type.Object(
  {
    is_muted: flag,
    is_video_enabled: flag,
    is_screen_sharing: flag,
    is_hand_raised: flag,
    is_in_waiting_room: flag,
  },
  strict,
);

export const statusView = (one: OwnStatus) => ({
  is_muted: one.isMuted,
  is_video_enabled: one.isVideoEnabled,
  is_screen_sharing: one.isScreenSharing,
  is_hand_raised: one.isHandRaised,
  is_in_waiting_room: one.isInWaitingRoom,
});
