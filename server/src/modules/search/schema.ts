import type { Message } from '../messaging/index.ts';

/**
 * `capped`: there are more than `total`, which counts what the index finds, less what this page no longer has: what was
 * edited or deleted since the index looked is counted until its page is asked for.
 */
export type FoundMessages = Readonly<{ messages: Message[]; total: number; capped: boolean }>;

/** What is asked: messages with all of these words; of the last one its beginning is enough. */
export type Question = Readonly<{ account: number; words: readonly string[] }>;

/** What a message is found under; none for one that is deleted. */
export type Entry = Readonly<{ seq: number; entries: readonly string[] }>;
