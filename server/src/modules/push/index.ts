export { type Pushed, pushEvent } from './events.ts';
export { pushMigrations } from './migrations.ts';
export { Push } from './push.ts';
export { manyDraft, type Outcome, type Pusher, pushDraft, pushScopes } from './schema.ts';
