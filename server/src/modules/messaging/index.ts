export { messageEvent } from './events.ts';
export { Messaging, type MessagingOptions } from './messaging.ts';
export { messagingMigrations } from './migrations.ts';
export { clientKey, type Message, type MessageDraft, messageDraft, type Page } from './schema.ts';
export type { MessageStore } from './store.ts';
export { PostgresMessageStore } from './store.postgres.ts';
export { SqliteMessageStore } from './store.sqlite.ts';
