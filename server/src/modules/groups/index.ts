export {
  type GroupDeleted,
  type GroupUpdated,
  groupEvents,
  type MemberChanged,
  type MemberNamed,
} from './events.ts';
export { Groups } from './groups.ts';
export { groupMigrations } from './migrations.ts';
export {
  type Group,
  type GroupType,
  groupChanges,
  groupDraft,
  groupTypes,
  memberRole,
  memberRoles,
  newMember,
} from './schema.ts';
