import { type CallEnded, type CallMoved, type CallStarted, callEvents } from '../../modules/calls/index.ts';
import { type RowWords, toAll } from './words.ts';

/** Each row is of the topics of those whom it concerns. */
export const callRowWords: RowWords = [
  [
    callEvents.started,
    ({ callId, initiatorId, groupId = null, type }: CallStarted, offset) =>
      toAll(
        'call:ringing',
        { call: { id: callId, initiatorId, groupId, type, status: 'RINGING' }, initiatorId },
        offset,
      ),
  ],
  [callEvents.joined, (body: CallMoved, offset) => toAll('call:participant:join', body, offset)],
  [callEvents.rejected, (body: CallMoved, offset) => toAll('call:reject', body, offset)],
  [callEvents.left, (body: CallMoved, offset) => toAll('call:participant:leave', body, offset)],
  [callEvents.ended, (body: CallEnded, offset) => toAll('call:end', body, offset)],
];
