import { errorTable } from '../../kernel/errors.ts';

export const messagingErrors = errorTable({
  RECEIVER_NOT_FOUND: { kind: 'not_found', message: 'Receiver not found' },
  GROUP_NOT_FOUND: { kind: 'not_found', message: 'Group not found' },
  NOT_A_MEMBER: { kind: 'forbidden', message: 'You are not a member of this group' },
  PARENT_NOT_FOUND: { kind: 'not_found', message: 'The message this replies to is not in this conversation' },
  MESSAGE_NOT_FOUND: { kind: 'not_found', message: 'Message not found' },
  USER_NOT_FOUND: { kind: 'not_found', message: 'User not found' },
  ONE_TARGET: { kind: 'invalid', message: 'Give either receiverId or groupId' },
});
