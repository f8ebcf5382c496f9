import type { Jobs } from '../../infra/jobs/jobs.ts';
import { type KeyUse, once } from '../../infra/log/keys.ts';
import type { Log, Transaction } from '../../infra/log/log.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Sql } from '../../infra/sql/sql.ts';
import type { Clock } from '../../kernel/clock.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idText } from '../../kernel/ids.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { Identity } from '../identity/index.ts';
import { forgetPlans } from './account-leaving.ts';
import { calendarOf } from './calendar.ts';
import { cancelMeeting, emptyFor, emptyKind, endMeeting, endUnlessJoined } from './ending.ts';
import { meetingErrors } from './errors.ts';
import { type MeetingEnded, type MeetingStarted, meetingEvents } from './events.ts';
import type { HostWatch } from './host-watch.ts';
import { inviteExactly } from './inviting.ts';
import { type MeetingList, MeetingLists } from './lists.ts';
import { inputOf, mustExist, planOf, plant } from './plan.ts';
import { preparePolicy } from './policy.ts';
import type { MeetingHeld } from './rooms.ts';
import type { Meeting, MeetingChange, MeetingDraft, MeetingFilter, WholeMeeting } from './schema.ts';
import { type Held, holdMeeting, mustBeActive, mustBeHost, tablesOf, takeMeeting } from './store.ts';
import { hostPart, MeetingReads, meetingFrom, ownMeetingFrom, type Seen } from './views.ts';

export type MeetingsOptions = Readonly<{
  sql: Sql;
  log: Log;
  clock: Clock;
  jobs: Jobs;
  passwords: Pick<Identity['passwords'], 'hash'>;
  hosts: Pick<HostWatch, 'watch'>;
}>;

/** The life of meetings: from the plan to the end. */
export class Meetings {
  readonly #options: MeetingsOptions;
  readonly #reads: MeetingReads;
  readonly #lists: MeetingLists;

  constructor(options: MeetingsOptions) {
    this.#options = options;
    this.#reads = new MeetingReads(options.sql);
    this.#lists = new MeetingLists(options.sql);
    options.jobs.handle(emptyKind, ({ payload }) => this.#endIfEmpty(Number(payload)));
  }

  /**
   * Plans a meeting, whose creator and host is the caller. The same `key` with the same draft gives the first one again.
   * Refuses: USER_NOT_FOUND, INVITATION_BLOCKED, PASSWORD_NEEDED, NO_SUCH_ZONE, NO_SUCH_MOMENT, KEY_REUSED.
   */
  async create(principal: Principal, draft: MeetingDraft, key: string | null): Promise<WholeMeeting> {
    const { passwords, clock, log } = this.#options;
    const plan = planOf(draft);
    const policy = await preparePolicy(passwords, draft.policy ?? {});
    const at = clock.now();
    const { account } = principal;
    const use: KeyUse | null =
      key === null ? null : { key, account, operation: 'meeting:create', input: inputOf(draft), at };
    const { ref } = await log.write(async (transaction) => {
      await transaction.takeTurn();
      await mustExist(transaction, principal);
      const invited = draft.invited ?? [];
      return once(transaction, use, () => plant(tablesOf(transaction.sql), principal, { plan, policy, invited, at }));
    });
    return this.#whole({ row: await this.#reads.byNumber(principal, ref), isHost: true });
  }

  /** What one has to do with, the newest first. Refuses NO_SUCH_MOMENT. */
  list(principal: Principal, filter: MeetingFilter, page: Page): Promise<MeetingList> {
    return this.#lists.page(principal, filter, page);
  }

  /** Refuses MEETING_NOT_FOUND, and PARTICIPANT_NOT_FOUND to who only waits or was removed. */
  async read(principal: Principal, id: string): Promise<WholeMeeting> {
    return this.#whole(await this.#reads.opened(principal, id));
  }

  /**
   * Changes what is named; `invited` is everybody who is invited from then on. What has begun keeps its time.
   * Refuses: MEETING_NOT_FOUND, HOST_ONLY, ENDED, CANCELLED, ALREADY_ACTIVE, and as a creation does.
   */
  async update(principal: Principal, id: string, change: MeetingChange): Promise<WholeMeeting> {
    const plan = planOf(change);
    await this.#act(principal, id, async (held) => {
      const { tables, meeting } = held;
      mustBeAhead(held);
      const moves = plan.scheduled_at !== undefined || plan.time_zone !== undefined;
      if (moves && meeting.status === 'in_progress') throw new Refusal(meetingErrors.ALREADY_ACTIVE);
      if (Object.keys(plan).length > 0) {
        await tables.updateTable('meetings').set(plan).where('id', '=', meeting.id).execute();
      }
      if (change.invited === undefined) return;
      await inviteExactly(tables, meeting, { by: principal.account, ids: change.invited });
    });
    return this.read(principal, id);
  }

  /**
   * Cancels a meeting that has not begun; once more changes nothing.
   * Refuses: MEETING_NOT_FOUND, HOST_ONLY, ENDED, ALREADY_ACTIVE.
   */
  async cancel(principal: Principal, id: string): Promise<WholeMeeting> {
    await this.#act(principal, id, async (held, at) => {
      const { status } = held.meeting;
      if (status === 'ended') throw new Refusal(meetingErrors.ENDED);
      if (status === 'in_progress') throw new Refusal(meetingErrors.ALREADY_ACTIVE);
      if (status === 'scheduled') await cancelMeeting(held, { byId: principal.id, at });
    });
    return this.read(principal, id);
  }

  /** An iCalendar file. Refuses NOT_IN_CALENDAR, and as `read` does. */
  async calendar(principal: Principal, id: string): Promise<string> {
    return calendarOf(meetingFrom((await this.#reads.opened(principal, id)).row));
  }

  /** Refuses: MEETING_NOT_FOUND, HOST_ONLY, ENDED, CANCELLED, ALREADY_ACTIVE. */
  start(principal: Principal, id: string): Promise<MeetingStarted> {
    return this.#act(principal, id, async (held, at) => {
      mustBeAhead(held);
      if (held.meeting.status === 'in_progress') throw new Refusal(meetingErrors.ALREADY_ACTIVE);
      return this.#begin(held, principal, at);
    });
  }

  /** Refuses: MEETING_NOT_FOUND, HOST_ONLY, ENDED, CANCELLED, NOT_ACTIVE. */
  end(principal: Principal, id: string): Promise<MeetingEnded & { byId: string }> {
    return this.#act(principal, id, async (held, at) => {
      mustBeActive(held);
      return { ...(await endMeeting(held, { by: principal, at })), byId: principal.id };
    });
  }

  /** Refuses MEETING_NOT_FOUND, and PARTICIPANT_NOT_FOUND to who was removed. */
  async status(principal: Principal, id: string): Promise<Meeting> {
    return meetingFrom((await this.#reads.seen(principal, id)).row);
  }

  /** Inside the transaction in which the last one has left a meeting: it ends by itself, unless somebody comes. */
  whenEmpty(held: MeetingHeld, at: number): Promise<void> {
    const { jobs } = this.#options;
    return held.meeting.status === 'in_progress' ? endUnlessJoined(jobs, held, at) : Promise.resolve();
  }

  /** For identity, inside the transaction that deletes an account and has taken its turn, when it is in no meeting any more. */
  forgetPlans(transaction: Transaction, who: { account: number; id: string }): Promise<void> {
    return forgetPlans(transaction, who, this.#options.clock.now());
  }

  async #begin(held: MeetingHeld, { id: byId, account }: Principal, at: number): Promise<MeetingStarted> {
    const { transaction, tables, meeting } = held;
    const isEmpty = meeting.present === 0;
    await tables
      .updateTable('meetings')
      .set({ status: 'in_progress', started_at: at, started_by: account, empty_since: isEmpty ? at : null })
      .where('id', '=', meeting.id)
      .execute();
    const payload: MeetingStarted = { meetingId: idText(meeting.public_id), byId, at };
    transaction.append({ topic: topicOf('meeting', meeting.id), type: meetingEvents.started, payload });
    if (isEmpty) await endUnlessJoined(this.#options.jobs, held, at);
    // Those who came early may be there without their host.
    else await this.#options.hosts.watch(held);
    return payload;
  }

  /** One act of a host on one meeting, alone with it. */
  #act<Result>(principal: Principal, id: string, act: (held: Held, at: number) => Promise<Result>): Promise<Result> {
    const at = this.#options.clock.now();
    return this.#options.log.write(async (transaction) => {
      const held = await holdMeeting(transaction, principal, { id, now: at });
      mustBeHost(held);
      return act(held, at);
    });
  }

  async #whole({ row, isHost }: Seen): Promise<WholeMeeting> {
    const forHosts = isHost ? await hostPart(this.#options.sql, row) : null;
    return { ...ownMeetingFrom(row), forHosts };
  }

  /** Somebody may have come between the timer and this transaction, and gone again: then there is a later time. */
  async #endIfEmpty(number: number): Promise<void> {
    const at = this.#options.clock.now();
    await this.#options.log.write(async (transaction) => {
      await transaction.takeTurn();
      const tables = tablesOf(transaction.sql);
      const meeting = await takeMeeting(tables, number, at);
      if (meeting === undefined || meeting.status !== 'in_progress' || meeting.present > 0) return;
      if (meeting.empty_since === null || meeting.empty_since + emptyFor > at) return;
      await endMeeting({ transaction, tables, meeting }, { by: null, at });
    });
  }
}

/** Neither over nor cancelled. Refuses ENDED, CANCELLED. */
function mustBeAhead(held: Held): void {
  if (held.meeting.status !== 'scheduled') mustBeActive(held);
}
