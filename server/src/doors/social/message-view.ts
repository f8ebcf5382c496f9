import { Type } from 'typebox';
import { nullable } from '../../infra/http/nullable.ts';
import { isoTime } from '../../kernel/clock.ts';
import {
  type Message,
  type MessageStatus,
  type MessageType,
  messageStatuses,
  messageTypes,
} from '../../modules/messaging/index.ts';

const text = nullable(Type.String());
export const statusSchema = Type.Enum(messageStatuses);
/** A message in an answer; what is not listed here never leaves. */
export const messageSchema = Type.Object(
  {
    id: Type.String(),
    senderId: Type.String(),
    receiverId: text,
    groupId: text,
    content: Type.String(),
    type: Type.Enum(messageTypes),
    status: statusSchema,
    parentId: text,
    metadata: Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()]),
    reactions: Type.Array(
      Type.Object(
        { emoji: Type.String(), count: Type.Integer(), mine: Type.Optional(Type.Boolean()) },
        { additionalProperties: false },
      ),
    ),
    createdAt: Type.String(),
    updatedAt: Type.String(),
    clientId: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

/** A message as this door shows it, but for what depends on who looks. */
type CommonView = {
  id: string;
  senderId: string;
  receiverId: string | null;
  groupId: string | null;
  content: string;
  type: MessageType;
  parentId: string | null;
  metadata: Record<string, unknown> | null;
  reactions: Message['reactions'];
  createdAt: string;
  updatedAt: string;
};

/** Always the full object; `clientId` for its sender only. */
export type MessageView = CommonView & { status: MessageStatus; clientId?: string };

function commonView(message: Message): CommonView {
  const { id, senderId, receiverId, groupId, content, type, parentId, metadata, reactions } = message;
  const createdAt = isoTime(message.createdAt);
  const updatedAt = message.updatedAt === message.createdAt ? createdAt : isoTime(message.updatedAt);
  return { id, senderId, receiverId, groupId, content, type, parentId, metadata, reactions, createdAt, updatedAt };
}

/** What an account sees of a message; the answer to a send says SENT, whatever has become of it meanwhile. */
export function viewFor(account: number, message: Message, status: MessageStatus = message.status): MessageView {
  const view: MessageView = { ...commonView(message), status };
  if (message.sender === account && message.clientId !== null) view.clientId = message.clientId;
  return view;
}

export const sentView = (message: Message): MessageView => viewFor(message.sender, message, 'SENT');

/** The same views as JSON: what they share is written once for the sender and the others. `null`: without a status. */
export function messageJson(message: Message): {
  forSender(status: string): string;
  forOthers(status: string | null): string;
} {
  const common = JSON.stringify(commonView(message)).slice(0, -1);
  const { clientId } = message;
  return {
    forSender: (status) =>
      clientId === null
        ? `${common},"status":"${status}"}`
        : `${common},"status":"${status}","clientId":${JSON.stringify(clientId)}}`,
    forOthers: (status) => (status === null ? `${common}}` : `${common},"status":"${status}"}`),
  };
}
