import type { Log } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { isShallow } from '../../kernel/depth.ts';
import { commonErrors, type ErrorValue, Refusal } from '../../kernel/errors.ts';
import { idBytes, idOf, newIdText } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import { Changes } from './changes.ts';
import { type Conversation, type ConversationList, linesOf } from './conversations.ts';
import { messagingErrors } from './errors.ts';
import { type ConversationRow, History } from './history.ts';
import { withNames } from './names.ts';
import { Receipts } from './receipts.ts';
import {
  type MarkedMessage,
  type Message,
  type MessageDraft,
  type MessageList,
  type MessageStatus,
  metadataDepth,
  metadataLimit,
} from './schema.ts';
import { asSent, type Draft, draftHash, isSameInput, type MessageStore } from './store.ts';

export type MessagingOptions = {
  sql: Sql;
  log: Log;
  store: MessageStore;
  clock: Clock;
  /** Whether an account, by its public id, has a live connection. */
  isOnline: (id: string) => boolean;
  isBlocked: (by: number, who: number) => Promise<boolean>;
  /** The internal number of an account that exists. */
  findAccount: (id: string) => Promise<{ account: number } | undefined>;
  /** The internal number of a group, and whether anybody signed in may read it. */
  findGroup: (id: string) => Promise<{ group: number; isPublic: boolean; isSecret: boolean } | undefined>;
};

/** When a conversation is seen, the senders of so many of its last messages hear of it. */
const sendersTold = 50;

/** Direct and group messages: who may write and read them, and what becomes of them. */
export class Messaging {
  readonly #store: MessageStore;
  readonly #clock: Clock;
  readonly #history: History;
  readonly #options: MessagingOptions;
  /** What becomes of a message after it was sent. */
  readonly changes: Changes;
  /** Who has got and seen what. */
  readonly receipts: Receipts;

  constructor(options: MessagingOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock;
    this.#history = new History(options.sql);
    this.receipts = new Receipts(options);
    this.changes = new Changes({ ...options, statusOf: (id) => this.#statusOf(id) });
    options.log.addSegment(this.#history);
  }

  /**
   * Sends a message; fulfilled when it is on disk. The same `clientId` with the same input gives the first message
   * again; with another input it refuses with KEY_REUSED. Also refuses: RECEIVER_NOT_FOUND, GROUP_NOT_FOUND,
   * NOT_A_MEMBER, PARENT_NOT_FOUND, ONE_TARGET, INVALID_INPUT,
   * BLOCKED, BLOCKING; and MESSAGE_DELETED for the key of a message that is gone.
   */
  async send(principal: Principal, draft: MessageDraft): Promise<Message> {
    const prepared = this.#prepare(principal, draft);
    const verdict = await this.#store.append(prepared);
    if (verdict.outcome === 'sent') return verdict.message;
    if (verdict.outcome === 'refused') throw new Refusal(verdict.error);
    return this.#known(principal, verdict.seq, prepared);
  }

  /**
   * What the first try made, when it was made from the same input: as it is now, for whoever may read that, and else no
   * more than was said in it.
   */
  async #known(principal: Principal, seq: number, draft: Draft): Promise<Message> {
    const message = (await this.#history.bySeq([seq])).get(seq);
    const changed = await this.#history.inputHash(seq);
    const same =
      changed === null ? message !== undefined && isSameInput(message, draft) : isEqual(changed, draftHash(draft));
    if (!same) throw new Refusal(commonErrors.KEY_REUSED);
    if (message === undefined) throw new Refusal(messagingErrors.MESSAGE_DELETED);
    return (await this.#isReadable(principal, message)) ? message : asSent(message, draft);
  }

  /** A message of a conversation one takes part in; anybody else is told that it does not exist. */
  async read(principal: Principal, id: string): Promise<Message> {
    const message = await this.#readable(principal, id);
    const [shown = message] = await this.#asSeenBy(principal, [message]);
    return shown;
  }

  /** Own conversations, direct and of groups, the last written to first; `before` and `after` are ids of last messages. */
  async conversations(principal: Principal, { before, after, ...page }: Page): Promise<ConversationList> {
    const bounds = {
      ...(before === undefined ? {} : { before: await this.#ownBound(principal, before) }),
      ...(after === undefined ? {} : { after: await this.#ownBound(principal, after) }),
    };
    const lines = await linesOf(this.#options.sql, principal, { ...page, ...bounds });
    const bodies = await this.#history.bySeq(lines.map(({ last }) => last));
    const found = lines.flatMap(({ last, unread }) => {
      const lastMessage = bodies.get(last);
      return lastMessage === undefined ? [] : [{ lastMessage, unread: Number(unread) }];
    });
    const shown = await this.#asSeenBy(
      principal,
      found.map(({ lastMessage }) => lastMessage),
    );
    const conversations = found.map(({ lastMessage, unread }, index) =>
      conversationOf(principal, shown[index] ?? lastMessage, unread),
    );
    const named = await withNames(this.#options.sql.read, conversations);
    return { conversations: named, total: Number(lines[0]?.total ?? 0) };
  }

  /**
   * Everything that others have written to a conversation is seen; `id` is the other account's or the group's. Refuses:
   * CONVERSATION_NOT_FOUND, NOT_A_MEMBER.
   */
  async seeAll(principal: Principal, id: string): Promise<void> {
    const { conversation, group } = await this.#findConversation(principal, id);
    if (conversation === undefined) return;
    const topic = group === null ? topicOf('conversation', conversation.id) : topicOf('group', group);
    const waiting = [...this.#store.waiting(conversation.id)];
    const last = waiting.at(-1) ?? (await this.#history.indexedBefore(conversation.id, Number.MAX_SAFE_INTEGER, 1))[0];
    const seen = await this.receipts.seenBy(principal.account, topic);
    if (last === undefined || last <= seen) return;
    const seqs = await this.#seqs(conversation.id, waiting, { page: 1, limit: sendersTold });
    const bodies = await this.#history.bySeq(seqs);
    const unseen = seqs.filter((seq) => seq > seen).flatMap((seq) => bodies.get(seq) ?? []);
    await this.receipts.markAll(principal, topic, unseen);
  }

  /** By the id of the other account or of a group that one may read; there may be no message yet. */
  async #findConversation(
    principal: Principal,
    id: string,
  ): Promise<{ conversation: ConversationRow | undefined; group: number | null }> {
    const account = await this.#options.findAccount(id);
    if (account !== undefined) return { conversation: await this.#directWith(principal, account), group: null };
    if ((await this.#options.findGroup(id)) === undefined) throw new Refusal(messagingErrors.CONVERSATION_NOT_FOUND);
    const group = await this.#knownGroup(principal, id);
    return { conversation: await this.#history.conversation(0, group), group };
  }

  /**
   * The caller has got, or seen, this message and all before it; answers what it is for them now. Refuses:
   * MESSAGE_NOT_FOUND, OWN_MESSAGE, NOT_A_MEMBER.
   */
  async mark(principal: Principal, id: string, status: 'DELIVERED' | 'SEEN'): Promise<MarkedMessage> {
    const message = await this.#readable(principal, id);
    return { id: message.id, status: await this.receipts.mark(principal, message, status) };
  }

  async #statusOf(id: string): Promise<MessageStatus> {
    const bytes = idBytes(id);
    const message = bytes && (await this.#history.byId(bytes));
    return message === undefined ? 'SENT' : this.receipts.statusOf(message);
  }

  /** Messages by number, in this order, as they are for the account, which may read them: the caller has seen to it. */
  async shown(principal: Principal, seqs: readonly number[]): Promise<Message[]> {
    const bodies = await this.#history.bySeq(seqs);
    const messages = seqs.map((seq) => bodies.get(seq)).filter((message) => message !== undefined);
    return this.#asSeenBy(principal, messages);
  }

  /** With the status and the reactions that are this reader's own. */
  async #asSeenBy({ account }: Principal, messages: readonly Message[]): Promise<Message[]> {
    return this.#history.withOwnReactions(account, await this.receipts.shownTo(account, messages));
  }

  async #readable(principal: Principal, id: string): Promise<Message> {
    const bytes = idBytes(id);
    const message = bytes && (await this.#history.byId(bytes));
    if (message !== undefined && (await this.#isReadable(principal, message))) return message;
    throw new Refusal(messagingErrors.MESSAGE_NOT_FOUND);
  }

  async #isReadable(principal: Principal, { sender, receiver, groupId }: Message): Promise<boolean> {
    if (groupId === null) return sender === principal.account || receiver === principal.account;
    const group = await this.#options.findGroup(groupId);
    return group !== undefined && this.#mayRead(principal, group);
  }

  /** Messages with another account, newest first; none yet is an empty list. */
  async directHistory(principal: Principal, otherId: string, page: Page): Promise<MessageList> {
    const other = await this.#options.findAccount(otherId);
    if (other === undefined) throw new Refusal(messagingErrors.USER_NOT_FOUND);
    return this.#list(principal, await this.#directWith(principal, other), page);
  }

  #directWith({ account }: Principal, other: { account: number }): Promise<ConversationRow | undefined> {
    return this.#history.conversation(Math.min(account, other.account), Math.max(account, other.account));
  }

  /** Messages of a group one may read, newest first. A member reads the whole history of the group. */
  async groupHistory(principal: Principal, groupId: string, page: Page): Promise<MessageList> {
    const group = await this.#knownGroup(principal, groupId);
    return this.#list(principal, await this.#history.conversation(0, group), page);
  }

  /** The number of a group that one may read. Refuses GROUP_NOT_FOUND, NOT_A_MEMBER. */
  async #knownGroup(principal: Principal, groupId: string): Promise<number> {
    const found = await this.#options.findGroup(groupId);
    if (found === undefined) throw new Refusal(messagingErrors.GROUP_NOT_FOUND);
    if (!(await this.#mayRead(principal, found))) {
      throw new Refusal(found.isSecret ? messagingErrors.GROUP_NOT_FOUND : messagingErrors.NOT_A_MEMBER);
    }
    return found.group;
  }

  async #mayRead({ account }: Principal, { group, isPublic }: { group: number; isPublic: boolean }): Promise<boolean> {
    return isPublic || this.#history.isReader(account, topicOf('group', group));
  }

  async #list(principal: Principal, conversation: ConversationRow | undefined, page: Page): Promise<MessageList> {
    if (conversation === undefined) return { messages: [], total: 0 };
    const waiting = [...this.#store.waiting(conversation.id)];
    const seqs = await this.#seqs(conversation.id, waiting, page);
    return { messages: await this.shown(principal, seqs), total: conversation.total + waiting.length };
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

  async #ownBound({ account }: Principal, id: string): Promise<number> {
    const bytes = idBytes(id);
    const seq = bytes && (await this.#history.ownSeqOf(bytes, account));
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

/** Seen from one of its sides. */
function conversationOf({ account }: Principal, lastMessage: Message, unread: number): Conversation {
  const { groupId, sender, senderId, receiverId } = lastMessage;
  const other = sender === account ? (receiverId ?? senderId) : senderId;
  return { id: groupId ?? other, type: groupId === null ? 'DIRECT' : 'GROUP', lastMessage, unread };
}

const isEqual = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;

/** Metadata as it is stored. */
function textOf(metadata: Record<string, unknown> | null): string | null {
  if (metadata === null) return null;
  if (!isShallow(metadata, metadataDepth)) {
    throw new Refusal(commonErrors.INVALID_INPUT, { message: `metadata may be nested ${metadataDepth} levels deep` });
  }
  const text = JSON.stringify(metadata);
  if (Buffer.byteLength(text) > metadataLimit) {
    throw new Refusal(commonErrors.INVALID_INPUT, { message: `metadata may have ${metadataLimit} bytes` });
  }
  return text;
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
