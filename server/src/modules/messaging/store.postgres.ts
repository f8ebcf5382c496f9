import type { Applied, PostgresLog } from '../../infra/log/log.postgres.ts';
import type { Row } from '../../infra/log/log.ts';
import type { Line, PostgresSql } from '../../infra/sql/sql.postgres.ts';
import { commonErrors, type ErrorValue } from '../../kernel/errors.ts';
import { messagingErrors } from './errors.ts';
import { receiptsOnPostgres } from './receipts.postgres.ts';
import type { Message } from './schema.ts';
import { type Draft, type MessageStore, messageOf, messageRow, type Receipt, type Verdict } from './store.ts';

type Answer = {
  i: number;
  verdict: string;
  seq: number | null;
  conversation: number | null;
  receiver: number | null;
  group_no: number | null;
  known: number | null;
};

const refusals: Readonly<Record<string, ErrorValue>> = {
  no_receiver: messagingErrors.RECEIVER_NOT_FOUND,
  no_group: messagingErrors.GROUP_NOT_FOUND,
  not_member: messagingErrors.NOT_A_MEMBER,
  no_parent: messagingErrors.PARENT_NOT_FOUND,
  blocked: messagingErrors.BLOCKED,
  blocking: messagingErrors.BLOCKING,
};

/** Pairs whose conversation is known to be open; when there are more, all are forgotten. */
const rememberedPairs = 100_000;

/**
 * Messages on PostgreSQL: a whole set in one round trip, by the function `messages_append`. Sets take one connection, one
 * behind the other, so that what somebody sends without waiting keeps its order. Two are under way at a time: when the
 * first fails as a whole, and not with its connection, its drafts are tried again behind the second, and the order
 * between the two is lost.
 */
export class PostgresMessageStore implements MessageStore {
  readonly #line: Line;
  readonly #open = new Set<string>();
  readonly raise: MessageStore['raise'];
  readonly #submit: (draft: Draft) => Promise<Verdict | 'again'>;

  constructor(sql: PostgresSql, log: PostgresLog) {
    this.#line = sql.line();
    const receiptLine = sql.line();
    this.raise = log.batch(async (receipts: readonly Receipt[]) => {
      const verdicts = await receiptsOnPostgres((statement) => receiptLine.query(statement), receipts);
      return { commits: [], verdicts };
    });
    this.#submit = log.batch((drafts: readonly Draft[]) => this.#apply(drafts));
  }

  async append(draft: Draft): Promise<Verdict> {
    for (;;) {
      const verdict = await this.#submit(draft);
      if (verdict !== 'again') return verdict;
    }
  }

  waiting(): readonly number[] {
    return [];
  }

  async deleting(act: () => Promise<Message>): Promise<void> {
    await act();
  }

  async #apply(drafts: readonly Draft[]): Promise<Applied<Verdict | 'again'>> {
    const { firsts, firstOf } = withoutTwins(drafts);
    const rows: Row[] = [];
    const verdicts: Verdict[] = [];
    for (const answer of await this.#append(firsts)) {
      const draft = firsts[answer.i];
      const verdict = verdictOf(draft, answer, rows);
      verdicts[answer.i] = verdict;
      if (draft !== undefined && verdict.outcome === 'sent') this.#remember(draft);
    }
    const verdictAt = (draft: Draft, index: number): Verdict | 'again' => {
      const place = firstOf[index] ?? -1;
      return verdictFor({ first: firsts[place] === draft, verdict: verdicts[place] });
    };
    return { commits: [rows], verdicts: drafts.map(verdictAt) };
  }

  async #append(drafts: readonly Draft[]): Promise<Answer[]> {
    const unopened = drafts.filter((draft) => !this.#open.has(pairOf(draft)));
    // No await in between: nothing may get on the line before the messages that the conversations are opened for.
    const opening = unopened.length > 0 ? this.#call('messages_open', unopened) : undefined;
    const appending = this.#call<Answer>('messages_append', drafts);
    // Without its conversation a message is refused as unavailable, and no other suffers.
    await opening?.catch(() => {});
    return appending;
  }

  #call<Row extends object>(name: 'messages_open' | 'messages_append', drafts: readonly Draft[]): Promise<Row[]> {
    const values = [JSON.stringify(drafts.map(wireDraft))];
    return this.#line.query<Row>({ name, text: `SELECT * FROM ${name}($1::jsonb)`, values });
  }

  #remember(draft: Draft): void {
    if (this.#open.size >= rememberedPairs) this.#open.clear();
    this.#open.add(pairOf(draft));
  }
}

const pairOf = ({ sender, target }: Draft): string => `${sender} ${target.id}`;

/** Two drafts with one key in one set: only the first goes to the database. `firstOf`: each draft's place among those. */
function withoutTwins(drafts: readonly Draft[]): { firsts: Draft[]; firstOf: number[] } {
  const firsts: Draft[] = [];
  const byKey = new Map<string, number>();
  const firstOf = drafts.map((draft) => {
    const key = draft.clientId === null ? draft.id : `${draft.sender} ${draft.clientId}`;
    const known = byKey.get(key);
    if (known !== undefined) return known;
    byKey.set(key, firsts.length);
    return firsts.push(draft) - 1;
  });
  return { firsts, firstOf };
}

/** A twin of a draft that was sent has a known key; a refusal is nobody's but the draft's own, so its twin is tried by itself. */
function verdictFor({ first, verdict }: { first: boolean; verdict: Verdict | undefined }): Verdict | 'again' {
  if (verdict === undefined) throw new Error('The database answered fewer drafts than it was given');
  if (first || verdict.outcome === 'known') return verdict;
  return verdict.outcome === 'refused' ? 'again' : { outcome: 'known', seq: verdict.message.seq };
}

function verdictOf(draft: Draft | undefined, answer: Answer, rows: Row[]): Verdict {
  const { verdict, seq, conversation, receiver, group_no, known } = answer;
  if (known !== null) return { outcome: 'known', seq: known };
  if (draft === undefined || seq === null || conversation === null) {
    return { outcome: 'refused', error: refusals[verdict] ?? commonErrors.UNAVAILABLE };
  }
  const message = messageOf(draft, { seq, conversation, receiver });
  rows.push(messageRow(message, group_no));
  return { outcome: 'sent', message };
}

const hex = (id: string | null): string | null => id?.replaceAll('-', '') ?? null;

const wireDraft = (draft: Draft, i: number): Record<string, unknown> => ({
  i,
  id: hex(draft.id),
  sender: draft.sender,
  receiver: draft.target.kind === 'direct' ? hex(draft.target.id) : null,
  group_id: draft.target.kind === 'group' ? hex(draft.target.id) : null,
  parent: hex(draft.parentId),
  content: draft.content,
  type: draft.type,
  status: draft.receiverOnline ? 'DELIVERED' : 'SENT',
  metadata: draft.metadataText,
  key: draft.clientId,
  at: draft.at,
});
