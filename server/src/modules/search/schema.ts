import type { Message } from '../messaging/index.ts';

/** `capped`: there are more than `total`. */
export type FoundMessages = Readonly<{ messages: Message[]; total: number; capped: boolean }>;

/** What is asked: messages with all of these words; of the last one its beginning is enough. */
export type Question = Readonly<{ account: number; words: readonly string[] }>;

/** What a message is found under; none for one that is deleted. */
export type Entry = Readonly<{ seq: number; entries: readonly string[] }>;
