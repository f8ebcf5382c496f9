import { type Forms, WireEvent } from '../../infra/delivery/wire-event.ts';
import {
  type ConversationSeen,
  type Message,
  type MessageDeleted,
  type MessageReacted,
  messageEvent,
  messagingEvents,
  messagingSignals,
  type StatusChanged,
} from '../../modules/messaging/index.ts';
import { messageJson } from './message-view.ts';
import { type RowWords, type SignalWords, toAll } from './words.ts';

export const messageRowWords: RowWords = [
  [messageEvent, presentMessage],
  [messagingEvents.edited, presentEdited],
  [messagingEvents.deleted, presentDeleted],
  [messagingEvents.reacted, presentReacted],
];

export const messageSignalWords: SignalWords = [
  [messagingSignals.status, presentStatus],
  [messagingSignals.seen, presentSeen],
];

/**
 * To the sender's sockets a direct message is `message:sent`, to the receiver's `message:received`; in a group everybody
 * gets `message:received`, the sender with their key. Each form is made once, when the first reader needs it.
 */
function presentMessage(message: Message, offset: string): Forms {
  const json = messageJson(message);
  let own: WireEvent | undefined;
  let others: WireEvent | undefined;
  return ({ account }) => {
    if (account !== message.sender) {
      others ??= new WireEvent(
        'message:received',
        json.forOthers(message.groupId === null ? message.status : 'SENT'),
        offset,
      );
      return others;
    }
    own ??=
      message.groupId === null
        ? new WireEvent('message:sent', json.forSender('SENT'), offset)
        : new WireEvent('message:received', json.forSender(message.status), offset);
    return own;
  };
}

/**
 * The whole message, to everybody in the conversation; in a group without the status, which is what all have done and for
 * the sender alone. In a direct conversation it is the reader's own.
 */
function presentEdited(message: Message, offset: string): Forms {
  const json = messageJson(message);
  let own: WireEvent | undefined;
  let others: WireEvent | undefined;
  return ({ account }) => {
    if (account === message.sender) {
      own ??= new WireEvent('message:edit', json.forSender(message.status), offset);
      return own;
    }
    others ??= new WireEvent('message:edit', json.forOthers(message.groupId === null ? message.status : null), offset);
    return others;
  };
}

/** Nothing of what was said. */
function presentDeleted({ messageId }: MessageDeleted, offset: string): Forms {
  return toAll('message:delete', { messageId }, offset);
}

function presentReacted({ seq: _, ...reacted }: MessageReacted, offset: string): Forms {
  return toAll('message:reaction', reacted, offset);
}

/** Only the sender reads the topic it goes to. */
function presentStatus(changed: StatusChanged): Forms {
  return toAll('message:status', changed, null);
}

/** To the reader's own connections. */
function presentSeen(seen: ConversationSeen): Forms {
  return toAll('conversation:seen', seen, null);
}
