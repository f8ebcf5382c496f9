import { errorTable } from '../../kernel/errors.ts';

export const messagingErrors = errorTable({
  RECEIVER_NOT_FOUND: { kind: 'not_found', message: 'Receiver not found' },
  GROUP_NOT_FOUND: { kind: 'not_found', message: 'Group not found' },
  NOT_A_MEMBER: { kind: 'forbidden', message: 'You are not a member of this group' },
  PARENT_NOT_FOUND: { kind: 'not_found', message: 'The message this replies to is not in this conversation' },
  CONVERSATION_NOT_FOUND: { kind: 'not_found', message: 'Conversation not found' },
  MESSAGE_NOT_FOUND: { kind: 'not_found', message: 'Message not found' },
  MESSAGE_DELETED: { kind: 'gone', message: 'This message was sent, and has been deleted since' },
  USER_NOT_FOUND: { kind: 'not_found', message: 'User not found' },
  ONE_TARGET: { kind: 'invalid', message: 'Give either receiverId or groupId' },
  OWN_MESSAGE: { kind: 'forbidden', message: 'A receipt is for the messages of others' },
  NOT_THE_SENDER: { kind: 'forbidden', message: 'You can only change your own messages' },
  BLOCKED: { kind: 'forbidden', message: 'You cannot write to this account' },
  BLOCKING: { kind: 'forbidden', message: 'You have blocked this account; unblock it to write to it' },
  NO_EMOJI: { kind: 'invalid', message: 'emoji must be one emoji' },
  TOO_MANY_REACTIONS: { kind: 'invalid', message: 'This message has as many different reactions as it may have' },
});
