import { errorTable } from '../../kernel/errors.ts';

export const callErrors = errorTable({
  CALL_NOT_FOUND: { kind: 'not_found', message: 'Call not found' },
  CALL_OVER: { kind: 'gone', message: 'The call is over' },
  USER_NOT_FOUND: { kind: 'not_found', message: 'User not found' },
  GROUP_NOT_FOUND: { kind: 'not_found', message: 'Group not found' },
  NOT_A_MEMBER: { kind: 'forbidden', message: 'Only members of the group may do this' },
  NOBODY_CALLED: { kind: 'invalid', message: 'A call needs participantIds or a groupId with somebody else in it' },
  TOO_MANY_CALLED: { kind: 'invalid', message: 'A call rings at most 50 people' },
  CALL_FULL: { kind: 'forbidden', message: 'The call is full' },
  BLOCKED: { kind: 'forbidden', message: 'This account does not take calls from you' },
  HAS_BLOCKED: { kind: 'forbidden', message: 'You have blocked this account; unblock it to call' },
  NOT_INVITED: { kind: 'forbidden', message: 'You are not invited to this call' },
  NOT_INITIATOR: { kind: 'forbidden', message: 'Only who began the call may end it' },
  NOT_IN_CALL: { kind: 'forbidden', message: 'You have not joined this call' },
  ALREADY_ANSWERED: { kind: 'forbidden', message: 'You have joined this call; leave it instead' },
  OWN_CALL: { kind: 'forbidden', message: 'You began this call; end it instead' },
  NOT_SET_UP: {
    kind: 'forbidden',
    message: 'Calls are not set up on this server: it needs JITSI_DOMAIN, JITSI_APP_ID and JITSI_APP_SECRET',
  },
});
