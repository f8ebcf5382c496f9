import { isoTime } from '../../kernel/clock.ts';
import type { Message } from '../../modules/messaging/index.ts';

/** A message as this door shows it, but for what depends on who looks. */
type CommonView = {
  id: string;
  senderId: string;
  receiverId: string | null;
  groupId: string | null;
  content: string;
  type: string;
  parentId: string | null;
  metadata: Record<string, unknown> | null;
  reactions: unknown[];
  createdAt: string;
  updatedAt: string;
};

/** Always the full object; `clientId` for its sender only. */
export type MessageView = CommonView & { status: string; clientId?: string };

function commonView(message: Message): CommonView {
  const { id, senderId, receiverId, groupId, content, type, parentId, metadata } = message;
  const createdAt = isoTime(message.createdAt);
  const updatedAt = message.updatedAt === message.createdAt ? createdAt : isoTime(message.updatedAt);
  return { id, senderId, receiverId, groupId, content, type, parentId, metadata, reactions: [], createdAt, updatedAt };
}

/** What an account sees of a message; the answer to a send says SENT, whatever has become of it meanwhile. */
export function viewFor(account: number, message: Message, status: string = message.status): MessageView {
  const view: MessageView = { ...commonView(message), status };
  if (message.sender === account && message.clientId !== null) view.clientId = message.clientId;
  return view;
}

export const sentView = (message: Message): MessageView => viewFor(message.sender, message, 'SENT');

/** The same views as JSON: what they share is written once for the sender and the others. */
export function messageJson(message: Message): { forSender(status: string): string; forOthers(): string } {
  const common = JSON.stringify(commonView(message)).slice(0, -1);
  const { clientId } = message;
  return {
    forSender: (status) =>
      clientId === null
        ? `${common},"status":"${status}"}`
        : `${common},"status":"${status}","clientId":${JSON.stringify(clientId)}}`,
    forOthers: () => `${common},"status":"${message.status}"}`,
  };
}
