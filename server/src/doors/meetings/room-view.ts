import { Type } from 'typebox';
import { nullable } from '../../infra/http/nullable.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { BreakoutRoom } from '../../modules/meetings/index.ts';
import { isoOrNull } from './times.ts';

const text = Type.String();

export const roomSchema = Type.Object(
  {
    room_id: text,
    name: text,
    description: nullable(text),
    capacity: nullable(Type.Integer()),
    current_participants: Type.Integer(),
    is_active: Type.Boolean(),
    settings: Type.Object({ allow_chat: Type.Boolean(), allow_screen_share: Type.Boolean() }),
    closes_at: nullable(text),
  },
  { additionalProperties: false },
);

export const roomView = (room: BreakoutRoom) => ({
  room_id: ulidOf(room.id),
  name: room.name,
  description: room.description,
  capacity: room.capacity,
  current_participants: room.people,
  is_active: room.isActive,
  settings: { allow_chat: room.allowChat, allow_screen_share: room.allowScreenShare },
  closes_at: isoOrNull(room.closesAt),
});
