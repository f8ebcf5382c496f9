import type { MessageStatus, Reaction } from './schema.ts';

/** The row is the message itself: its body is the `Message` with the row's `seq`. Topics: the group, or receiver and sender. */
export const messageEvent = 'message';

/** Rows about a message, to the topics of the message itself. */
export const messagingEvents = {
  /** The row is about the message's, and its body is the message as it is now. */
  edited: 'message.edited',
  deleted: 'message.deleted',
  reacted: 'message.reacted',
} as const;

/** Payload of `message.deleted`: nothing of what was said. `seq` is the message's. */
export type MessageDeleted = Readonly<{ seq: number; messageId: string }>;

/** Payload of `message.reacted`: what changed, and all reactions from now on. */
export type MessageReacted = Readonly<{
  seq: number;
  messageId: string;
  userId: string;
  emoji: string;
  action: 'added' | 'removed';
  reactions: readonly Reaction[];
}>;

/** What is told past the log. */
export const messagingSignals = { status: 'message.status', seen: 'conversation.seen' } as const;

/** Body of `conversation.seen`, to the reader's own connections: the conversation is seen up to this message. */
export type ConversationSeen = Readonly<{ conversationId: string; messageId: string }>;

/**
 * Body of `message.status`, to the sender: what all have done with the message by now, and who has done what since it was
 * told last; in a large group how many have got and seen it. All before it is as far, at least.
 */
export type StatusChanged = Readonly<{
  messageId: string;
  groupId: string | null;
  status: MessageStatus;
  members?: readonly Readonly<{ userId: string; status: MessageStatus }>[];
  delivered?: number;
  seen?: number;
}>;
