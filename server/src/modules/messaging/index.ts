export { messageEvent } from './events.ts';
export { Messaging } from './messaging.ts';
export { messagingMigrations } from './migrations.ts';
export { clientKey, type Message, messageDraft, type Page } from './schema.ts';
export { PostgresMessageStore } from './store.postgres.ts';
export { SqliteMessageStore } from './store.sqlite.ts';
export type { MessageStore } from './store.ts';
