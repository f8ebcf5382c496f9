import { errorTable } from '../../kernel/errors.ts';

export const groupErrors = errorTable({
  GROUP_NOT_FOUND: { kind: 'not_found', message: 'Group not found' },
  USER_NOT_FOUND: { kind: 'not_found', message: 'User not found' },
  NOT_ALLOWED: { kind: 'forbidden', message: 'Only the owner or an admin of the group may do this' },
  ADMIN_BY_OWNER: { kind: 'forbidden', message: 'Only the owner of the group may make somebody an admin' },
  ALREADY_MEMBER: { kind: 'conflict', message: 'This account is already a member of the group' },
});
