import { sql as expression } from 'kysely';
import type { Bus } from '../../infra/bus/bus.ts';
import type { Log } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import { isAmong, numberList } from '../../infra/sql/numbers.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { isShallow } from '../../kernel/depth.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { idText } from '../../kernel/ids.ts';
import type { Identity } from '../identity/index.ts';
import { pushErrors } from './errors.ts';
import { type Pushed, pushEvent } from './events.ts';
import { isFreeName } from './names.ts';
import { type ManyDraft, messageDepth, messageLimit, type Outcome, type Pusher, scopes } from './schema.ts';
import { forgetWaiting, takePlaces } from './store.ts';

/** Accounts for which one transaction keeps a push. */
const sliceSize = 50;

/** The event that waits for who is away also when nobody asked for it. */
const notification = 'notification';

/** One request, for the operator's records: who pushed what to how many. Without what it carried. */
type PushRecord = Readonly<{ pusher: string; event: string; receivers: number; durable: boolean }>;

export type PushNeeds = Readonly<{
  sql: Sql;
  log: Log;
  bus: Pick<Bus, 'signal'>;
  clock: Clock;
  identity: Pick<Identity, 'peopleByIds'>;
  /** Who has a live connection, by public id. */
  online: Readonly<{ has: (id: string) => boolean; all: () => string[] }>;
  /** Whether every signed-in account pushes and asks who is connected, as the document has it; else administrators only. */
  open: boolean;
  record: (entry: PushRecord) => void;
}>;

/** Events of the outside to live connections, and to who comes back. */
export class Push {
  readonly #needs: PushNeeds;
  readonly #blockersAmong: Statement<{ account: number }>;

  constructor(needs: PushNeeds) {
    this.#needs = needs;
    const among = isAmong(needs.sql.engine, 'account', '?2');
    this.#blockersAmong = needs.sql.statement(`SELECT account FROM blocks WHERE blocked = ?1 AND ${among}`);
  }

  /**
   * What became of the push for each account, by its id as it was written, each account once. Who has blocked the pusher
   * gets nothing, and looks like somebody who is away. Refuses NOT_ALLOWED, RESERVED_EVENT, MESSAGE_TOO_LARGE, INVALID_INPUT.
   */
  async send(pusher: Pusher, { userIds, event, message, durable = false }: ManyDraft): Promise<Map<string, Outcome>> {
    this.#demand(pusher, 'push');
    if (!isFreeName(event)) throw new Refusal(pushErrors.RESERVED_EVENT);
    checkMessage(message);
    const { identity, online, bus, record } = this.#needs;
    const written = new Map<string, string>();
    for (const id of userIds) if (!written.has(id.toLowerCase())) written.set(id.toLowerCase(), id);
    const ids = [...written.keys()];
    record({ pusher: nameOf(pusher), event, receivers: ids.length, durable });
    const people = await identity.peopleByIds(ids);
    const blockers = await this.#blockersOf(pusher, [...people.values()]);
    const known = [...people.values()].filter(({ account }) => !blockers.has(account));
    const live = new Set(known.filter(({ id }) => online.has(id)).map(({ account }) => account));
    const body: Pushed = { event, message };
    const kept = durable || event === notification;
    let queued: ReadonlySet<number> = new Set();
    if (kept) queued = await this.#keep(body, { accounts: known.map(({ account }) => account), live });
    else if (live.size > 0) {
      bus.signal({ topics: [...live].map((account) => topicOf('user', account)), type: pushEvent, body });
    }
    const outcomeOf = (id: string): Outcome => {
      const account = people.get(id)?.account;
      if (account === undefined) return 'missed';
      if (live.has(account)) return 'delivered';
      if (!kept) return 'missed';
      return queued.has(account) || blockers.has(account) ? 'queued' : 'full';
    };
    return new Map(ids.map((id) => [written.get(id) ?? id, outcomeOf(id)]));
  }

  /** Whether an account has a live connection; an account that does not exist has none. Refuses NOT_ALLOWED. */
  async isConnected(pusher: Pusher, id: string): Promise<boolean> {
    this.#demand(pusher, 'look');
    const known = id.toLowerCase();
    if (!this.#needs.online.has(known)) return false;
    const people = [...(await this.#needs.identity.peopleByIds([known])).values()];
    return (await this.#blockersOf(pusher, people)).size === 0;
  }

  /** The public ids of all accounts with a live connection. Refuses NOT_ALLOWED. */
  async connected(pusher: Pusher): Promise<string[]> {
    this.#demand(pusher, 'look');
    const online = this.#needs.online.all();
    if (pusher.kind === 'key') return online;
    const { sql } = this.#needs;
    const blockers = await sql.scan(allBlockers(pusher.principal.account).compile(sql.read));
    const hidden = new Set(blockers.map(({ public_id }) => idText(public_id)));
    return online.filter((id) => !hidden.has(id));
  }

  /** Forgets counts of what the log no longer has; for a timer. */
  forgetExpired(limit: number): Promise<number> {
    const { log, clock, sql: database } = this.#needs;
    const { engine } = database;
    return log.write(({ sql }) => forgetWaiting(sql, { engine, now: clock.now(), limit }));
  }

  #demand(pusher: Pusher, act: keyof typeof scopes): void {
    const allowed =
      pusher.kind === 'key'
        ? pusher.key.scopes.includes(scopes[act])
        : this.#needs.open || pusher.principal.role === 'ADMIN';
    if (!allowed) throw new Refusal(pushErrors.NOT_ALLOWED);
  }

  /** Which of these have blocked the pusher. */
  async #blockersOf(pusher: Pusher, people: readonly { account: number }[]): Promise<ReadonlySet<number>> {
    if (pusher.kind === 'key' || people.length === 0) return new Set();
    const list = numberList(
      this.#needs.sql.engine,
      people.map(({ account }) => account),
    );
    const blockers = await this.#blockersAmong.all(pusher.principal.account, list);
    return new Set(blockers.map(({ account }) => account));
  }

  /**
   * A row for each who is there, and for each who is away and has room; returns who of the latter had. In slices, so that
   * nobody waits long behind it: when one fails, those before it stand.
   */
  async #keep(
    body: Pushed,
    { accounts, live }: { accounts: readonly number[]; live: ReadonlySet<number> },
  ): Promise<ReadonlySet<number>> {
    const { log, clock } = this.#needs;
    const queued = new Set<number>();
    for (let start = 0; start < accounts.length; start += sliceSize) {
      const slice = accounts.slice(start, start + sliceSize);
      const away = slice.filter((account) => !live.has(account));
      const head = await log.head();
      const taken = await log.write(async ({ sql, append }) => {
        const places = await takePlaces(sql, { accounts: away, head, now: clock.now() });
        for (const account of slice) {
          if (!live.has(account) && !places.has(account)) continue;
          append({ topic: topicOf('user', account), type: pushEvent, payload: body });
        }
        return places;
      });
      for (const account of taken) queued.add(account);
    }
    return queued;
  }
}

/** Everybody who has blocked an account, by public id. */
const allBlockers = (account: number) =>
  expression<{ public_id: Uint8Array }>`
    select a.public_id from blocks b join accounts a on a.id = b.account where b.blocked = ${account}`;

const nameOf = (pusher: Pusher): string =>
  pusher.kind === 'key' ? `key ${pusher.key.id}` : `account ${pusher.principal.id}`;

function checkMessage(message: unknown): void {
  if (!isShallow(message, messageDepth)) {
    throw new Refusal(commonErrors.INVALID_INPUT, { message: `message may be nested ${messageDepth} levels deep` });
  }
  if (Buffer.byteLength(JSON.stringify(message)) > messageLimit) throw new Refusal(pushErrors.MESSAGE_TOO_LARGE);
}
