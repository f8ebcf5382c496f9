import type { Delivery } from '../../infra/delivery/delivery.ts';
import type { Recent } from '../../infra/delivery/recent.ts';
import { type MessageDeleted, type MessageReacted, messagingEvents } from './events.ts';
import type { Message } from './schema.ts';

/** What a row says has become of a message, becomes of the message in memory: replays serve it as it is. */
export function followChanges(delivery: Delivery, recent: Recent): void {
  delivery.react(messagingEvents.edited, ({ body }) => {
    if (body !== null) recent.replace((body as Message).seq, body);
  });
  delivery.react(messagingEvents.deleted, ({ body }) => {
    if (body !== null) recent.replace((body as MessageDeleted).seq, null);
  });
  delivery.react(messagingEvents.reacted, ({ body }) => {
    if (body === null) return;
    const { seq, reactions } = body as MessageReacted;
    const known = recent.bodyOf(seq) as Message | null | undefined;
    recent.replace(seq, known ? { ...known, reactions } : null);
  });
}
