import { errorTable } from '../../kernel/errors.ts';

export const groupErrors = errorTable({
  GROUP_NOT_FOUND: { kind: 'not_found', message: 'Group not found' },
  USER_NOT_FOUND: { kind: 'not_found', message: 'User not found' },
  MEMBER_NOT_FOUND: { kind: 'not_found', message: 'This account is not a member of the group' },
  NOT_ALLOWED: { kind: 'forbidden', message: 'Only the owner or an admin of the group may do this' },
  OWNER_ONLY: { kind: 'forbidden', message: 'Only the owner of the group may do this' },
  ADMIN_BY_OWNER: { kind: 'forbidden', message: 'Only the owner of the group may make somebody an admin' },
  NOT_BELOW: { kind: 'forbidden', message: 'The owner cannot be removed, and an admin only by the owner' },
  OWNER_HANDS_OVER: { kind: 'conflict', message: 'A group has one owner: make somebody else the owner, or leave' },
  NOT_A_MEMBER: { kind: 'forbidden', message: 'You are not a member of this group' },
  NOT_OPEN: { kind: 'forbidden', message: 'This group cannot be joined; its owner or an admin adds members' },
  WAS_REMOVED: {
    kind: 'forbidden',
    message: 'You were removed from this group; its owner or an admin can add you again',
  },
  BLOCKED: { kind: 'forbidden', message: 'You cannot add this account to a group' },
  ALREADY_MEMBER: { kind: 'conflict', message: 'This account is already a member of the group' },
});
