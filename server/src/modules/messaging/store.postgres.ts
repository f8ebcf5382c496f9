import type { Applied, PostgresLog } from '../../infra/log/log.postgres.ts';
import type { Row } from '../../infra/log/log.ts';
import type { PostgresSql } from '../../infra/sql/sql.postgres.ts';
import { commonErrors, type ErrorValue } from '../../kernel/errors.ts';
import { messagingErrors } from './errors.ts';
import { type Draft, type MessageStore, messageOf, messageRow, type Verdict } from './store.ts';

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
  key_reused: commonErrors.KEY_REUSED,
  no_receiver: messagingErrors.RECEIVER_NOT_FOUND,
  no_group: messagingErrors.GROUP_NOT_FOUND,
  not_member: messagingErrors.NOT_A_MEMBER,
  no_parent: messagingErrors.PARENT_NOT_FOUND,
};

/** Messages on PostgreSQL: a whole set in one round trip, by the function `messages_append`. */
export class PostgresMessageStore implements MessageStore {
  readonly #sql: PostgresSql;
  readonly #submit: (draft: Draft) => Promise<Verdict>;

  constructor(sql: PostgresSql, log: PostgresLog) {
    this.#sql = sql;
    this.#submit = log.batch((drafts: readonly Draft[]) => this.#apply(drafts));
  }

  append(draft: Draft): Promise<Verdict> {
    return this.#submit(draft);
  }

  waiting(): readonly number[] {
    return [];
  }

  async #apply(drafts: readonly Draft[]): Promise<Applied<Verdict>> {
    const { firsts, twinOf } = withoutTwins(drafts);
    const { rows: answers } = await this.#sql.pool.query<Answer>({
      name: 'messages_append',
      text: 'SELECT * FROM messages_append($1::jsonb)',
      values: [JSON.stringify(firsts.map(wireDraft))],
    });
    const rows: Row[] = [];
    const verdicts = answers.map((answer, index) => verdictOf(firsts[index], answer, rows));
    return { rows, verdicts: twinOf.map((first, index) => verdictOfTwin(verdicts, first, { drafts, index })) };
  }
}

/** Two drafts with one key in one set: the first is written, the others share its outcome, or refuse another input. */
function withoutTwins(drafts: readonly Draft[]): { firsts: Draft[]; twinOf: number[] } {
  const firsts: Draft[] = [];
  const byKey = new Map<string, number>();
  const twinOf = drafts.map((draft) => {
    const key = draft.clientId === null ? undefined : `${draft.sender} ${draft.clientId}`;
    const known = key === undefined ? undefined : byKey.get(key);
    if (known !== undefined) return known;
    if (key !== undefined) byKey.set(key, firsts.length);
    return firsts.push(draft) - 1;
  });
  return { firsts, twinOf };
}

function verdictOfTwin(
  verdicts: readonly Verdict[],
  first: number,
  { drafts, index }: { drafts: readonly Draft[]; index: number },
): Verdict {
  const verdict = verdicts[first];
  const draft = drafts[index];
  if (verdict === undefined || draft === undefined) throw new Error('The database answered fewer drafts than it was given');
  if (verdict.outcome !== 'sent' || verdict.message.id === draft.id) return verdict;
  const original = drafts.find(({ id }) => id === verdict.message.id);
  if (original === undefined || inputOf(original) !== inputOf(draft)) {
    return { outcome: 'refused', error: commonErrors.KEY_REUSED };
  }
  return { outcome: 'repeated', seq: verdict.message.seq };
}

function verdictOf(draft: Draft | undefined, answer: Answer, rows: Row[]): Verdict {
  const { verdict, seq, conversation, receiver, known } = answer;
  if (verdict === 'repeated' && known !== null) return { outcome: 'repeated', seq: known };
  if (draft !== undefined && seq !== null && conversation !== null) {
    const message = messageOf(draft, { seq, conversation, receiver });
    rows.push(messageRow(message, answer.group_no));
    return { outcome: 'sent', message };
  }
  return { outcome: 'refused', error: refusals[verdict] ?? commonErrors.UNAVAILABLE };
}

const inputOf = ({ content, type, target, parentId, metadataText }: Draft): string =>
  JSON.stringify([content, type, target, parentId, metadataText]);

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
