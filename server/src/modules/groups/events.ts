import type { Group, MemberRole } from './schema.ts';

/**
 * Types of the rows that groups write to the group's topic. A row about a member has that account's own topic too, and
 * is the first or the last row of the group that they read.
 */
export const groupEvents = {
  created: 'group.created',
  updated: 'group.updated',
  deleted: 'group.deleted',
  memberAdded: 'group.member_added',
  memberRemoved: 'group.member_removed',
  roleChanged: 'group.role_changed',
} as const;

/** Payload of `group.member_added` and `group.role_changed`: the role from now on. */
export type MemberChanged = Readonly<{ groupId: string; userId: string; role: MemberRole }>;

/** Payload of `group.member_removed`, whoever did it, and of `group.created` (the owner). */
export type MemberNamed = Readonly<{ groupId: string; userId: string }>;

/** Payload of `group.deleted`. */
export type GroupDeleted = Readonly<{ groupId: string }>;

/** Payload of `group.updated`: the group as it is from now on. */
export type GroupUpdated = Group;
