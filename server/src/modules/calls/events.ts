import type { CallType } from './schema.ts';

/** Topics: the accounts whom it concerns, two to a row. Who is called hears that it rings. */
export const callEvents = {
  started: 'call.started',
  joined: 'call.joined',
  rejected: 'call.rejected',
  left: 'call.left',
  ended: 'call.ended',
} as const;

/** `groupId` is not there in rows of before there was one. */
export type CallStarted = Readonly<{ callId: string; initiatorId: string; groupId?: string | null; type: CallType }>;
/** Somebody has joined, left or rejected. */
export type CallMoved = Readonly<{ callId: string; userId: string }>;
/**
 * Why a call is over. `ended`: by who began it, with its group, or after a day. `unanswered`: it rang long enough.
 * `rejected`: nobody is left who could answer. `left`: nobody is left to talk to.
 */
export type EndReason = 'ended' | 'unanswered' | 'rejected' | 'left';
/** `reason` is not there in rows of before there was one. */
export type CallEnded = Readonly<{ callId: string; reason?: EndReason }>;
