import type { Jobs } from '../../infra/jobs/jobs.ts';
import { type KeyUse, once } from '../../infra/log/keys.ts';
import type { Log, Transaction } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { idBytes, idText, newId } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Identity } from '../identity/index.ts';
import { callErrors } from './errors.ts';
import { type CallStarted, callEvents } from './events.ts';
import { CallHistory } from './history.ts';
import { inviteTo } from './inviting.ts';
import { type JitsiRooms, newRoom } from './jitsi.ts';
import { endGroups, leaveAll, leaveGroups } from './leaving.ts';
import {
  type Call,
  type CallDraft,
  type CallList,
  type CallWithParticipants,
  type Entry,
  mostPeople,
} from './schema.ts';
import {
  blocksAround,
  exists,
  insertPeople,
  isMember,
  isOver,
  type PersonRow,
  peopleOf,
  tablesOf,
  takeCall,
} from './store.ts';
import { announce, change, decline, expiry, finish, goOut, type Held, moved, ownIn } from './under-way.ts';

export type CallsOptions = Readonly<{
  sql: Sql;
  log: Log;
  clock: Clock;
  jobs: Jobs;
  identity: Pick<Identity, 'me'>;
  /** Without one nobody can begin or join a call. */
  rooms: JitsiRooms | undefined;
  /** How long a call rings before it ends unanswered, in seconds. */
  ringSeconds: number;
}>;

/** How long an answered call lasts at most, in milliseconds: nobody may have said that they left. */
const longestCall = 24 * 3_600_000;

/** An account as rows name it. */
type Someone = Readonly<{ account: number; id: string }>;

/** Calls: who rings whom, who is in, and when it is over. The talk itself runs in a room of a Jitsi server. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #history: CallHistory;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#history = new CallHistory(options.sql);
    options.jobs.handle(expiry, ({ payload }) => this.#expire(Number(payload)));
  }

  /**
   * Rings everybody who is called; the caller is in. The same `key` with the same draft gives the first call again, as
   * joining it does.
   * Refuses: NOBODY_CALLED, TOO_MANY_CALLED, USER_NOT_FOUND, GROUP_NOT_FOUND, NOT_A_MEMBER, BLOCKED, HAS_BLOCKED,
   * NOT_SET_UP, KEY_REUSED.
   */
  async start(principal: Principal, draft: CallDraft, key: string | null): Promise<Entry> {
    const rooms = this.#rooms();
    const { type, participantIds = null, groupId = null } = draft;
    const { account } = principal;
    const use: KeyUse | null =
      key === null
        ? null
        : { key, account, operation: 'call:start', input: { type, participantIds, groupId }, at: this.#clock.now() };
    const { ref, repeated } = await this.#write(async (transaction) => {
      await mustExist(transaction, principal);
      return once(transaction, use, () => this.#begin(transaction, principal, draft));
    });
    const call = await this.#history.byNumber(ref);
    // A way in is for who may come in now, whatever was so when the call began.
    return repeated ? this.join(principal, call.id) : this.#entry(rooms, principal, call);
  }

  /** Refuses CALL_NOT_FOUND, and NOT_INVITED to who is neither in it nor a member of its group. */
  async read(principal: Principal, id: string): Promise<CallWithParticipants> {
    return this.#history.read(principal.account, id);
  }

  /** Calls that one began, was called to or joined, newest first. */
  list(principal: Principal, page: Page): Promise<CallList> {
    return this.#history.list(principal.account, page);
  }

  /**
   * Answers or joins a call; the first answer makes it ONGOING. Once more, from another device too, gives a new way in
   * and tells nobody. Refuses: CALL_NOT_FOUND, CALL_OVER, NOT_INVITED, NOT_A_MEMBER, BLOCKED, CALL_FULL, NOT_SET_UP.
   */
  async join(principal: Principal, id: string): Promise<Entry> {
    const rooms = this.#rooms();
    const call = await this.#act(id, async (held) => {
      const own = ownIn(held, principal);
      await mustExist(held.transaction, principal);
      await refuseEntry(held, principal, own);
      if (isOver(held.call)) throw new Refusal(callErrors.CALL_OVER);
      if (own?.state === 'JOINED') return;
      await this.#enter(held, principal, own);
      if (held.call.status === 'RINGING' && held.call.initiator !== principal.account) await this.#answer(held);
      announce(held, callEvents.joined, moved(held, principal));
    });
    return this.#entry(rooms, principal, call);
  }

  /** Ends a call for everybody; one that is over stays as it is. Refuses: CALL_NOT_FOUND, NOT_INITIATOR, NOT_A_MEMBER. */
  async end(principal: Principal, id: string): Promise<Call> {
    return this.#act(id, async (held) => {
      if (held.call.initiator !== principal.account) throw new Refusal(callErrors.NOT_INITIATOR);
      await refuseOutsider(held, principal);
      if (!isOver(held.call)) await finish(this.#options, held, 'ended');
    });
  }

  /** A call with fewer than two people after an answer is over, and so is one that rings for nobody. Refuses NOT_IN_CALL. */
  async leave(principal: Principal, id: string): Promise<void> {
    await this.#act(id, async (held) => {
      const own = ownIn(held, principal);
      if (own === undefined || own.joined_at === null) throw new Refusal(callErrors.NOT_IN_CALL);
      await goOut(this.#options, held, principal);
    });
  }

  /**
   * Declines a call; it becomes REJECTED when nobody is left who could answer. Once more changes nothing. Refuses:
   * CALL_NOT_FOUND, CALL_OVER, NOT_INVITED, NOT_A_MEMBER, OWN_CALL, ALREADY_ANSWERED.
   */
  async reject(principal: Principal, id: string): Promise<Call> {
    return this.#act(id, async (held) => {
      const own = ownIn(held, principal);
      if (held.call.initiator === principal.account) throw new Refusal(callErrors.OWN_CALL);
      if (own === undefined) throw new Refusal(callErrors.NOT_INVITED);
      // Whoever was put out of the group is not told how its call stands.
      if (own.direct !== 1) await refuseOutsider(held, principal);
      if (own.state === 'REJECTED') return;
      if (isOver(held.call)) throw new Refusal(callErrors.CALL_OVER);
      if (own.joined_at !== null) throw new Refusal(callErrors.ALREADY_ANSWERED);
      await decline(this.#options, held, principal);
    });
  }

  /** For identity, inside the transaction that deletes an account. */
  leaveAll(transaction: Transaction, who: Someone): Promise<void> {
    return leaveAll(this.#options, transaction, who);
  }

  /** For groups, inside the transaction that takes a member out of them. */
  leaveGroups(transaction: Transaction, groups: readonly number[], who: Someone): Promise<void> {
    return leaveGroups(this.#options, transaction, groups, who);
  }

  /** For groups, inside the transaction that ends them. */
  endGroups(transaction: Transaction, groups: readonly number[]): Promise<void> {
    return endGroups(this.#options, transaction, groups);
  }

  #rooms(): JitsiRooms {
    if (this.#options.rooms === undefined) throw new Refusal(callErrors.NOT_SET_UP);
    return this.#options.rooms;
  }

  async #entry(rooms: JitsiRooms, principal: Principal, call: Call): Promise<Entry> {
    const { id, username, avatar, email } = await this.#options.identity.me(principal);
    const moderator = call.initiatorId === principal.id;
    const token = await rooms.sign({ id, name: username, avatar, email }, { room: call.room, moderator });
    return { call, roomUrl: rooms.urlOf(call.room), token };
  }

  async #begin(transaction: Transaction, principal: Principal, draft: CallDraft): Promise<number> {
    const now = this.#clock.now();
    const tables = tablesOf(transaction.sql);
    const { group, people } = await inviteTo(tables, principal.account, draft);
    const id = newId();
    const call = await tables
      .insertInto('calls')
      .values({
        public_id: id,
        initiator: principal.account,
        group_id: group,
        room: newRoom(),
        type: draft.type,
        status: 'RINGING',
        created_at: now,
        updated_at: now,
        expires_at: 0,
        ended_at: null,
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    const row = { call_id: call.id, left_at: null } as const;
    const called = [...people].map(
      ([account, { direct }]): PersonRow => ({
        ...row,
        account,
        state: 'INVITED',
        direct: direct ? 1 : 0,
        joined_at: null,
      }),
    );
    const caller: PersonRow = { ...row, account: principal.account, state: 'JOINED', direct: 1, joined_at: now };
    await insertPeople(tables, [caller, ...called]);
    const groupId = draft.groupId?.toLowerCase() ?? null;
    const payload: CallStarted = { callId: idText(id), initiatorId: principal.id, groupId, type: draft.type };
    announce({ transaction, people: called }, callEvents.started, payload);
    await this.#expireAt({ transaction, call }, now + this.#options.ringSeconds * 1_000);
    return call.id;
  }

  /** One after another: who may ring whom, and whom a call rings still, is decided from rows that nobody else changes. */
  #write<Result>(act: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    return this.#log.write(async (transaction) => {
      await transaction.takeTurn();
      return act(transaction);
    });
  }

  /** One act on one call, alone with it; answers the call as it is then. */
  async #act(id: string, act: (held: Held) => Promise<void>): Promise<Call> {
    const bytes = idBytes(id);
    if (bytes === undefined) throw new Refusal(callErrors.CALL_NOT_FOUND);
    const number = await this.#write(async (transaction) => {
      const tables = tablesOf(transaction.sql);
      const call = await takeCall(tables, bytes, this.#clock.now());
      if (call === undefined) throw new Refusal(callErrors.CALL_NOT_FOUND);
      await act({ transaction, call, people: await peopleOf(tables, call.id) });
      return call.id;
    });
    return this.#history.byNumber(number);
  }

  async #enter(held: Held, { account }: Principal, own: PersonRow | undefined): Promise<void> {
    const now = this.#clock.now();
    if (own !== undefined) {
      await change(held, own, { state: 'JOINED', joined_at: own.joined_at ?? now, left_at: null });
      return;
    }
    if (held.people.length >= mostPeople) throw new Refusal(callErrors.CALL_FULL);
    const call_id = held.call.id;
    const row: PersonRow = { call_id, account, state: 'JOINED', direct: 0, joined_at: now, left_at: null };
    await insertPeople(tablesOf(held.transaction.sql), [row]);
    held.people.push(row);
  }

  async #answer({ transaction, call }: Held): Promise<void> {
    await tablesOf(transaction.sql).updateTable('calls').set({ status: 'ONGOING' }).where('id', '=', call.id).execute();
    await this.#expireAt({ transaction, call }, this.#clock.now() + longestCall);
  }

  async #expireAt({ transaction, call }: Pick<Held, 'transaction' | 'call'>, at: number): Promise<void> {
    const calls = tablesOf(transaction.sql).updateTable('calls');
    await calls.set({ expires_at: at }).where('id', '=', call.id).execute();
    await this.#options.jobs.schedule(transaction, { kind: expiry, key: String(call.id), at, payload: call.id });
  }

  /** An answer may have come between the timer and this transaction: then there is a later time. */
  async #expire(number: number): Promise<void> {
    await this.#write(async (transaction) => {
      const tables = tablesOf(transaction.sql);
      const call = await takeCall(tables, number, this.#clock.now());
      if (call === undefined || isOver(call) || call.expires_at > this.#clock.now()) return;
      const reason = call.status === 'RINGING' ? 'unanswered' : 'ended';
      await finish(this.#options, { transaction, call, people: await peopleOf(tables, number) }, reason);
    });
  }
}

/** Somebody whose account was deleted meanwhile rings nobody and is in no call. */
async function mustExist({ sql }: Transaction, { account }: Principal): Promise<void> {
  if (!(await exists(tablesOf(sql), account))) throw new Refusal(commonErrors.UNAUTHENTICATED);
}

/** Who was named, or began it, comes in; everybody else as a member of the call's group. Nobody whom the caller has blocked. */
async function refuseEntry(held: Held, principal: Principal, own?: PersonRow): Promise<void> {
  const { transaction, call } = held;
  const { account } = principal;
  if (call.initiator !== account) {
    const { by } = await blocksAround(tablesOf(transaction.sql), account, [call.initiator]);
    if (own?.direct !== 1 && call.group_id === null) throw new Refusal(callErrors.NOT_INVITED);
    if (by.size > 0) throw new Refusal(callErrors.BLOCKED);
    if (own?.direct === 1) return;
  }
  await refuseOutsider(held, principal);
}

/** The call of a group is its members'. */
async function refuseOutsider({ transaction, call }: Held, { account }: Principal): Promise<void> {
  if (call.group_id !== null && !(await isMember(tablesOf(transaction.sql), call.group_id, account))) {
    throw new Refusal(callErrors.NOT_A_MEMBER);
  }
}
