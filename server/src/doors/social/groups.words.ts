import {
  type GroupDeleted,
  type GroupUpdated,
  groupEvents,
  type MemberChanged,
  type MemberNamed,
} from '../../modules/groups/index.ts';
import { groupView } from './group-view.ts';
import { type RowWords, toAll } from './words.ts';

/** The contract names none of these events; they let a client keep its list of groups and members without asking. */
export const groupRowWords: RowWords = [
  [groupEvents.created, (body: MemberNamed, offset) => toAll('group:created', body, offset)],
  [groupEvents.updated, (body: GroupUpdated, offset) => toAll('group:updated', groupView(body), offset)],
  [groupEvents.deleted, (body: GroupDeleted, offset) => toAll('group:deleted', body, offset)],
  [groupEvents.memberAdded, (body: MemberChanged, offset) => toAll('group:member:added', body, offset)],
  [groupEvents.memberRemoved, (body: MemberNamed, offset) => toAll('group:member:removed', body, offset)],
  [groupEvents.roleChanged, (body: MemberChanged, offset) => toAll('group:member:role', body, offset)],
];
