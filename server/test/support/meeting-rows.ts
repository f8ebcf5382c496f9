import { idText, newId } from '../../src/kernel/ids.ts';
import { ulidOf } from '../../src/kernel/ulid.ts';
import type { SignedIn } from '../../src/modules/identity/index.ts';
import { openPolicy } from '../../src/modules/meetings/index.ts';
import { type MeetingRow, type PersonRow, tablesOf } from '../../src/modules/meetings/store.ts';
import type { MeetingsServer } from './meetings.ts';
import type { TestServer } from './server.ts';

type Server = Pick<TestServer, 'storage'>;

/** A meeting as it lies in the tables, of which `more` may say anything; answers its id as the door spells it. */
export async function layMeeting(
  { storage: { log } }: Server,
  { principal: { account } }: SignedIn,
  { invited = [], ...more }: Partial<Omit<MeetingRow, 'id'>> & { invited?: readonly SignedIn[] } = {},
): Promise<string> {
  const public_id = newId();
  const now = Date.now();
  await log.write(async ({ sql }) => {
    const tables = tablesOf(sql);
    const started = { started_at: now, started_by: account };
    const row = { public_id, creator: account, host: account, title: 'Weekly', policy: JSON.stringify(openPolicy) };
    const { id: meeting } = await tables
      .insertInto('meetings')
      .values({ ...row, status: 'in_progress', ...started, created_at: now, updated_at: now, ...more })
      .returning('id')
      .executeTakeFirstOrThrow();
    const none = { is_muted: 0, is_video_enabled: 0, is_screen_sharing: 0, is_hand_raised: 0 } as const;
    const person = { meeting, status: 'invited', invited: 1, device_type: 'unknown', ...none } as const;
    const others = invited.map(({ principal }) => ({
      ...person,
      account: principal.account,
      role: 'attendee' as const,
    }));
    const people = [{ ...person, account, role: 'host' as const }, ...others];
    await tables
      .insertInto('meeting_people')
      .values(people.map((one) => ({ ...one, public_id: newId() })))
      .execute();
  });
  return ulidOf(idText(public_id));
}

/** The same with the host and these people in it, one after the other. */
export async function gather(
  { server, get }: MeetingsServer,
  host: SignedIn,
  people: readonly SignedIn[] = [],
  more: Parameters<typeof layMeeting>[2] = {},
): Promise<string> {
  const id = await layMeeting(server, host, more);
  for (const who of [host, ...people]) await get(who, 'POST', `/${id}/join`, {});
  return id;
}

/** How the only meeting there is lies in the tables, with everybody's row. */
export async function rowsOf({ storage: { sql } }: Server): Promise<{ meeting: MeetingRow; people: PersonRow[] }> {
  const tables = tablesOf(sql.read);
  const meeting = await tables.selectFrom('meetings').selectAll().orderBy('id', 'desc').executeTakeFirstOrThrow();
  const people = tables.selectFrom('meeting_people').selectAll().where('meeting', '=', meeting.id);
  return { meeting, people: await people.execute() };
}
