import { isoTime } from '../../kernel/clock.ts';
import type { Call, CallWithParticipants, Entry } from '../../modules/calls/index.ts';

const timeOrNull = (time: number | null): string | null => (time === null ? null : isoTime(time));

/** A call with everything that this door says of one; each answer's schema takes from it what it shows. */
export const callView = <Known extends Call>({ room, createdAt, endedAt, ...rest }: Known) => ({
  ...rest,
  roomId: room,
  createdAt: isoTime(createdAt),
  endedAt: timeOrNull(endedAt),
});

export const callWithParticipantsView = ({ participants, invited, ...call }: CallWithParticipants) => ({
  ...callView(call),
  invited,
  participants: participants.map(({ userId, username, joinedAt, leftAt }) => ({
    userId,
    username,
    joinedAt: isoTime(joinedAt),
    leftAt: timeOrNull(leftAt),
  })),
});

/** What who begins or answers a call is given. */
export const entryView = ({ call, roomUrl, token }: Entry) => {
  const { endedAt: _, groupId: __, ...shown } = callView(call);
  return { call: shown, roomUrl, token };
};
