import { sql } from 'kysely';
import type { Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Entry, Question } from './schema.ts';

/**
 * The index of words. Promises, on both engines: what is found lies in a topic that the account reads at the moment of the
 * search, newest first. A message that was deleted is found until the log has been followed so far.
 */
export interface WordStore {
  /** Takes the place of what these messages were found under before. */
  put(transaction: Transaction, entries: readonly Entry[]): Promise<void>;
  /** Numbers of messages. `upTo`: the last row of the log that was taken. Refuses UNAVAILABLE. */
  find(question: Question, range: { upTo: number; limit: number }): Promise<number[]>;
}

/** The entry of all messages of a topic, under which alone a search looks: the rest is not even counted. */
export const topicEntry = (topic: number): string => `:${topic}`;

/** The topics of the groups in which the account is now. */
export const groupsOf = (account: number) =>
  sql`from readers where account = ${account} and to_seq is null and topic % 8 = ${topicOf('group', 0)}`;
