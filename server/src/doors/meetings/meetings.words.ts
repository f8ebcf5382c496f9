import type { Forms, Reader, Words } from '../../infra/delivery/wire-event.ts';
import type { Row } from '../../infra/log/log.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import {
  type ChatSent,
  type MeetingCancelled,
  type MeetingEnded,
  type MeetingStarted,
  meetingEvents,
  meetingSignals,
  type ParticipantChanged,
  type ParticipantJoined,
  type ParticipantLeft,
  type PolicyApplied,
  type ReactionShown,
  type RoomMoved,
  type RoomsChanged,
  type WaitingChanged,
} from '../../modules/meetings/index.ts';
import { chatView } from './chat-view.ts';
import { meetingCloses } from './closes.ts';
import { MeetingEvent, meetingOf } from './frames.ts';
import { roomView } from './room-view.ts';
import { isoSeconds } from './times.ts';

/** The account of somebody who is connected, by their public id; `undefined` for everybody else. */
export type AccountOf = (userId: string) => number | undefined;

type Present = (body: never, offset: string, accountOf: AccountOf) => Forms;

/** What a row of the log is on the socket of a meeting. Each is of the topics of those who may know all of it. */
const rows = new Map<string, Present>([
  [meetingEvents.started, (body: MeetingStarted, offset) => toAll(startedEvent(body, offset))],
  [meetingEvents.ended, (body: MeetingEnded, offset) => toAll(endedEvent(body, offset))],
  [meetingEvents.cancelled, (body: MeetingCancelled, offset) => toAll(cancelledEvent(body, offset))],
  [meetingEvents.joined, presentJoined],
  [meetingEvents.left, presentLeft],
  [meetingEvents.participant, presentParticipant],
  [meetingEvents.waiting, presentWaiting],
  [meetingEvents.chat, presentChat],
  [meetingEvents.policy, presentPolicy],
  [meetingEvents.rooms, presentRooms],
  [meetingEvents.roomMoved, presentRoomMoved],
]);

/**
 * The words of one meeting, for all its connections: what the log holds of others, and of anything else, is nothing here.
 */
export const meetingWords = (meetingId: string, accountOf: AccountOf): Words => ({
  row: ({ type, body }, offset) => {
    const present = rows.get(type);
    return present === undefined || meetingOf(body) !== meetingId ? null : present(body as never, offset, accountOf);
  },
  signal: ({ type, body }) =>
    type !== meetingSignals.reaction || meetingOf(body) !== meetingId ? null : presentReaction(body as ReactionShown),
});

/** What somebody is told who is connected and not in the meeting: that it begins, or is over. */
export function eventOutside({ type, body }: Row): MeetingEvent | undefined {
  if (type === meetingEvents.started) return startedEvent(body as MeetingStarted, null);
  if (type === meetingEvents.ended) return endedEvent(body as MeetingEnded, null);
  return type === meetingEvents.cancelled ? cancelledEvent(body as MeetingCancelled, null) : undefined;
}

const toAll =
  (event: MeetingEvent): Forms =>
  () =>
    event;

/** Who has done this themselves knows it: their own connections do not get it back. */
function toOthers(
  event: MeetingEvent,
  { userId, byId }: Readonly<{ userId: string; byId: string | null }>,
  accountOf: AccountOf,
): Forms {
  const own = byId === userId ? accountOf(userId) : undefined;
  return own === undefined ? toAll(event) : ({ account }) => (account === own ? null : event);
}

/** To one person as their last event, to the others as it is. */
function endingFor(account: number | undefined, make: (isLast: boolean) => MeetingEvent): Forms {
  const event = make(false);
  if (account === undefined) return toAll(event);
  const last = make(true);
  return (reader: Reader) => (reader.account === account ? last : event);
}

function startedEvent({ byId, at }: MeetingStarted, offset: string | null): MeetingEvent {
  const data = { started_by: ulidOf(byId), started_at: isoSeconds(at) };
  return new MeetingEvent('meeting_started', data, { userId: byId, at, offset });
}

function endedEvent(body: MeetingEnded, offset: string | null): MeetingEvent {
  const { byId, at, durationMinutes, participantCount } = body;
  const data = {
    ended_by: byId === null ? null : ulidOf(byId),
    ended_at: isoSeconds(at),
    duration_minutes: durationMinutes,
    participant_count: participantCount,
  };
  return new MeetingEvent('meeting_ended', data, { userId: byId, at, offset, last: meetingCloses.ENDED });
}

/** Who came early goes; it closes as a meeting that is over does. */
function cancelledEvent({ byId, at }: MeetingCancelled, offset: string | null): MeetingEvent {
  const data = { cancelled_by: ulidOf(byId), cancelled_at: isoSeconds(at) };
  return new MeetingEvent('meeting_cancelled', data, { userId: byId, at, offset, last: meetingCloses.ENDED });
}

function presentJoined(body: ParticipantJoined, offset: string, accountOf: AccountOf): Forms {
  const { userId, name, role, deviceType, browserInfo, at } = body;
  const data = {
    user_id: ulidOf(userId),
    user_name: name,
    user_role: role,
    device_info: { device_type: deviceType, browser_info: browserInfo },
    joined_at: isoSeconds(at),
  };
  return toOthers(new MeetingEvent('join', data, { userId, at, offset }), body, accountOf);
}

function presentLeft(body: ParticipantLeft, offset: string, accountOf: AccountOf): Forms {
  const { userId, at, removed } = body;
  const data = { user_id: ulidOf(userId), left_at: isoSeconds(at), removed };
  const left = { userId, at, offset };
  if (!removed) return toOthers(new MeetingEvent('leave', data, left), body, accountOf);
  return endingFor(
    accountOf(userId),
    (isLast) => new MeetingEvent('leave', data, isLast ? { ...left, last: meetingCloses.REMOVED } : left),
  );
}

/** All flags as they are now; where it was the hand that changed, a frame of its own says so too. */
function presentParticipant(body: ParticipantChanged, offset: string, accountOf: AccountOf): Forms {
  const { userId, role, handChanged, at } = body;
  const data = {
    is_muted: body.isMuted,
    is_video_enabled: body.isVideoEnabled,
    is_screen_sharing: body.isScreenSharing,
    is_hand_raised: body.isHandRaised,
    user_role: role,
  };
  const about = { userId, at };
  const update = new MeetingEvent('participant_update', data, handChanged ? about : { ...about, offset });
  if (!handChanged) return toOthers(update, body, accountOf);
  const hand = { is_hand_raised: body.isHandRaised };
  return toOthers(new MeetingEvent('hand_raise', hand, { ...about, offset, first: update }), body, accountOf);
}

/** To hosts, and to the one who waits. */
function presentWaiting({ userId, name, status, at }: WaitingChanged, offset: string, accountOf: AccountOf): Forms {
  const data = { user_id: ulidOf(userId), user_name: name, status, is_in_waiting_room: status === 'waiting' };
  const waiting = { userId, at, offset };
  const own = status === 'removed' ? accountOf(userId) : undefined;
  return endingFor(
    own,
    (isLast) =>
      new MeetingEvent('participant_update', data, isLast ? { ...waiting, last: meetingCloses.REMOVED } : waiting),
  );
}

function presentChat(message: ChatSent, offset: string): Forms {
  const { senderId: userId, at } = message;
  return toAll(new MeetingEvent('chat', chatView(message), { userId, at, offset }));
}

function presentPolicy(policy: PolicyApplied, offset: string): Forms {
  const data = {
    require_waiting_room: policy.requireWaitingRoom,
    recording_permissions: policy.recording,
    screen_share_permissions: policy.screenShare,
    chat_permissions: policy.chat,
    disable_camera: policy.disableCamera,
    lock_meeting: policy.lock,
  };
  return toAll(new MeetingEvent('policy_update', data, { userId: policy.byId, at: policy.at, offset }));
}

const roomEvents = {
  open: 'breakout_rooms_opened',
  closing: 'breakout_rooms_closing',
  closed: 'breakout_rooms_closed',
} as const;

function presentRooms({ state, byId, rooms, assigned, at }: RoomsChanged, offset: string): Forms {
  const data = {
    rooms: rooms.map(roomView),
    assigned: assigned.map(({ userId, roomId }) => ({
      participant_user_id: ulidOf(userId),
      breakout_room_id: ulidOf(roomId),
    })),
  };
  return toAll(new MeetingEvent(roomEvents[state], data, { userId: byId, at, offset }));
}

function presentRoomMoved({ userId, roomId, byId, at }: RoomMoved, offset: string): Forms {
  const data = {
    participant_user_id: ulidOf(userId),
    breakout_room_id: roomId === null ? null : ulidOf(roomId),
  };
  return toAll(new MeetingEvent('breakout_room_assigned', data, { userId: byId, at, offset }));
}

const presentReaction = ({ userId, type, duration, at }: ReactionShown): Forms =>
  toAll(new MeetingEvent('reaction', { reaction_type: type, duration }, { userId, at }));
