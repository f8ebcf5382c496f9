import { type IdBytes, idText } from '../../kernel/ids.ts';
import { changePerson, idOf, tellChanged } from './people.ts';
import type { MeetingHeld } from './rooms.ts';
import { type PersonRow, personIn, type Tables } from './store.ts';

/** People that are looked at in one statement for whoever follows a host. */
const pageSize = 100;

type Candidate = PersonRow & { account_id: IdBytes };

/**
 * Who follows the host: the co-host who has been there longest, otherwise whoever else has been; of those only who `isThere`,
 * by their public id.
 */
export async function successorOf(
  { tables, meeting }: MeetingHeld,
  isThere: (id: string) => boolean,
): Promise<PersonRow | undefined> {
  for (const role of ['co-host', 'attendee'] as const) {
    let page = await candidates(tables, meeting, { role });
    while (page.length > 0) {
      const found = page.find(({ account, account_id }) => account !== meeting.host && isThere(idText(account_id)));
      if (found !== undefined) return personIn(tables, meeting.id, found.account);
      const after = page.at(-1);
      page = page.length < pageSize ? [] : await candidates(tables, meeting, { role, ...(after && { after }) });
    }
  }
  return undefined;
}

/** Longest there first. */
function candidates(
  tables: Tables,
  { id }: { id: number },
  { role, after }: { role: PersonRow['role']; after?: Candidate },
): Promise<Candidate[]> {
  return tables
    .selectFrom('meeting_people as p')
    .innerJoin('accounts as a', 'a.id', 'p.account')
    .selectAll('p')
    .select('a.public_id as account_id')
    .where('p.meeting', '=', id)
    .where('p.role', '=', role)
    .where('p.status', '=', 'joined')
    .$if(after !== undefined, (query) =>
      query.where((eb) =>
        eb.or([
          eb('p.joined_at', '>', after?.joined_at ?? 0),
          eb.and([eb('p.joined_at', '=', after?.joined_at ?? 0), eb('p.account', '>', after?.account ?? 0)]),
        ]),
      ),
    )
    .orderBy('p.joined_at')
    .orderBy('p.account')
    .limit(pageSize)
    .execute();
}

/**
 * Makes somebody the host, and the one before what they were; the creator is a co-host then. `stand-in`: for the creator
 * who is away, and gets it back on return.
 */
export async function makeHost(
  held: MeetingHeld,
  to: PersonRow,
  { kind, byId, at }: { kind: 'for good' | 'stand-in'; byId: string | null; at: number },
): Promise<void> {
  const { tables, meeting } = held;
  const isCreator = to.account === meeting.creator;
  const before = await personIn(tables, meeting.id, meeting.host);
  const follows = kind === 'stand-in' && !isCreator ? meeting.creator : null;
  await tables.updateTable('meetings').set({ host: to.account, follows }).where('id', '=', meeting.id).execute();
  if (before !== undefined && before.account !== to.account) await stepDown(held, before, { byId, at });
  const now = await changePerson(held, to, { role: 'host', role_before: isCreator ? null : to.role });
  await tellRole(held, now, { byId, at });
}

async function stepDown(held: MeetingHeld, before: PersonRow, by: { byId: string | null; at: number }): Promise<void> {
  const isCreator = before.account === held.meeting.creator;
  const role = isCreator ? 'co-host' : (before.role_before ?? 'attendee');
  await tellRole(held, await changePerson(held, before, { role, role_before: null }), by);
}

export async function tellRole(
  held: MeetingHeld,
  person: PersonRow,
  { byId, at }: { byId: string | null; at: number },
): Promise<void> {
  if (person.status !== 'joined') return;
  const userId = await idOf(held.tables, person.account);
  tellChanged(held, person, { userId, handChanged: false, byId, at });
}

/** The host is gone for now: whoever follows is host. With nobody there it is the creator's. */
export async function followHost(held: MeetingHeld, at: number): Promise<void> {
  const { tables, meeting } = held;
  const next = meeting.status === 'in_progress' ? await successorOf(held, () => true) : undefined;
  if (next !== undefined) return makeHost(held, next, { kind: 'stand-in', byId: null, at });
  if (meeting.host === meeting.creator) return;
  const creator = await personIn(tables, meeting.id, meeting.creator);
  if (creator !== undefined) await makeHost(held, creator, { kind: 'for good', byId: null, at });
}
