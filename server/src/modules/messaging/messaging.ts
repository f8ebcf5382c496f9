import type { Log } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { commonErrors, type ErrorValue, Refusal } from '../../kernel/errors.ts';
import { idBytes, idOf, newIdText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { messagingErrors } from './errors.ts';
import { type ConversationRow, History } from './history.ts';
import {
  type Message,
  type MessageDraft,
  type MessageList,
  metadataDepth,
  metadataLimit,
  type Page,
} from './schema.ts';
import { type Draft, isSameInput, type MessageStore } from './store.ts';

export type MessagingOptions = {
  sql: Sql;
  log: Log;
  store: MessageStore;
  clock: Clock;
  /** Whether an account, by its public id, has a live connection. */
  isOnline: (id: string) => boolean;
  /** The internal number of an account that exists. */
  findAccount: (id: string) => Promise<{ account: number } | undefined>;
  /** The internal number of a group, and whether anybody signed in may read it. */
  findGroup: (id: string) => Promise<{ group: number; isPublic: boolean; isSecret: boolean } | undefined>;
};

/** Direct and group messages: who may write and read them, and what becomes of them. */
export class Messaging {
  readonly #store: MessageStore;
  readonly #clock: Clock;
  readonly #history: History;
  readonly #options: MessagingOptions;

  constructor(options: MessagingOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#history = new History(options.sql);
    options.log.addSegment(this.#history);
  }

  /**
   * Sends a message; fulfilled when it is on disk. The same `clientId` with the same input gives the first message
   * again; with another input it refuses with KEY_REUSED. Also refuses: RECEIVER_NOT_FOUND, GROUP_NOT_FOUND,
   * NOT_A_MEMBER, PARENT_NOT_FOUND, ONE_TARGET, INVALID_INPUT.
   */
  async send(principal: Principal, draft: MessageDraft): Promise<Message> {
    const prepared = this.#prepare(principal, draft);
    const verdict = await this.#store.append(prepared);
    if (verdict.outcome === 'sent') return verdict.message;
    if (verdict.outcome === 'refused') throw new Refusal(verdict.error);
    const message = (await this.#history.bySeq([verdict.seq])).get(verdict.seq);
    if (message === undefined || !isSameInput(message, prepared)) throw new Refusal(commonErrors.KEY_REUSED);
    return message;
  }

  /** A message of a conversation one takes part in; anybody else is told that it does not exist. */
  async read(principal: Principal, id: string): Promise<Message> {
    const bytes = idBytes(id);
    const message = bytes && (await this.#history.byId(bytes));
    if (message === undefined) throw new Refusal(messagingErrors.MESSAGE_NOT_FOUND);
    const { sender, receiver, groupId } = message;
    const own = groupId === null && (sender === principal.account || receiver === principal.account);
    if (own || (groupId !== null && (await this.#readableGroup(principal, groupId)) !== undefined)) return message;
    throw new Refusal(messagingErrors.MESSAGE_NOT_FOUND);
  }

  /** Messages with another account, newest first; none yet is an empty list. */
  async directHistory(principal: Principal, otherId: string, page: Page): Promise<MessageList> {
    const other = await this.#options.findAccount(otherId);
    if (other === undefined) throw new Refusal(messagingErrors.USER_NOT_FOUND);
    const low = Math.min(principal.account, other.account);
    return this.#list(await this.#history.conversation(low, Math.max(principal.account, other.account)), page);
  }

  /** Messages of a group one may read, newest first. A member reads the whole history of the group. */
  async groupHistory(principal: Principal, groupId: string, page: Page): Promise<MessageList> {
    const found = await this.#options.findGroup(groupId);
    if (found === undefined) throw new Refusal(messagingErrors.GROUP_NOT_FOUND);
    if ((await this.#readableGroup(principal, groupId)) === undefined) {
      throw new Refusal(found.isSecret ? messagingErrors.GROUP_NOT_FOUND : messagingErrors.NOT_A_MEMBER);
    }
    return this.#list(await this.#history.conversation(0, found.group), page);
  }

  async #readableGroup(principal: Principal, groupId: string): Promise<number | undefined> {
    const found = await this.#options.findGroup(groupId);
    if (found === undefined) return undefined;
    if (found.isPublic || (await this.#history.isReader(principal.account, topicOf('group', found.group))))
      return found.group;
    return undefined;
  }

  async #list(conversation: ConversationRow | undefined, page: Page): Promise<MessageList> {
    if (conversation === undefined) return { messages: [], total: 0 };
    const waiting = [...this.#store.waiting(conversation.id)];
    const seqs = await this.#seqs(conversation.id, waiting, page);
    const bodies = await this.#history.bySeq(seqs);
    const messages = seqs.map((seq) => bodies.get(seq)).filter((message) => message !== undefined);
    return { messages, total: conversation.total + waiting.length };
  }

  /** Numbers of one page, newest first. What waits for the index is newer than everything in it. */
  async #seqs(
    conversation: number,
    waiting: readonly number[],
    { page, limit, before, after }: Page,
  ): Promise<number[]> {
    if (after !== undefined) {
      const bound = await this.#bound(conversation, after);
      const indexed = await this.#history.indexedAfter(conversation, bound, limit);
      return [...indexed, ...waiting.filter((seq) => seq > bound)].slice(0, limit).reverse();
    }
    const bound = before === undefined ? Number.MAX_SAFE_INTEGER : await this.#bound(conversation, before);
    const newest = waiting.filter((seq) => seq < bound).reverse();
    const skip = before === undefined ? (page - 1) * limit : 0;
    const fresh = newest.slice(skip, skip + limit);
    const left = limit - fresh.length;
    if (left === 0) return fresh;
    const past = Math.max(0, skip - newest.length);
    // What moves into the index meanwhile has been counted here already.
    const indexedBelow = Math.min(bound, waiting[0] ?? bound);
    const indexed =
      past === 0
        ? await this.#history.indexedBefore(conversation, indexedBelow, left)
        : await this.#history.indexedPast(conversation, indexedBelow, { offset: past, limit: left });
    return [...fresh, ...indexed];
  }

  async #bound(conversation: number, id: string): Promise<number> {
    const bytes = idBytes(id);
    const seq = bytes && (await this.#history.seqOf(bytes, conversation));
    if (seq === undefined) throw new Refusal(messagingErrors.MESSAGE_NOT_FOUND);
    return seq;
  }

  #prepare(principal: Principal, given: MessageDraft): Draft {
    const { content, type, receiverId, groupId, parentId, metadata, clientId } = given;
    const target = targetOf(receiverId ?? null, groupId ?? null);
    const metadataText = textOf(metadata ?? null);
    const parent = parentId == null ? null : known(parentId, messagingErrors.PARENT_NOT_FOUND);
    return {
      sender: principal.account,
      senderId: principal.id,
      id: newIdText(),
      target,
      // Half of a surrogate pair is no text; no database keeps it, and a retry must be the same as what was kept.
      content: content.toWellFormed(),
      type: type ?? 'TEXT',
      parentId: parent,
      metadata: metadata ?? null,
      metadataText,
      clientId: clientId ?? null,
      receiverOnline: target.kind === 'direct' && this.#options.isOnline(target.id),
      at: this.#clock.now(),
    };
  }
}

/** Metadata as it is stored. Its depth is looked at first: writing JSON descends once a level, and the stack ends. */
function textOf(metadata: Record<string, unknown> | null): string | null {
  if (metadata === null) return null;
  if (!isShallow(metadata)) {
    throw new Refusal(commonErrors.INVALID_INPUT, { message: `metadata may be nested ${metadataDepth} levels deep` });
  }
  const text = JSON.stringify(metadata);
  if (Buffer.byteLength(text) > metadataLimit) {
    throw new Refusal(commonErrors.INVALID_INPUT, { message: `metadata may have ${metadataLimit} bytes` });
  }
  return text;
}

function isShallow(metadata: object): boolean {
  let level: object[] = [metadata];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth >= metadataDepth) return false;
    level = level
      .flatMap((holder) => Object.values(holder))
      .filter((value) => typeof value === 'object' && value !== null);
  }
  return true;
}

function targetOf(receiverId: string | null, groupId: string | null): Draft['target'] {
  if ((receiverId === null) === (groupId === null)) throw new Refusal(messagingErrors.ONE_TARGET);
  const kind = receiverId === null ? 'group' : 'direct';
  const error = kind === 'direct' ? messagingErrors.RECEIVER_NOT_FOUND : messagingErrors.GROUP_NOT_FOUND;
  return { kind, id: known(receiverId ?? groupId ?? '', error) };
}

/** An id that is none names nothing that exists. */
function known(id: string, error: ErrorValue): string {
  const found = idOf(id);
  if (found === undefined) throw new Refusal(error);
  return found;
}
