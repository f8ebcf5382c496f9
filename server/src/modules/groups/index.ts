export { Groups } from './groups.ts';
export { groupMigrations } from './migrations.ts';
export { type Group, groupDraft, groupTypes, memberRoles, newMember } from './schema.ts';
