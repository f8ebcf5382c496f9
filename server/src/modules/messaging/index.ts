export type { Conversation } from './conversations.ts';
export {
  type ConversationSeen,
  type MessageDeleted,
  type MessageReacted,
  messageEvent,
  messagingEvents,
  messagingSignals,
  type StatusChanged,
} from './events.ts';
export { Messaging } from './messaging.ts';
export { messagingMigrations } from './migrations.ts';
export type { ConversationNames } from './names.ts';
export { followChanges } from './recent-messages.ts';
export {
  type Message,
  type MessageStatus,
  type MessageType,
  messageDraft,
  messageEdit,
  messageStatuses,
  messageTypes,
  reactionDraft,
} from './schema.ts';
export { PostgresMessageStore } from './store.postgres.ts';
export { SqliteMessageStore } from './store.sqlite.ts';
export type { MessageStore } from './store.ts';
