import type { Delivery } from '../../infra/delivery/delivery.ts';
import type { Recent } from '../../infra/delivery/recent.ts';
import { type MessageDeleted, type MessageReacted, messagingEvents } from './events.ts';
import type { Message } from './schema.ts';
import { messageSize } from './store.ts';

/** About what a row without its message takes in memory, in bytes. */
const nothingLeft = 200;

/** What a row says has become of a message, becomes of the message in memory: replays serve it as it is. */
export function followChanges(delivery: Delivery, recent: Recent): void {
  delivery.react(messagingEvents.edited, ({ body }) => {
    if (body !== null) put(recent, body as Message);
  });
  delivery.react(messagingEvents.deleted, ({ body }) => {
    if (body !== null) recent.empty((body as MessageDeleted).seq, nothingLeft);
  });
  delivery.react(messagingEvents.reacted, ({ body }) => {
    if (body === null) return;
    const { seq, reactions } = body as MessageReacted;
    const known = recent.bodyOf(seq) as Message | null | undefined;
    if (known) put(recent, { ...known, reactions: [...reactions] });
    else recent.replace(seq, null, nothingLeft);
  });
}

const put = (recent: Recent, message: Message): void => recent.replace(message.seq, message, messageSize(message));
