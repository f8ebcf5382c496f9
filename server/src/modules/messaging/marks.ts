import type { MessageStatus } from './schema.ts';

/** Up to which message somebody has got a conversation, and has seen it. `delivered` is never below `seen`. */
export type Marks = Readonly<{ delivered: number; seen: number }>;

const rank: Readonly<Record<MessageStatus, number>> = { SENT: 0, DELIVERED: 1, SEEN: 2 };
/** A status never goes back. */
export const higher = (one: MessageStatus, other: MessageStatus): MessageStatus =>
  rank[one] >= rank[other] ? one : other;

export const statusAt = ({ delivered, seen }: Marks, seq: number): MessageStatus => {
  if (seen >= seq) return 'SEEN';
  return delivered >= seq ? 'DELIVERED' : 'SENT';
};
