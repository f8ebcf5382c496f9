import { sql } from 'kysely';
import { isAmong, numberList } from '../../infra/sql/numbers.ts';
import type { Sql, Statement } from '../../infra/sql/sql.ts';
import type { Page } from '../../kernel/page.ts';
import type { Principal } from '../../kernel/principal.ts';
import { momentOf } from './plan.ts';
import type { MeetingFilter, OwnMeeting } from './schema.ts';
import { tablesOf } from './store.ts';
import { ownMeetingFrom, type SeenMeeting, seenMeetings } from './views.ts';

export type MeetingList = Readonly<{ meetings: OwnMeeting[]; total: number }>;

/** Lists of the meetings that somebody has to do with. */
export class MeetingLists {
  readonly #sql: Sql;
  readonly #among: Statement<SeenMeeting>;

  constructor(database: Sql) {
    this.#sql = database;
    this.#among = database.statement(seenMeetings(isAmong(database.engine, 'm.id', '?2')));
  }

  /** The newest first. Refuses NO_SUCH_MOMENT. Off the event loop, the count too: how many somebody has is not bounded. */
  async page({ account }: Principal, filter: MeetingFilter, { page, limit }: Page): Promise<MeetingList> {
    const own = ownMeetings(this.#sql, account, filter);
    const numbered = own.select('m.id').orderBy('p.meeting', 'desc').limit(limit);
    const [numbers, counted] = await Promise.all([
      this.#sql.scan(numbered.offset((page - 1) * limit).compile()),
      this.#sql.scan(own.select(sql<number>`count(*)`.as('total')).compile()),
    ]);
    const list = numberList(
      this.#sql.engine,
      numbers.map(({ id }) => id),
    );
    const rows = numbers.length === 0 ? [] : await this.#among.all(account, list);
    const meetings = rows.sort((left, right) => right.id - left.id).map(ownMeetingFrom);
    return { meetings, total: counted[0]?.total ?? 0 };
  }
}

/** None that somebody was removed from, or only waited for. */
function ownMeetings(database: Sql, account: number, { status, from, to, role }: MeetingFilter) {
  const at = sql<number>`coalesce(m.scheduled_at, m.created_at)`;
  let query = tablesOf(database.read)
    .selectFrom('meeting_people as p')
    .innerJoin('meetings as m', 'm.id', 'p.meeting')
    .where('p.account', '=', account)
    .where('p.status', '!=', 'removed')
    .where((eb) => eb.or([eb('p.invited', '=', 1), eb('p.attended', '=', 1), eb('p.role', '!=', 'attendee')]));
  if (status !== undefined) query = query.where('m.status', '=', status);
  if (from !== undefined) query = query.where(at, '>=', momentOf(from, 'from'));
  if (to !== undefined) query = query.where(at, '<', momentOf(to, 'to'));
  if (role === 'mine') query = query.where((eb) => eb.or([eb('m.creator', '=', account), eb('m.host', '=', account)]));
  if (role === 'invited') query = query.where('p.invited', '=', 1);
  return query;
}
