import type { Applied, PostgresLog } from '../../infra/log/log.postgres.ts';
import type { Row } from '../../infra/log/log.ts';
import type { Line, PostgresSql } from '../../infra/sql/sql.postgres.ts';
import { commonErrors, type ErrorValue } from '../../kernel/errors.ts';
import { type DraftField, draftFields, openFields } from './append.postgres.ts';
import { messagingErrors } from './errors.ts';
import { LastPlaces, type Place } from './places.ts';
import { receiptsOnPostgres } from './receipts.postgres.ts';
import type { Message } from './schema.ts';
import { type Draft, type MessageStore, messageOf, messageRow, type Receipt, type Verdict } from './store.ts';

type Answer = {
  /** From 1 on; 0 is not of a draft but of the set. */
  i: number;
  verdict: string;
  seq: number | null;
  conversation: number | null;
  receiver: number | null;
  group_no: number | null;
  known: number | null;
};

const refusals: Readonly<Record<string, ErrorValue>> = {
  no_sender: commonErrors.UNAUTHENTICATED,
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
  readonly #openPairs = new Set<string>();
  /** Valid only under the count `#placesAt`; the database compares it under the head's lock. */
  readonly #lastPlaces = new LastPlaces();
  /** `log_state.places`, by the last answer. */
  #placesAt: number | null = null;
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
    const { unique, uniqueOf } = withoutTwins(drafts);
    const places = this.#placesOf(unique);
    const [set, ...answers] = await this.#append(unique, places);
    const firstSeq = set?.seq ?? null;
    if (firstSeq === null) throw new Error('The database did not say which numbers it gave');
    this.#see(set?.known ?? null);
    const rows: Row[] = [];
    const verdicts =
      answers.length === 0 && places !== undefined
        ? places.map((place, i) => sentTo(unique[i] as Draft, place, firstSeq + i, rows))
        : this.#judged(unique, answers, rows);
    const verdictAt = (draft: Draft, index: number): Verdict | 'again' => {
      const at = uniqueOf[index] ?? -1;
      return verdictFor({ isFirst: unique[at] === draft, verdict: verdicts[at] });
    };
    return { commits: [rows], verdicts: drafts.map(verdictAt) };
  }

  /** `undefined` unless all are known: a set is written as remembered only as a whole. */
  #placesOf(drafts: readonly Draft[]): Place[] | undefined {
    const places: Place[] = [];
    for (const draft of drafts) {
      const place = draft.parentId === null ? this.#lastPlaces.of(draft) : undefined;
      if (place === undefined) return undefined;
      places.push(place);
    }
    return places;
  }

  /** How often places have changed, by the answer to a set: answers come in the order of their sets. */
  #see(changes: number | null): void {
    if (changes === this.#placesAt) return;
    this.#lastPlaces.forget();
    this.#placesAt = changes;
  }

  #judged(drafts: readonly Draft[], answers: readonly Answer[], rows: Row[]): Verdict[] {
    const verdicts: Verdict[] = [];
    for (const answer of answers) {
      const draft = drafts[answer.i - 1];
      const verdict = verdictOf(draft, answer, rows);
      verdicts[answer.i - 1] = verdict;
      if (draft === undefined || verdict.outcome !== 'sent') continue;
      this.#rememberOpen(draft);
      const { conversation, receiver } = verdict.message;
      this.#lastPlaces.note(draft.sender, draft.target.id, { conversation, receiver, group: answer.group_no });
    }
    return verdicts;
  }

  async #append(drafts: readonly Draft[], places: readonly Place[] | undefined): Promise<Answer[]> {
    const toOpen = places === undefined ? drafts.filter((draft) => !this.#openPairs.has(pairOf(draft))) : [];
    // No await in between: nothing may get on the line before the messages that the conversations are opened for.
    const opening =
      toOpen.length > 0 ? this.#line.query(calling('messages_open', arraysOf(openFields, toOpen))) : undefined;
    const counted = places === undefined ? null : this.#placesAt;
    const appending = this.#line.query<Answer>(
      calling('messages_append', [...arraysOf(draftFields, drafts, places), counted]),
    );
    // Without its conversation a message is refused as unavailable, and no other suffers.
    await opening?.catch(() => {});
    return appending;
  }

  #rememberOpen(draft: Draft): void {
    if (this.#openPairs.size >= rememberedPairs) this.#openPairs.clear();
    this.#openPairs.add(pairOf(draft));
  }
}

const pairOf = ({ sender, target }: Draft): string => `${sender} ${target.id}`;

/** Two drafts with one key in one set: only the first goes to the database. `uniqueOf`: each draft's place among those. */
function withoutTwins(drafts: readonly Draft[]): { unique: Draft[]; uniqueOf: number[] } {
  const unique: Draft[] = [];
  const byKey = new Map<string, number>();
  const uniqueOf = drafts.map((draft) => {
    const key = draft.clientId === null ? draft.id : `${draft.sender} ${draft.clientId}`;
    const known = byKey.get(key);
    if (known !== undefined) return known;
    byKey.set(key, unique.length);
    return unique.push(draft) - 1;
  });
  return { unique, uniqueOf };
}

/** A twin of a draft that was sent has a known key; a refusal is nobody's but the draft's own, so its twin is tried by itself. */
function verdictFor({ isFirst, verdict }: { isFirst: boolean; verdict: Verdict | undefined }): Verdict | 'again' {
  if (verdict === undefined) throw new Error('The database answered fewer drafts than it was given');
  if (isFirst || verdict.outcome === 'known') return verdict;
  return verdict.outcome === 'refused' ? 'again' : { outcome: 'known', seq: verdict.message.seq };
}

function verdictOf(draft: Draft | undefined, answer: Answer, rows: Row[]): Verdict {
  const { verdict, seq, conversation, receiver, group_no: group, known } = answer;
  if (known !== null) return { outcome: 'known', seq: known };
  if (draft === undefined || seq === null || conversation === null) {
    return { outcome: 'refused', error: refusals[verdict] ?? commonErrors.UNAVAILABLE };
  }
  return sentTo(draft, { conversation, receiver, group }, seq, rows);
}

function sentTo(draft: Draft, { conversation, receiver, group }: Place, seq: number, rows: Row[]): Verdict {
  const message = messageOf(draft, { seq, conversation, receiver });
  rows.push(messageRow(message, group));
  return { outcome: 'sent', message };
}

const calling = (name: string, values: (string | number | null)[]) => ({
  name,
  text: `SELECT * FROM ${name}(${values.map((_, index) => `$${index + 1}`).join(', ')})`,
  values,
});

/** Each field of all drafts as an array of PostgreSQL's, in its text form; without places those are null. */
function arraysOf(fields: readonly DraftField[], drafts: readonly Draft[], places: readonly Place[] = []): string[] {
  return fields.map((field) => {
    const read = fieldReaders[field];
    return `{${drafts.map((draft, index) => read(draft, places[index]) ?? 'NULL').join(',')}}`;
  });
}

const targetHex =
  (kind: Draft['target']['kind']) =>
  ({ target }: Draft) =>
    target.kind === kind ? hex(target.id) : null;
const hex = (id: string): string => id.replaceAll('-', '');
const quoted = (text: string | null): string | null =>
  text === null ? null : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

const fieldReaders: Readonly<Record<DraftField, (draft: Draft, place?: Place) => string | number | null | undefined>> =
  {
    id: ({ id }) => hex(id),
    sender: ({ sender }) => sender,
    receiver: targetHex('direct'),
    group_id: targetHex('group'),
    parent: ({ parentId }) => (parentId === null ? null : hex(parentId)),
    content: ({ content }) => quoted(content),
    type: ({ type }) => type,
    status: ({ receiverOnline }) => (receiverOnline ? 'DELIVERED' : 'SENT'),
    metadata: ({ metadataText }) => quoted(metadataText),
    key: ({ clientId }) => quoted(clientId),
    at: ({ at }) => at,
    conversation: (_, place) => place?.conversation,
    receiver_no: (_, place) => place?.receiver,
    group_no: (_, place) => place?.group,
  };
