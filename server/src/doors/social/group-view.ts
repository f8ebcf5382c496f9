import { isoTime } from '../../kernel/clock.ts';
import type { Group } from '../../modules/groups/index.ts';

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
