import { isoTime } from '../../kernel/clock.ts';
import type { Message } from '../../modules/messaging/index.ts';

/** A message as this door shows it: always the full object. */
export type MessageView = {
  id: string;
  senderId: string;
  receiverId: string | null;
  groupId: string | null;
  content: string;
  type: string;
  status: string;
  parentId: string | null;
  metadata: Record<string, unknown> | null;
  reactions: unknown[];
  createdAt: string;
  updatedAt: string;
  clientId?: string;
};

/** What somebody other than the sender sees. */
export function othersView(message: Message): MessageView {
  const { id, senderId, receiverId, groupId, content, type, status, parentId, metadata } = message;
  const createdAt = isoTime(message.createdAt);
  const updatedAt = message.updatedAt === message.createdAt ? createdAt : isoTime(message.updatedAt);
  return {
    id,
    senderId,
    receiverId,
    groupId,
    content,
    type,
    status,
    parentId,
    metadata,
    reactions: [],
    createdAt,
    updatedAt,
  };
}

/** What the sender sees: their own key too. */
export function sendersView(message: Message): MessageView {
  const view = othersView(message);
  if (message.clientId !== null) view.clientId = message.clientId;
  return view;
}

/** The answer to a send: SENT, whatever has become of it meanwhile. */
export function sentView(message: Message): MessageView {
  const view = sendersView(message);
  view.status = 'SENT';
  return view;
}

export const viewFor = (account: number, message: Message): MessageView =>
  message.sender === account ? sendersView(message) : othersView(message);
