import { errorTable } from '../../kernel/errors.ts';

export const presenceErrors = errorTable({
  NO_TARGET: { kind: 'invalid', message: 'Give groupId or receiverId' },
  RECEIVER_NOT_FOUND: { kind: 'not_found', message: 'Receiver not found' },
  BLOCKED: { kind: 'forbidden', message: 'You cannot write to this account' },
  BLOCKING: { kind: 'forbidden', message: 'You have blocked this account; unblock it to write to it' },
});
