import { type MeetingSocketNeeds, MeetingSockets } from '../doors/meetings/socket.ts';
import { meetingEvents } from '../modules/meetings/index.ts';
import type { Live } from './live.ts';
import type { Modules } from './modules.ts';

type Needs = Pick<Modules, 'identity' | 'attendance' | 'meetingChat' | 'meetingReactions' | 'standings'> &
  Pick<MeetingSocketNeeds, 'limits' | 'onFailure'>;

/** The sockets of meetings, which close behind the row with which a meeting ends. */
export function meetingSockets(
  { meetingChat: chat, meetingReactions: reactions, ...needs }: Needs,
  { delivery }: Pick<Live, 'delivery'>,
): MeetingSockets {
  const sockets = new MeetingSockets({ ...needs, chat, reactions });
  delivery.react(meetingEvents.ended, (row) => sockets.end(row));
  return sockets;
}
