import { topicOf } from '../../infra/log/topic.ts';
import { Refusal } from '../../kernel/errors.ts';
import { idText, newId, newIdText } from '../../kernel/ids.ts';
import { meetingErrors } from './errors.ts';
import { meetingEvents, type ParticipantJoined } from './events.ts';
import { changePerson, type Someone, tellWaiting } from './people.ts';
import type { MeetingHeld } from './rooms.ts';
import { deviceTypes, type JoinDraft, mostParticipants } from './schema.ts';
import { type Held, mustBeActive, type PersonRow, policyOf } from './store.ts';

/** What one who comes says of themselves, as it is kept. */
type Arrival = Pick<PersonRow, 'device_type' | 'connection_id' | 'is_muted' | 'is_video_enabled'>;

/** Under way; hosts come earlier too. Refuses ENDED, CANCELLED, NOT_ACTIVE. */
export function mustBeOpen(held: Held): void {
  if (!(held.isHost && held.meeting.status === 'scheduled')) mustBeActive(held);
}

/** Who may not come in at all, whatever they know; hosts always may. Refuses NOT_INVITED. */
export async function refuseUnwanted({ tables, meeting, own, isHost }: Held, who: Someone): Promise<void> {
  if (isHost) return;
  const { blockedUsers, blockedEmails, allowedDomains } = policyOf(meeting);
  const email = who.email.toLowerCase();
  const domain = email.slice(email.lastIndexOf('@') + 1);
  const isUnwanted =
    own?.status === 'removed' ||
    blockedUsers.includes(who.account) ||
    blockedEmails.includes(email) ||
    (allowedDomains.length > 0 && !allowedDomains.includes(domain));
  if (isUnwanted) throw new Refusal(meetingErrors.NOT_INVITED);
  const blocks = tables.selectFrom('blocks').select('account').where('blocked', '=', who.account);
  const blocked = await blocks.where('account', 'in', [meeting.host, meeting.creator]).executeTakeFirst();
  if (blocked !== undefined) throw new Refusal(meetingErrors.NOT_INVITED);
}

/** The hash of the password that whoever comes has to know, if they do. */
export function passwordFor({ meeting, isHost }: Held): string | undefined {
  if (isHost || !policyOf(meeting).requirePassword) return undefined;
  return meeting.password_hash ?? undefined;
}

/** Refuses LOCKED, FULL. */
export function refuseCrowd(held: Held): void {
  if (held.isHost) return;
  if (policyOf(held.meeting).lock) throw new Refusal(meetingErrors.LOCKED);
  mustHaveRoom(held);
}

/** Refuses FULL. */
function mustHaveRoom({ meeting }: MeetingHeld): void {
  const { maxParticipants } = policyOf(meeting);
  if (meeting.present >= (maxParticipants ?? mostParticipants)) throw new Refusal(meetingErrors.FULL);
}

/** With muted people and without cameras as the policy wants it of who comes in now. */
function arrivalOf({ meeting, isHost }: Held, draft: JoinDraft): Arrival {
  const { muteOnEntry, disableCamera } = policyOf(meeting);
  const isMuted = (draft.join_muted ?? false) || (muteOnEntry && !isHost);
  const hasVideo = !(draft.join_without_video ?? false) && !disableCamera;
  return {
    ...deviceOf(draft),
    is_muted: isMuted ? 1 : 0,
    is_video_enabled: hasVideo ? 1 : 0,
  };
}

const deviceOf = ({ connection_id, device_type }: JoinDraft) => ({
  connection_id: connection_id ?? newIdText(),
  device_type: deviceTypes.find((known) => known === device_type) ?? 'unknown',
});

/** Who is in already has come with another device, and everything else stays as it is. */
export async function comeAgain(held: Held, own: PersonRow, draft: JoinDraft): Promise<void> {
  await changePerson(held, own, deviceOf(draft));
}

/** Puts somebody into the waiting room; who waits there already goes on waiting, and nobody hears of it again. */
export async function wait(held: Held, who: Someone, { draft, at }: { draft: JoinDraft; at: number }): Promise<void> {
  const { own } = held;
  const isNew = own?.status !== 'waiting';
  await keepPerson(held, who, {
    ...arrivalOf(held, draft),
    status: 'waiting',
    waiting_since: isNew ? at : own.waiting_since,
    left_at: null,
  });
  if (isNew) await tellWaiting(held, who, { status: 'waiting', at });
}

export async function enter(held: Held, who: Someone, { draft, at }: { draft: JoinDraft; at: number }): Promise<void> {
  const browserInfo = draft.browser_info ?? null;
  await comeIn(held, who, { own: held.own, arrival: arrivalOf(held, draft), browserInfo, byId: who.id, at });
}

/** A host lets in somebody who waits. The policy goes for them as it is now. Refuses FULL. */
export async function admit(
  held: Held,
  who: Someone,
  { person, byId, at }: { person: PersonRow; byId: string; at: number },
): Promise<void> {
  mustHaveRoom(held);
  const { muteOnEntry, disableCamera } = policyOf(held.meeting);
  const { device_type, connection_id, is_muted, is_video_enabled } = person;
  const arrival: Arrival = {
    device_type,
    connection_id,
    is_muted: muteOnEntry ? 1 : is_muted,
    is_video_enabled: disableCamera ? 0 : is_video_enabled,
  };
  await comeIn(held, who, { own: person, arrival, byId, at });
  await tellWaiting(held, who, { status: 'joined', at });
}

async function comeIn(
  held: Held,
  who: Someone,
  {
    own,
    arrival,
    browserInfo = null,
    byId,
    at,
  }: { own: PersonRow | undefined; arrival: Arrival; browserInfo?: string | null; byId: string; at: number },
): Promise<void> {
  const { transaction, tables, meeting } = held;
  const role = own?.role ?? (meeting.host === who.account ? 'host' : 'attendee');
  await keepPerson(
    held,
    who,
    {
      ...arrival,
      status: 'joined',
      role,
      joined_at: at,
      left_at: null,
      waiting_since: null,
      attended: 1,
    },
    own,
  );
  await tables
    .updateTable('meetings')
    .set((eb) => ({
      present: eb('present', '+', 1),
      attendance: eb('attendance', '+', own?.attended === 1 ? 0 : 1),
      empty_since: null,
    }))
    .where('id', '=', meeting.id)
    .execute();
  const topic = topicOf('meeting', meeting.id);
  const payload: ParticipantJoined = {
    meetingId: idText(meeting.public_id),
    userId: who.id,
    name: who.name,
    role,
    deviceType: arrival.device_type,
    browserInfo,
    byId,
    at,
  };
  const moves = [{ kind: 'enter', account: who.account, topic }] as const;
  transaction.append({ topic, type: meetingEvents.joined, payload, moves });
}

/** Writes somebody's row, which is made when they have none. */
async function keepPerson(
  held: Held,
  { account }: Someone,
  to: Arrival & Partial<PersonRow> & Pick<PersonRow, 'status'>,
  own: PersonRow | undefined = held.own,
): Promise<void> {
  if (own !== undefined) {
    await changePerson(held, own, to);
    return;
  }
  await held.tables
    .insertInto('meeting_people')
    .values({
      meeting: held.meeting.id,
      account,
      public_id: newId(),
      role: 'attendee',
      invited: 0,
      is_screen_sharing: 0,
      is_hand_raised: 0,
      ...to,
    })
    .execute();
}
