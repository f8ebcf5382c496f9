import { type Static, Type } from 'typebox';

const messageTypes = ['TEXT', 'IMAGE', 'FILE', 'VOICE', 'VIDEO'] as const;
const messageStatuses = ['SENT', 'DELIVERED', 'SEEN'] as const;
export type MessageType = (typeof messageTypes)[number];
export type MessageStatus = (typeof messageStatuses)[number];

/** Bytes of `metadata` as JSON. */
export const metadataLimit = 16_384;
/** Objects and lists inside each other. */
export const metadataDepth = 32;

const id = Type.String({ minLength: 1, maxLength: 64 });
const nothing = Type.Null();
const messageType = Type.Unsafe<MessageType>(Type.Union(messageTypes.map((type) => Type.Literal(type))));

/** A client's own key for a write: printable ASCII. Keys that grow with time (UUIDv7) cost the least. */
export const clientKey = Type.String({
  pattern: '^[\\x21-\\x7e]{8,128}$',
  fault: 'must have 8 to 128 printable characters',
});

/** What a person writes; `null` is as good as absent. Exactly one of `receiverId` and `groupId`. */
export const messageDraft = Type.Object({
  // The character NUL is refused: PostgreSQL cannot keep it.
  content: Type.String({
    minLength: 1,
    maxLength: 5_000,
    pattern: '^[^\\u0000]*$',
    fault: 'must not contain the character NUL',
  }),
  type: Type.Optional(Type.Union([messageType, nothing])),
  receiverId: Type.Optional(Type.Union([id, nothing])),
  groupId: Type.Optional(Type.Union([id, nothing])),
  parentId: Type.Optional(Type.Union([id, nothing])),
  metadata: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), nothing])),
  clientId: Type.Optional(Type.Union([clientKey, nothing])),
});
export type MessageDraft = Static<typeof messageDraft>;

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
  /** The sender's key; shown to the sender only. */
  clientId: string | null;
  createdAt: number;
  updatedAt: number;
}>;

/** Where a list begins: a page number, or the id of a message before or after which it lies. */
export type Page = Readonly<{ page: number; limit: number; before?: string; after?: string }>;
export type MessageList = Readonly<{ messages: Message[]; total: number }>;
