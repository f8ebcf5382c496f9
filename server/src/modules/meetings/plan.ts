import type { Transaction } from '../../infra/log/log.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import { newId } from '../../kernel/ids.ts';
import type { Principal } from '../../kernel/principal.ts';
import { meetingErrors } from './errors.ts';
import { insertPeople, invitedBy, refuseBlocked } from './inviting.ts';
import { mergePolicy, type PreparedPolicy } from './policy.ts';
import type { MeetingChange, MeetingDraft } from './schema.ts';
import { type MeetingRow, type Tables, tablesOf } from './store.ts';

/** What of a draft stands in a meeting's own row. */
export type Plan = Partial<
  Pick<MeetingRow, 'title' | 'description' | 'scheduled_at' | 'time_zone' | 'duration_minutes'>
>;

/** What is named, and nothing else. Refuses NO_SUCH_MOMENT, NO_SUCH_ZONE. */
export function planOf(draft: MeetingChange): Plan {
  const { title, description, scheduled_at, time_zone, duration_minutes } = draft;
  return {
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(scheduled_at === undefined
      ? {}
      : { scheduled_at: scheduled_at === null ? null : momentOf(scheduled_at, 'scheduled_at') }),
    ...(time_zone === undefined ? {} : { time_zone: time_zone === null ? null : zoneOf(time_zone) }),
    ...(duration_minutes === undefined ? {} : { duration_minutes }),
  };
}

/** Before this year, in which every door and calendar can still write a time with four digits. */
const lastYear = Date.UTC(9_999, 0);

/** A leap second has the form of a time and is none here. Refuses NO_SUCH_MOMENT. */
export function momentOf(text: string, field: string): number {
  const at = Date.parse(text);
  if (!(at >= 0 && at < lastYear)) throw new Refusal(meetingErrors.NO_SUCH_MOMENT, { details: { field } });
  return at;
}

function zoneOf(timeZone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new Refusal(meetingErrors.NO_SUCH_ZONE, { details: { field: 'time_zone' } });
  }
  return timeZone;
}

/** What a repeated key must say again. Of a password only whether there is one: what is kept of it is a slow hash. */
export function inputOf({ client_id: _, policy = {}, ...draft }: MeetingDraft): unknown {
  const { password, ...others } = policy;
  return { ...draft, policy: others, hasPassword: typeof password === 'string' };
}

/** Somebody whose account was deleted meanwhile makes nothing. */
export async function mustExist({ sql }: Transaction, { account }: Principal): Promise<void> {
  const accounts = tablesOf(sql).selectFrom('accounts').select('id').where('deleted_at', 'is', null);
  const found = await accounts.where('id', '=', account).executeTakeFirst();
  if (found === undefined) throw new Refusal(commonErrors.UNAUTHENTICATED);
}

type Seed = Readonly<{ plan: Plan; policy: PreparedPolicy; invited: readonly string[]; at: number }>;

/** Writes a new meeting with its creator, who is its host, and whom it invites; answers its number. */
export async function plant(
  tables: Tables,
  { account }: Principal,
  { plan, policy, invited, at }: Seed,
): Promise<number> {
  const people = await invitedBy(tables, { by: account, ids: invited });
  await refuseBlocked(tables, account, [...people]);
  const kept = await mergePolicy(tables, { policy: '{}', password_hash: null }, policy);
  const { id } = await tables
    .insertInto('meetings')
    .values({
      public_id: newId(),
      creator: account,
      host: account,
      title: '',
      ...plan,
      ...kept,
      status: 'scheduled',
      created_at: at,
      updated_at: at,
    })
    .returning('id')
    .executeTakeFirstOrThrow();
  await insertPeople(tables, id, [
    { account, role: 'host', invited: 0 },
    ...[...people].map((one) => ({ account: one, role: 'attendee' as const, invited: 1 as const })),
  ]);
  return id;
}
