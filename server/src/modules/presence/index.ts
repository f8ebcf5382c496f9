export { type PresenceChanged, presenceSignals, type TypingChanged } from './events.ts';
export { presenceMigrations } from './migrations.ts';
export { Presence } from './presence.ts';
export { typingPlace } from './schema.ts';
export { Typing } from './typing.ts';
