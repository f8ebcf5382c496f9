import { type MeetingSocketNeeds, MeetingSockets } from '../doors/meetings/socket.ts';
import { meetingEvents } from '../modules/meetings/index.ts';
import type { Live } from './live.ts';
import type { Modules } from './modules.ts';

type Needs = Pick<Modules, 'identity' | 'attendance' | 'meetingChat' | 'meetingReactions' | 'standings'> &
  Pick<MeetingSocketNeeds, 'limits' | 'onFailure'>;

/** The sockets of meetings, which hear of a beginning and an end whether they read the meeting's topic or not. */
export function meetingSockets(
  { meetingChat: chat, meetingReactions: reactions, ...needs }: Needs,
  { delivery }: Pick<Live, 'delivery'>,
): MeetingSockets {
  const sockets = new MeetingSockets({ ...needs, chat, reactions });
  const { started, ended, cancelled } = meetingEvents;
  for (const type of [started, ended, cancelled]) delivery.react(type, (row) => sockets.note(row));
  return sockets;
}
