import { hash } from 'node:crypto';
import type { Row } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { ErrorValue } from '../../kernel/errors.ts';
import { messageEvent } from './events.ts';
import type { Message, MessageType } from './schema.ts';

/** A message that has passed the schema and waits for the next batch. Ids are UUIDs in lower case. */
export type Draft = Readonly<{
  sender: number;
  senderId: string;
  id: string;
  target: { kind: 'direct' | 'group'; id: string };
  content: string;
  type: MessageType;
  parentId: string | null;
  metadata: Record<string, unknown> | null;
  /** `metadata` as it is stored. */
  metadataText: string | null;
  clientId: string | null;
  /** Whether the receiver had a live connection just before. */
  receiverOnline: boolean;
  at: number;
}>;

export type Verdict =
  | { outcome: 'sent'; message: Message }
  /** The sender has used the key before; this is what it made. */
  | { outcome: 'known'; seq: number }
  | { outcome: 'refused'; error: ErrorValue };

/**
 * Marks of an account in a conversation: up to which message it has got it, and has seen it. `hidden`: the other side of
 * a direct conversation goes on being shown what it was shown before.
 */
export type Receipt = Readonly<{ topic: number; account: number; delivered: number; seen: number; hidden?: boolean }>;

/**
 * Writes messages. Promises, on both engines: the whole batch in one transaction, a verdict for each draft, and a
 * refused draft touches nobody else; who may write where is decided there, from the rows as they are at that moment.
 */
export interface MessageStore {
  append(draft: Draft): Promise<Verdict>;
  /** Messages of a conversation that are committed but not in its index yet, oldest first. */
  waiting(conversation: number): readonly number[];
  /** Raises an account's marks; false when it is a group's topic and the account is no member. Never lowers one. */
  raise(receipt: Receipt): Promise<boolean>;
  /** Runs the act that deletes a message, and answers it: what is deleted waits no longer. */
  deleting(act: () => Promise<Message>): Promise<void>;
}

/** The message that a draft becomes. */
export function messageOf(
  draft: Draft,
  { seq, conversation, receiver }: { seq: number; conversation: number; receiver: number | null },
): Message {
  const direct = draft.target.kind === 'direct';
  return {
    seq,
    id: draft.id,
    conversation,
    sender: draft.sender,
    senderId: draft.senderId,
    receiver,
    receiverId: direct ? draft.target.id : null,
    groupId: direct ? null : draft.target.id,
    content: draft.content,
    type: draft.type,
    status: draft.receiverOnline ? 'DELIVERED' : 'SENT',
    parentId: draft.parentId,
    metadata: draft.metadata,
    reactions: [],
    clientId: draft.clientId,
    createdAt: draft.at,
    updatedAt: draft.at,
  };
}

/** A message as it was sent from this draft, whatever has become of it. */
export const asSent = (message: Message, { content }: Draft): Message => ({
  ...message,
  content,
  status: 'SENT',
  reactions: [],
  updatedAt: message.createdAt,
});

/** Whether a message was made from the same input as this draft. */
export const isSameInput = (message: Message, draft: Draft): boolean =>
  message.content === draft.content &&
  message.type === draft.type &&
  (draft.target.kind === 'direct' ? message.receiverId : message.groupId) === draft.target.id &&
  message.parentId === draft.parentId &&
  (message.metadata === null ? null : JSON.stringify(message.metadata)) === draft.metadataText;

type Input = Pick<Message, 'content' | 'type' | 'receiverId' | 'groupId' | 'parentId' | 'metadata'>;

/** What is left of the input of a message that was changed, so that a retry of it is still known: 16 bytes. */
export function inputHash({ content, type, receiverId, groupId, parentId, metadata }: Input): Uint8Array {
  const text = JSON.stringify([content, type, receiverId, groupId, parentId, metadata]);
  return hash('sha256', text, 'buffer').subarray(0, 16);
}

/** The same of a draft. */
export const draftHash = ({ target, ...draft }: Draft): Uint8Array =>
  inputHash({
    ...draft,
    receiverId: target.kind === 'direct' ? target.id : null,
    groupId: target.kind === 'group' ? target.id : null,
  });

/** About what a message takes in memory beside its content, and each of its reactions, in bytes. */
const bodySize = 600;
const reactionSize = 100;

/** About how many bytes a message takes in memory. */
export const messageSize = ({ content, metadata, reactions }: Message): number =>
  bodySize +
  2 * content.length +
  (metadata === null ? 0 : JSON.stringify(metadata).length) +
  reactionSize * reactions.length;

/** The message as a row of the log: to the group, or to its receiver and its sender. */
export function messageRow(message: Message, group: number | null): Row {
  const { seq, sender, receiver, createdAt } = message;
  const size = messageSize(message);
  const topic = group === null ? topicOf('user', receiver ?? sender) : topicOf('group', group);
  const peer = group === null ? topicOf('user', sender) : null;
  const revised = message.updatedAt !== createdAt;
  return { seq, topic, peer, type: messageEvent, body: message, moves: null, size, at: createdAt, revised };
}
