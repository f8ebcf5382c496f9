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
  no_receiver: messagingErrors.RECEIVER_NOT_FOUND,
  no_group: messagingErrors.GROUP_NOT_FOUND,
  not_member: messagingErrors.NOT_A_MEMBER,
  no_parent: messagingErrors.PARENT_NOT_FOUND,
};

/** Messages on PostgreSQL: a whole set in one round trip, by the function `messages_append`. */
export class PostgresMessageStore implements MessageStore {
  readonly #sql: PostgresSql;
  readonly #submit: (draft: Draft) => Promise<Verdict | 'again'>;

  constructor(sql: PostgresSql, log: PostgresLog) {
    this.#sql = sql;
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

  async #apply(drafts: readonly Draft[]): Promise<Applied<Verdict | 'again'>> {
    const { firsts, firstOf } = withoutTwins(drafts);
    const rows: Row[] = [];
    const verdicts: (Verdict | undefined)[] = [];
    const unopened: Answer[] = [];
    const commits = [rows];
    for (const answer of await this.#append(firsts)) {
      if (answer.verdict === 'no_conversation') unopened.push(answer);
      else verdicts[answer.i] = verdictOf(firsts[answer.i], answer, rows);
    }
    if (unopened.length > 0) commits.push(await this.#appendUnopened(firsts, unopened, verdicts));
    const verdictAt = (draft: Draft, index: number): Verdict | 'again' => {
      const place = firstOf[index] ?? -1;
      return verdictFor(draft, { first: firsts[place] === draft, verdict: verdicts[place] });
    };
    return { commits, verdicts: drafts.map(verdictAt) };
  }

  /** The first message of a conversation: opens it, and appends again. */
  async #appendUnopened(
    firsts: readonly Draft[],
    unopened: readonly Answer[],
    verdicts: (Verdict | undefined)[],
  ): Promise<Row[]> {
    const rows: Row[] = [];
    const pairs = unopened.map(({ i, receiver, group_no }) => {
      const sender = firsts[i]?.sender ?? 0;
      const other = receiver ?? sender;
      return group_no === null ? [Math.min(sender, other), Math.max(sender, other)] : [0, group_no];
    });
    await this.#sql.pool.query(
      'INSERT INTO conversations (low, high) SELECT * FROM unnest($1::bigint[], $2::bigint[]) ON CONFLICT DO NOTHING',
      [pairs.map(([low]) => low), pairs.map(([, high]) => high)],
    );
    const drafts = unopened.map(({ i }) => firsts[i]).filter((draft) => draft !== undefined);
    for (const answer of await this.#append(drafts)) {
      verdicts[unopened[answer.i]?.i ?? -1] = verdictOf(drafts[answer.i], answer, rows);
    }
    return rows;
  }

  async #append(drafts: readonly Draft[]): Promise<Answer[]> {
    const { rows } = await this.#sql.pool.query<Answer>({
      name: 'messages_append',
      text: 'SELECT * FROM messages_append($1::jsonb)',
      values: [JSON.stringify(drafts.map(wireDraft))],
    });
    return rows;
  }
}

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
function verdictFor(
  draft: Draft,
  { first, verdict }: { first: boolean; verdict: Verdict | undefined },
): Verdict | 'again' {
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
