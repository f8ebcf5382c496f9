export { meetingErrors } from './errors.ts';
export * from './events.ts';
export { meetingMigrations } from './migrations.ts';
export * from './schema.ts';
