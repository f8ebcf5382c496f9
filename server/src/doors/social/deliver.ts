import type { Row } from '../../infra/log/log.ts';
import { type Present, type Reader, WireEvent } from '../../infra/log/wire-event.ts';
import { type Message, messageEvent } from '../../modules/messaging/index.ts';
import { messageJson } from './message-view.ts';

/** This door's words for the rows of the log. A row that is not listed here is nothing on this door's wire. */
const words: ReadonlyMap<string, (body: never, offset: string) => (reader: Reader) => WireEvent> = new Map([
  [messageEvent, presentMessage],
]);

export const present: Present = (row: Row, offset: string) => {
  // A row whose payload was emptied stays as a number only.
  if (row.body === null) return null;
  return words.get(row.type)?.(row.body as never, offset) ?? null;
};

/**
 * To the sender's sockets a direct message is `message:sent`, to the receiver's `message:received`; in a group everybody
 * gets `message:received`, the sender with their key. Each form is made once, when the first reader needs it.
 */
function presentMessage(message: Message, offset: string): (reader: Reader) => WireEvent {
  const json = messageJson(message);
  let own: WireEvent | undefined;
  let others: WireEvent | undefined;
  return ({ account }) => {
    if (account !== message.sender) {
      others ??= new WireEvent('message:received', json.forOthers(), offset);
      return others;
    }
    own ??=
      message.groupId === null
        ? new WireEvent('message:sent', json.forSender('SENT'), offset)
        : new WireEvent('message:received', json.forSender(message.status), offset);
    return own;
  };
}
