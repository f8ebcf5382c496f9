import type { Limits } from '../../infra/limits/limits.ts';
import type { Log, Transaction } from '../../infra/log/log.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { idText } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Identity } from '../identity/index.ts';
import { comeAgain, enter, mustBeOpen, passwordFor, refuseCrowd, refuseUnwanted, wait } from './admission.ts';
import { meetingErrors } from './errors.ts';
import { giveBack, type HostWatch } from './host-watch.ts';
import { admitOne, giveRole, mute, refuse, remove, type Target, targetOf } from './hosting.ts';
import { leaveMeeting } from './leaving.ts';
import { namedPeople, participantFrom, participantIn, someoneBy } from './people.ts';
import { enforcePolicy, preparePolicy } from './policy.ts';
import { Readers } from './reading.ts';
import type { MeetingHeld } from './rooms.ts';
import {
  type JoinDraft,
  mostParticipants,
  type Participant,
  type ParticipantRole,
  type PolicyChange,
  type StatusChange,
} from './schema.ts';
import { changeOther, changeOwn, type OwnStatus } from './status.ts';
import { type Held, holdMeeting, mustBeHost, policyOf, tablesOf, takeMeeting } from './store.ts';
import { PasswordTries } from './tries.ts';

export type AttendanceOptions = Readonly<{
  sql: Sql;
  log: Log;
  clock: Clock;
  limits: Limits;
  passwords: Identity['passwords'];
  hosts: HostWatch;
  /** Inside the transaction in which the last one has left. */
  whenEmpty: (held: MeetingHeld, at: number) => Promise<void>;
}>;

export type Joined = Readonly<{ status: 'joined' | 'waiting'; meetingId: string; participant: Participant }>;
export type Left = Readonly<{ meetingId: string; leftAt: number; durationMinutes: number }>;

/** Who is in a meeting, who waits, what they let be seen of themselves, and what hosts do with them. */
export class Attendance {
  readonly #options: AttendanceOptions;
  readonly #readers: Readers;
  readonly #tries: PasswordTries;

  constructor(options: AttendanceOptions) {
    this.#options = options;
    this.#readers = new Readers(options.sql);
    this.#tries = new PasswordTries(options);
  }

  /**
   * Comes in, or into the waiting room. Once more, from another device too, changes nothing but the device. Refuses, in this
   * order: MEETING_NOT_FOUND, ENDED, CANCELLED, NOT_ACTIVE, NOT_INVITED, WRONG_PASSWORD, RATE_LIMITED, LOCKED, FULL.
   */
  async join(principal: Principal, id: string, draft: JoinDraft): Promise<Joined> {
    // Passwords take too long for a transaction: one that needs a proof gives way, and the next one has it.
    let known: string | undefined;
    for (;;) {
      const proven = known;
      const step = await this.#options.log.write((transaction) =>
        this.#joinWith(transaction, principal, { id, draft, proven }),
      );
      if ('participant' in step) return step;
      known = await this.#tries.prove(principal, draft.password ?? null, step.needs);
    }
  }

  /** From the waiting room too. Refuses MEETING_NOT_FOUND, ENDED, PARTICIPANT_NOT_FOUND. */
  async leave(principal: Principal, id: string): Promise<Left> {
    return this.#hold(principal, id, async (held, at) => {
      const { own, meeting } = held;
      if (own?.status !== 'joined' && own?.status !== 'waiting') {
        if (meeting.status === 'ended') throw new Refusal(meetingErrors.ENDED);
        throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
      }
      await this.#depart(held, () => leaveMeeting(held, own, { at, removed: false, byId: principal.id }), at);
      const since = own.status === 'joined' ? (own.joined_at ?? at) : at;
      const durationMinutes = Math.floor((at - since) / 60_000);
      return { meetingId: idText(meeting.public_id), leftAt: at, durationMinutes };
    });
  }

  /** Who is in it, longest first; for hosts who waits too, behind them. Refuses MEETING_NOT_FOUND, PARTICIPANT_NOT_FOUND. */
  async participants(principal: Principal, id: string): Promise<Participant[]> {
    const { meeting, isHost } = await this.#readers.open(principal, id);
    const people = namedPeople(tablesOf(this.#options.sql.read), meeting.id).limit(mostParticipants);
    const joined = people.where('p.status', '=', 'joined').orderBy('p.joined_at').orderBy('p.account');
    const rows = await this.#options.sql.scan(joined.compile());
    if (!isHost) return rows.map(participantFrom);
    const waiting = people.where('p.status', '=', 'waiting').orderBy('p.waiting_since').orderBy('p.account');
    return [...rows, ...(await this.#options.sql.scan(waiting.compile()))].map(participantFrom);
  }

  /**
   * Changes what is named, of oneself or, by a host, of somebody else, which only switches off. Refuses MEETING_NOT_FOUND,
   * ENDED, CANCELLED, NOT_ACTIVE, PARTICIPANT_NOT_FOUND, HOST_ONLY, NOT_FOR_OTHERS, HOST_STAYS, CAMERA_OFF,
   * SCREEN_SHARE_OFF, FULL.
   */
  async changeStatus(principal: Principal, id: string, change: StatusChange): Promise<OwnStatus> {
    const { participant_user_id: whom } = change;
    return this.#hold(principal, id, async (held, at) => {
      if (held.own?.status !== 'joined') mustBeOpen(held);
      const target = whom == null ? undefined : await targetOf(held, whom);
      const isOther = target !== undefined && target.who.account !== principal.account;
      if (!isOther) return changeOwn(held, change, { userId: principal.id, at });
      mustBeHost(held);
      return this.#host(held, at, () => changeOther(held, target, { change, byId: principal.id, at }));
    });
  }

  /**
   * Lets in somebody who waits; who was removed may come again. Refuses MEETING_NOT_FOUND, HOST_ONLY, ENDED, CANCELLED,
   * PARTICIPANT_NOT_FOUND, FULL, as far as the others do too.
   */
  admit(principal: Principal, id: string, userId: string): Promise<Participant> {
    return this.#onSomebody(principal, id, { userId, act: admitOne });
  }

  /** Sends somebody away who waits: they may come again when a host admits them. */
  refuse(principal: Principal, id: string, userId: string): Promise<Participant> {
    return this.#onSomebody(principal, id, { userId, act: refuse });
  }

  mute(principal: Principal, id: string, userId: string): Promise<Participant> {
    return this.#onSomebody(principal, id, { userId, act: mute });
  }

  /** Puts somebody out, or takes an invitation back: they may come again when a host admits them. */
  remove(principal: Principal, id: string, userId: string): Promise<Participant> {
    return this.#onSomebody(principal, id, { userId, act: remove });
  }

  /** For the host, the creator and administrators; `host` hands the role over. Refuses HOST_STAYS too. */
  setRole(principal: Principal, id: string, to: { userId: string; role: ParticipantRole }): Promise<Participant> {
    const { userId, role } = to;
    return this.#onSomebody(principal, id, {
      userId,
      act: (held, target, by) => giveRole(held, target, { ...by, role }),
    });
  }

  /** Refuses MEETING_NOT_FOUND, HOST_ONLY, ENDED, CANCELLED, USER_NOT_FOUND, PASSWORD_NEEDED, UNAVAILABLE. */
  async applyPolicy(principal: Principal, id: string, change: PolicyChange): Promise<void> {
    const mayDo = (held: Held): void => {
      mustBeHost(held);
      mustBeOpen(held);
    };
    // Hashing costs much: it is done for hosts only.
    if (change.password != null) await this.#hold(principal, id, async (held) => mayDo(held));
    const prepared = await preparePolicy(this.#options.passwords, change);
    await this.#hold(principal, id, async (held, at) => {
      mayDo(held);
      await this.#depart(held, () => enforcePolicy(held, prepared, { byId: principal.id, at }), at);
    });
  }

  /** For identity, inside the transaction that deletes an account, which has taken its turn. */
  async leaveAll(transaction: Transaction, { account }: { account: number }): Promise<void> {
    const at = this.#options.clock.now();
    const tables = tablesOf(transaction.sql);
    const places = tables.selectFrom('meeting_people').selectAll().where('account', '=', account).orderBy('meeting');
    for (const person of await places.where('status', 'in', ['joined', 'waiting']).execute()) {
      const meeting = await takeMeeting(tables, person.meeting, at);
      if (meeting === undefined) continue;
      const held = { transaction, tables, meeting };
      await this.#depart(held, () => leaveMeeting(held, person, { at, removed: false }), at);
    }
  }

  async #joinWith(
    transaction: Transaction,
    principal: Principal,
    { id, draft, proven }: { id: string; draft: JoinDraft; proven: string | undefined },
  ): Promise<Joined | { needs: string }> {
    const at = this.#options.clock.now();
    const held = await holdMeeting(transaction, principal, { id, now: at, anybody: true });
    const { tables, own, isHost, meeting } = held;
    mustBeOpen(held);
    const who = await someoneBy(tables, principal.account);
    if (who === undefined) throw new Refusal(commonErrors.UNAUTHENTICATED);
    if (own?.status === 'joined') await comeAgain(held, own, draft);
    else {
      await refuseUnwanted(held, who);
      const needs = passwordFor(held);
      if (needs !== undefined && needs !== proven) return { needs };
      refuseCrowd(held);
      const waits = policyOf(meeting).requireWaitingRoom && !isHost;
      await (waits ? wait : enter)(held, who, { draft, at });
    }
    if (principal.account === meeting.creator) await giveBack(held, at);
    await this.#options.hosts.watch(held);
    const participant = await participantIn(held, principal.account);
    const status = participant.status === 'waiting' ? 'waiting' : 'joined';
    return { status, meetingId: idText(meeting.public_id), participant };
  }

  /** One act on one meeting, alone with it. */
  #hold<Result>(principal: Principal, id: string, act: (held: Held, at: number) => Promise<Result>): Promise<Result> {
    const at = this.#options.clock.now();
    return this.#options.log.write(async (transaction) =>
      act(await holdMeeting(transaction, principal, { id, now: at }), at),
    );
  }

  /** Somebody may have gone with it: an empty meeting ends by itself in time, and its host is there. */
  async #depart(held: MeetingHeld, act: () => Promise<{ present: number }>, at: number): Promise<void> {
    const { present } = await act();
    if (present === 0 && held.meeting.present > 0) await this.#options.whenEmpty(held, at);
    if (present > 0) await this.#options.hosts.watch(held);
  }

  /** The same where what the act answers is of use to the caller. */
  async #host<Result>(held: Held, at: number, act: () => Promise<Result>): Promise<Result> {
    const result = await act();
    const meetings = held.tables.selectFrom('meetings').select('present').where('id', '=', held.meeting.id);
    const { present } = await meetings.executeTakeFirstOrThrow();
    await this.#depart(held, async () => ({ present }), at);
    return result;
  }

  #onSomebody(
    principal: Principal,
    id: string,
    {
      userId,
      act,
    }: { userId: string; act: (held: Held, target: Target, by: { principal: Principal; at: number }) => Promise<void> },
  ): Promise<Participant> {
    return this.#hold(principal, id, async (held, at) => {
      mustBeHost(held);
      mustBeOpen(held);
      const target = await targetOf(held, userId);
      await this.#host(held, at, () => act(held, target, { principal, at }));
      return participantIn(held, target.who.account);
    });
  }
}
