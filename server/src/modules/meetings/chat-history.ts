import { type RawBuilder, sql } from 'kysely';
import { isAmong, numberList } from '../../infra/sql/numbers.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import type { ChatFile, ChatMessage, ChatType } from './schema.ts';

type Stored = {
  id: number;
  public_id: IdBytes;
  sender_id: IdBytes;
  sender_name: string;
  recipient_id: IdBytes | null;
  room_id: IdBytes | null;
  content: string;
  type: ChatType;
  file: string | null;
  at: number;
};

const columns = `c.id, c.public_id, s.public_id AS sender_id, s.username AS sender_name, r.public_id AS recipient_id,
  b.public_id AS room_id, c.content, c.type, c.file, c.at`;
const joins = `JOIN accounts s ON s.id = c.sender LEFT JOIN accounts r ON r.id = c.recipient
  LEFT JOIN meeting_rooms b ON b.id = c.place`;

/** Who reads where; `room` null: with all the others. */
export type Reader = Readonly<{ meeting: number; account: number; room: number | null }>;

/** Pages further in than this cost what they pass over, and run off the event loop. */
const nearby = 200;

/** Reads of what was written in meetings. */
export class ChatHistory {
  readonly #sql: Sql;
  readonly #byNumber: Statement<Stored>;
  readonly #among: Statement<Stored>;
  readonly #page: Statement<{ id: number }>;

  constructor(database: Sql) {
    this.#sql = database;
    const from = `SELECT ${columns} FROM meeting_chat c ${joins}`;
    this.#byNumber = database.statement<Stored>(`${from} WHERE c.id = ?1`);
    this.#among = database.statement<Stored>(`${from} WHERE ${isAmong(database.engine, 'c.id', '?1')}`);
    // Four ranges, each in order by its index, are merged: what is for others is never looked at.
    const range = (where: string): string => `SELECT id FROM meeting_chat WHERE meeting = ?1 AND ${where}`;
    this.#page = database.statement<{ id: number }>(
      `${range('place = 0')} UNION ALL ${range('place = ?3')} UNION ALL ${range('sender = ?2 AND recipient IS NOT NULL')}
       UNION ALL ${range('recipient = ?2 AND recipient IS NOT NULL')} ORDER BY id LIMIT ?4 OFFSET ?5`,
    );
  }

  async byNumber(number: number): Promise<ChatMessage> {
    const stored = await this.#byNumber.get(number);
    if (stored === undefined) throw new Error(`Chat message ${number} is gone`);
    return messageFrom(stored);
  }

  /** Oldest first. */
  async page(reader: Reader, { limit, offset }: { limit: number; offset: number }): Promise<ChatMessage[]> {
    const { meeting, account } = reader;
    // No room has this number.
    const room = reader.room ?? -2;
    const found =
      offset <= nearby
        ? await this.#page.all(meeting, account, room, limit, offset)
        : await this.#far({ meeting, account, room }, { limit, offset });
    const numbers = found.map(({ id }) => id);
    if (numbers.length === 0) return [];
    const stored = await this.#among.all(numberList(this.#sql.engine, numbers));
    return stored.sort((left, right) => left.id - right.id).map(messageFrom);
  }

  #far({ meeting, account, room }: Required<Reader>, { limit, offset }: { limit: number; offset: number }) {
    const range = (where: RawBuilder<unknown>) =>
      sql`select id from meeting_chat where meeting = ${meeting} and ${where}`;
    const query = sql<{ id: number }>`
      ${range(sql`place = 0`)} union all ${range(sql`place = ${room}`)}
      union all ${range(sql`sender = ${account} and recipient is not null`)}
      union all ${range(sql`recipient = ${account} and recipient is not null`)}
      order by id limit ${limit} offset ${offset}`;
    return this.#sql.scan(query.compile(this.#sql.read));
  }
}

const messageFrom = (stored: Stored): ChatMessage => ({
  id: idText(stored.public_id),
  senderId: idText(stored.sender_id),
  senderName: stored.sender_name,
  recipientId: stored.recipient_id === null ? null : idText(stored.recipient_id),
  roomId: stored.room_id === null ? null : idText(stored.room_id),
  content: stored.content,
  type: stored.type,
  file: stored.file === null ? null : (JSON.parse(stored.file) as ChatFile),
  at: stored.at,
});
