import { Type } from 'typebox';
import { ulidOf } from '../../kernel/ulid.ts';
import { type ChatMessage, chatTypes } from '../../modules/meetings/index.ts';
import { isoSeconds } from './times.ts';

const text = Type.String();

/** What there is besides is said where there is any: of whom a private message is for, of a breakout room, of a file. */
export const chatSchema = Type.Object(
  {
    message_id: text,
    sender_id: text,
    sender_name: text,
    content: text,
    message_type: Type.Enum(chatTypes),
    is_private: Type.Boolean(),
    recipient_id: Type.Optional(text),
    breakout_room_id: Type.Optional(text),
    file_url: Type.Optional(text),
    file_name: Type.Optional(text),
    file_type: Type.Optional(text),
    file_size: Type.Optional(Type.Integer()),
    timestamp: text,
  },
  { additionalProperties: false },
);

export function chatView(message: ChatMessage) {
  const { url = null, name = null, type = null, size = null } = message.file ?? {};
  return {
    message_id: ulidOf(message.id),
    sender_id: ulidOf(message.senderId),
    sender_name: message.senderName,
    content: message.content,
    message_type: message.type,
    is_private: message.recipientId !== null,
    ...(message.recipientId === null ? {} : { recipient_id: ulidOf(message.recipientId) }),
    ...(message.roomId === null ? {} : { breakout_room_id: ulidOf(message.roomId) }),
    ...(url === null ? {} : { file_url: url }),
    ...(name === null ? {} : { file_name: name }),
    ...(type === null ? {} : { file_type: type }),
    ...(size === null ? {} : { file_size: size }),
    timestamp: isoSeconds(message.at),
  };
}
