export { Groups } from './groups.ts';
export { groupMigrations } from './migrations.ts';
export { type Group, groupDraft, newMember } from './schema.ts';
