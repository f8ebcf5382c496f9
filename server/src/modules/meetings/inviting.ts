import { Refusal } from '../../kernel/errors.ts';
import { type IdBytes, idText, newId } from '../../kernel/ids.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import { meetingErrors } from './errors.ts';
import type { MeetingRow, PersonRow, Tables } from './store.ts';

/** Whom somebody invites; who they are themselves is passed over. */
type Invitation = Readonly<{ by: number; ids: readonly string[] }>;

/** Accounts behind ids in either spelling, each once. Refuses USER_NOT_FOUND when one of them is nobody. */
export async function invitedBy(tables: Tables, { by, ids }: Invitation): Promise<Set<number>> {
  const wanted = new Map<string, IdBytes>();
  for (const id of ids) {
    const bytes = anyIdBytes(id);
    if (bytes === undefined) throw nobody(id);
    wanted.set(idText(bytes), bytes);
  }
  if (wanted.size === 0) return new Set();
  const found = await tables
    .selectFrom('accounts')
    .select(['id', 'public_id'])
    .where('public_id', 'in', [...wanted.values()])
    .where('deleted_at', 'is', null)
    .execute();
  for (const { public_id } of found) wanted.delete(idText(public_id));
  for (const unknown of wanted.keys()) throw nobody(unknown);
  return new Set(found.map(({ id }) => id).filter((account) => account !== by));
}

const nobody = (value: string): Refusal =>
  new Refusal(meetingErrors.USER_NOT_FOUND, { details: { field: 'invited', value } });

/** Refuses INVITATION_BLOCKED. */
export async function refuseBlocked(tables: Tables, by: number, accounts: readonly number[]): Promise<void> {
  if (accounts.length === 0) return;
  const blocks = tables.selectFrom('blocks').select('account');
  const made = blocks.where('account', '=', by).where('blocked', 'in', accounts);
  const had = blocks.where('blocked', '=', by).where('account', 'in', accounts);
  const found = (await made.executeTakeFirst()) ?? (await had.executeTakeFirst());
  if (found !== undefined) throw new Refusal(meetingErrors.INVITATION_BLOCKED, { details: { field: 'invited' } });
}

type Named = Pick<PersonRow, 'account' | 'role' | 'invited'>;

/** People who were never in the meeting. */
export async function insertPeople(tables: Tables, meeting: number, people: readonly Named[]): Promise<void> {
  if (people.length === 0) return;
  const rows = people.map((one) => ({
    ...one,
    meeting,
    public_id: newId(),
    status: 'invited' as const,
    is_muted: 0 as const,
    is_video_enabled: 0 as const,
    is_screen_sharing: 0 as const,
    is_hand_raised: 0 as const,
    device_type: 'unknown',
  }));
  await tables.insertInto('meeting_people').values(rows).execute();
}

/**
 * Exactly these are invited from now on. Whose invitation is taken back before they ever came has nothing to do with the
 * meeting any more; who was removed stays removed. Refuses USER_NOT_FOUND, INVITATION_BLOCKED.
 */
export async function inviteExactly(
  tables: Tables,
  meeting: Pick<MeetingRow, 'id' | 'creator' | 'host'>,
  invitation: Invitation,
): Promise<void> {
  const wanted = await invitedBy(tables, invitation);
  wanted.delete(meeting.creator);
  const people = tables.selectFrom('meeting_people').select(['account', 'status', 'invited']);
  const known = await people
    .where('meeting', '=', meeting.id)
    .where((eb) => eb.or([eb('invited', '=', 1), ...(wanted.size === 0 ? [] : [eb('account', 'in', [...wanted])])]))
    .execute();
  const fresh = new Set(wanted);
  for (const { account, invited } of known) if (invited === 1) fresh.delete(account);
  await refuseBlocked(tables, invitation.by, [...fresh]);
  const own = tables.updateTable('meeting_people').where('meeting', '=', meeting.id);
  const again = known.filter(({ account }) => fresh.has(account)).map(({ account }) => account);
  if (again.length > 0) await own.set({ invited: 1 }).where('account', 'in', again).execute();
  for (const account of again) fresh.delete(account);
  await insertPeople(
    tables,
    meeting.id,
    [...fresh].map((account) => ({ account, role: 'attendee', invited: 1 })),
  );
  const over = known.filter(({ account, invited }) => invited === 1 && !wanted.has(account));
  if (over.length === 0) return;
  const numbers = over.map(({ account }) => account);
  await own.set({ invited: 0 }).where('account', 'in', numbers).execute();
  await tables
    .deleteFrom('meeting_people')
    .where('meeting', '=', meeting.id)
    .where('account', 'in', numbers)
    .where('account', '!=', meeting.host)
    .where('status', '=', 'invited')
    .execute();
}
