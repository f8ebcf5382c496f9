import { Type } from 'typebox';
import { nullable } from '../../infra/http/nullable.ts';
import { isoTime } from '../../kernel/clock.ts';
import { type Group, groupTypes } from '../../modules/groups/index.ts';

/** A group as this door shows it, over REST and in events. */
export const groupView = ({ id, title, description, cover, type, createdAt, updatedAt }: Group) => ({
  id,
  title,
  description,
  cover,
  type,
  createdAt: isoTime(createdAt),
  updatedAt: isoTime(updatedAt),
});

/** What a group is called, beside its id; `null` where there is none, or none that the reader may know of. */
export const namedGroupSchema = nullable(
  Type.Object(
    { id: Type.String(), title: Type.String(), type: Type.Enum(groupTypes) },
    { additionalProperties: false },
  ),
);
