import { type KeyUse, once } from '../../infra/log/keys.ts';
import type { Log } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idText, newId } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { ChatHistory } from './chat-history.ts';
import { meetingErrors } from './errors.ts';
import { type ChatSent, meetingEvents } from './events.ts';
import { Readers } from './reading.ts';
import { roomOf, roomTopic } from './rooms.ts';
import type { ChatDraft, ChatFile, ChatMessage } from './schema.ts';
import {
  type Held,
  holdMeeting,
  mustBeActive,
  mustBeJoined,
  type PersonRow,
  permits,
  personIn,
  policyOf,
} from './store.ts';

export type MeetingChatOptions = Readonly<{ sql: Sql; log: Log; clock: Clock }>;

/** Where a message between two people stands: in no place that others read. */
const betweenTwo = -1;

/** What people write in a meeting: to all, in a breakout room to those in it, or to one other participant. */
export class MeetingChat {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #readers: Readers;
  readonly #history: ChatHistory;

  constructor({ sql, log, clock }: MeetingChatOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#readers = new Readers(sql);
    this.#history = new ChatHistory(sql);
  }

  /**
   * The same `key` with the same draft is the same message. Refuses: MEETING_NOT_FOUND, ENDED, CANCELLED, NOT_ACTIVE,
   * PARTICIPANT_NOT_FOUND (the sender has not joined, or the recipient), CHAT_OFF, BLOCKED, OWN_RECIPIENT, FILE_NEEDED,
   * KEY_REUSED.
   */
  async send(principal: Principal, id: string, draft: ChatDraft, key: string | null): Promise<ChatMessage> {
    const now = this.#clock.now();
    const { ref } = await this.#log.write(async (transaction) => {
      const held = await holdMeeting(transaction, principal, { id, now });
      return once(transaction, key === null ? null : useOf(held, principal, { key, draft, at: now }), async () =>
        say(held, principal, { draft, at: now }),
      );
    });
    return this.#history.byNumber(ref);
  }

  /**
   * What the caller may read, oldest first: what went to all, to the breakout room they are in, and between them and
   * somebody else. Also after the end. Refuses MEETING_NOT_FOUND, PARTICIPANT_NOT_FOUND.
   */
  async history(
    principal: Principal,
    id: string,
    page: Readonly<{ limit: number; offset: number }>,
  ): Promise<ChatMessage[]> {
    const { meeting, room } = await this.#readers.open(principal, id);
    return this.#history.page({ meeting: meeting.id, account: principal.account, room }, page);
  }
}

/** Ids in one spelling: the other one is no other input. */
function useOf(
  { meeting }: Held,
  { account }: Principal,
  { key, draft, at }: { key: string; draft: ChatDraft; at: number },
): KeyUse {
  const { content, message_type = null, recipient_id } = draft;
  const recipient = recipient_id ?? null;
  const to = recipient === null ? null : idText(anyIdBytes(recipient) ?? new Uint8Array(16));
  const input = { meeting: meeting.id, content, type: message_type ?? 'text', to, file: fileOf(draft) };
  return { key, account, operation: 'meeting:chat', input, at };
}

async function say(held: Held, principal: Principal, { draft, at }: { draft: ChatDraft; at: number }): Promise<number> {
  const { transaction, tables, meeting } = held;
  mustBeActive(held);
  const own = mustBeJoined(held);
  if (!permits(policyOf(meeting).chat, held.isHost)) throw new Refusal(meetingErrors.CHAT_OFF);
  const type = draft.message_type ?? 'text';
  const file = fileOf(draft);
  if (type !== 'text' && file?.url == null) throw new Refusal(meetingErrors.FILE_NEEDED);
  const room = await roomOf(held, own);
  if (room !== undefined && room.allow_chat !== 1) throw new Refusal(meetingErrors.CHAT_OFF);
  const to = draft.recipient_id == null ? undefined : await recipientIn(held, own, draft.recipient_id);
  const id = newId();
  const stored = await tables
    .insertInto('meeting_chat')
    .values({
      public_id: id,
      meeting: meeting.id,
      place: to === undefined ? (room?.id ?? 0) : betweenTwo,
      sender: own.account,
      recipient: to?.account ?? null,
      content: draft.content,
      type,
      file: file === null ? null : JSON.stringify(file),
      at,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  const payload: ChatSent = {
    meetingId: idText(meeting.public_id),
    id: idText(id),
    senderId: principal.id,
    senderName: await nameOf(held, own.account),
    recipientId: to?.id ?? null,
    roomId: to === undefined && room !== undefined ? idText(room.public_id) : null,
    content: draft.content,
    type,
    file,
    at,
  };
  transaction.append({ ...readersOf(held, own, to), type: meetingEvents.chat, payload });
  return stored.id;
}

/** Of a private message nobody but these two have a row. */
function readersOf({ meeting }: Held, own: PersonRow, to: { account: number } | undefined) {
  if (to !== undefined) return { topic: topicOf('user', own.account), peer: topicOf('user', to.account) };
  return { topic: own.room === null ? topicOf('meeting', meeting.id) : roomTopic(own.room) };
}

/** Who waits, has left or was removed gets nothing. */
async function recipientIn(held: Held, own: PersonRow, named: string): Promise<{ account: number; id: string }> {
  const { tables, meeting } = held;
  const bytes = anyIdBytes(named);
  const found =
    bytes && (await tables.selectFrom('accounts').select('id').where('public_id', '=', bytes).executeTakeFirst());
  if (bytes === undefined || found === undefined) throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  if (found.id === own.account) throw new Refusal(meetingErrors.OWN_RECIPIENT);
  const person = await personIn(tables, meeting.id, found.id);
  if (person?.status !== 'joined') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  const block = await tables
    .selectFrom('blocks')
    .select('account')
    .where('account', '=', found.id)
    .where('blocked', '=', own.account)
    .executeTakeFirst();
  if (block !== undefined) throw new Refusal(meetingErrors.BLOCKED);
  return { account: found.id, id: idText(bytes) };
}

async function nameOf({ tables }: Held, account: number): Promise<string> {
  const named = tables.selectFrom('accounts').select('username').where('id', '=', account);
  return (await named.executeTakeFirstOrThrow()).username;
}

function fileOf({ file_url, file_name, file_type, file_size }: ChatDraft): ChatFile | null {
  const file = { url: file_url ?? null, name: file_name ?? null, type: file_type ?? null, size: file_size ?? null };
  return Object.values(file).every((value) => value === null) ? null : file;
}
