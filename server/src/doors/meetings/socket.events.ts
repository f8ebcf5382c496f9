import { Type } from 'typebox';
import type { Connection } from '../../infra/sockets/sockets.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { compileCheck } from '../../kernel/schema.ts';
import {
  type Attendance,
  chatDraft,
  joinDraft,
  type MeetingChat,
  type MeetingReactions,
  reactionDraft,
  statusChange,
} from '../../modules/meetings/index.ts';
import { otherMeeting } from './frames.ts';
import type { MeetingsLimits } from './limits.ts';

export type SocketEventNeeds = Readonly<{
  attendance: Pick<Attendance, 'join' | 'leave' | 'changeStatus'>;
  chat: Pick<MeetingChat, 'send'>;
  reactions: Pick<MeetingReactions, 'show'>;
  limits: MeetingsLimits;
}>;

/** What a client asks of the meeting that its connection is of. */
export type MeetingEventHandler = (meetingId: string, connection: Connection, input: unknown) => Promise<void>;

/** As the document writes it, and as the body of its twin over REST does; who somebody is and which role they have is not theirs to say. */
const joinFrame = Type.Object({
  ...joinDraft.properties,
  device_info: Type.Optional(
    Type.Union([
      Type.Object({ device_type: joinDraft.properties.device_type, browser_info: joinDraft.properties.browser_info }),
      Type.Null(),
    ]),
  ),
});
const handFrame = Type.Object({ is_hand_raised: Type.Boolean() });

/** What clients may say on the socket of a meeting. Each counts with its twin over REST. */
export function meetingSocketEvents(needs: SocketEventNeeds): ReadonlyMap<string, MeetingEventHandler> {
  const { attendance, chat, reactions, limits } = needs;
  const checkChange = compileCheck(statusChange);
  const checkHand = compileCheck(handFrame);
  const checkChat = compileCheck(chatDraft);
  const checkReaction = compileCheck(reactionDraft);
  return new Map<string, MeetingEventHandler>([
    ['join', joinOn(needs)],
    [
      'participant_update',
      async (id, { principal }, input) => {
        const change = checkChange(input);
        await limits.take(principal, 'status');
        await attendance.changeStatus(principal, id, change);
      },
    ],
    [
      'hand_raise',
      async (id, { principal }, input) => {
        const { is_hand_raised } = checkHand(input);
        await limits.take(principal, 'status');
        await attendance.changeStatus(principal, id, { is_hand_raised });
      },
    ],
    [
      'chat',
      async (id, { principal }, input) => {
        const draft = checkChat(input);
        await limits.take(principal, 'chat');
        await chat.send(principal, id, draft, draft.client_id ?? null);
      },
    ],
    ['reaction', async (id, { principal }, input) => reactions.show(principal, id, checkReaction(input))],
    [
      'leave',
      async (id, { principal }) => {
        await limits.take(principal, 'people');
        await attendance.leave(principal, id);
      },
    ],
    ['ping', async (_id, { emit }) => emit('pong', {})],
  ]);
}

const mustWait = { code: 'WAITING_ROOM_REQUIRED', message: 'Participant must wait for host approval' };

/** Whoever must wait hears so as over REST: with the code of an error. */
function joinOn({ attendance, limits }: SocketEventNeeds): MeetingEventHandler {
  const check = compileCheck(joinFrame);
  return async (id, { principal, emit }, input) => {
    const { device_info, ...draft } = check(input);
    const device = {
      device_type: draft.device_type ?? device_info?.device_type ?? null,
      browser_info: draft.browser_info ?? device_info?.browser_info ?? null,
    };
    await limits.take(principal, 'people');
    const { status } = await attendance.join(principal, id, { ...draft, ...device });
    if (status === 'waiting') emit('error', mustWait);
  };
}

/** Refuses what a frame says of another meeting. */
export function ofThisMeeting(input: unknown): unknown {
  if (input !== otherMeeting) return input;
  throw new Refusal(commonErrors.INVALID_INPUT, { message: 'meeting_id must be the meeting of this connection' });
}
