import { type Static, Type } from 'typebox';
import { clientKey } from '../../infra/log/keys.ts';

export const messageTypes = ['TEXT', 'IMAGE', 'FILE', 'VOICE', 'VIDEO'] as const;
export const messageStatuses = ['SENT', 'DELIVERED', 'SEEN'] as const;
export type MessageType = (typeof messageTypes)[number];
export type MessageStatus = (typeof messageStatuses)[number];

/** Bytes of `metadata` as JSON. */
export const metadataLimit = 16_384;
/** Objects and lists inside each other. */
export const metadataDepth = 32;

const id = Type.String({ minLength: 1, maxLength: 64 });
const nothing = Type.Null();
const messageType = Type.Unsafe<MessageType>(Type.Union(messageTypes.map((type) => Type.Literal(type))));

// The character NUL is refused: PostgreSQL cannot keep it.
const content = Type.String({
  minLength: 1,
  maxLength: 5_000,
  pattern: '^[^\\u0000]*$',
  'x-fault': 'must not contain the character NUL',
});

/** What a person writes; `null` is as good as absent. Exactly one of `receiverId` and `groupId`. */
export const messageDraft = Type.Object(
  {
    content,
    type: Type.Optional(Type.Union([messageType, nothing])),
    receiverId: Type.Optional(Type.Union([id, nothing])),
    groupId: Type.Optional(Type.Union([id, nothing])),
    parentId: Type.Optional(Type.Union([id, nothing])),
    metadata: Type.Optional(
      Type.Union([Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true })), nothing]),
    ),
    clientId: Type.Optional(Type.Union([clientKey, nothing])),
  },
  { examples: [{ receiverId: '01a1f882-7bfe-71a4-985d-bffc948debe8', content: 'Hello, Omar' }] },
);
export type MessageDraft = Static<typeof messageDraft>;

/** What of a message its sender may change. */
export const messageEdit = Type.Object({ content }, { examples: [{ content: 'Hello, Omar!' }] });

/** 32 bytes hold every emoji that Unicode recommends; which texts are one is checked where it is added. */
export const reactionDraft = Type.Object(
  { emoji: Type.String({ minLength: 1, maxLength: 32 }) },
  { examples: [{ emoji: '👍' }] },
);

/** How many have reacted to a message with this emoji; `mine`: whether its reader is one of them, where one reader asks. */
export type Reaction = Readonly<{ emoji: string; count: number; mine?: boolean }>;

/** A message as it is stored. Numbers are internal and never leave the server. */
export type Message = Readonly<{
  seq: number;
  id: string;
  conversation: number;
  sender: number;
  senderId: string;
  receiver: number | null;
  receiverId: string | null;
  groupId: string | null;
  content: string;
  type: MessageType;
  status: MessageStatus;
  parentId: string | null;
  metadata: Record<string, unknown> | null;
  /** In the order in which they were first given. */
  reactions: Reaction[];
  /** The sender's key; shown to the sender only. */
  clientId: string | null;
  createdAt: number;
  updatedAt: number;
}>;

/** What a message is for whoever sent a receipt for it. */
export type MarkedMessage = Readonly<{ id: string; status: MessageStatus }>;

export type MessageList = Readonly<{ messages: Message[]; total: number }>;
