import { topicOf } from '../../infra/log/topic.ts';
import { Refusal } from '../../kernel/errors.ts';
import { type IdBytes, idText } from '../../kernel/ids.ts';
import { anyIdBytes } from '../../kernel/ulid.ts';
import type { Identity } from '../identity/index.ts';
import { meetingErrors } from './errors.ts';
import { meetingEvents, type PolicyApplied } from './events.ts';
import { leaveMeeting } from './leaving.ts';
import type { MeetingHeld } from './rooms.ts';
import type { Permission, Policy, PolicyChange } from './schema.ts';
import { isHostOf, type MeetingRow, type PersonRow, policyOf, type Tables } from './store.ts';

/** A change whose password is hashed already: that takes too long for a transaction. */
export type PreparedPolicy = Readonly<{ change: PolicyChange; passwordHash: string | null | undefined }>;

/** Before the transaction. Refuses UNAVAILABLE. */
export async function preparePolicy(
  passwords: Pick<Identity['passwords'], 'hash'>,
  change: PolicyChange,
): Promise<PreparedPolicy> {
  const { password } = change;
  return { change, passwordHash: typeof password === 'string' ? await passwords.hash(password) : password };
}

/** As a meeting keeps it. */
export type KeptPolicy = Pick<MeetingRow, 'policy' | 'password_hash'>;

/** Inside the transaction: what is named is changed, everything else stays. Refuses USER_NOT_FOUND, PASSWORD_NEEDED. */
export async function mergePolicy(
  tables: Tables,
  before: KeptPolicy,
  { change, passwordHash }: PreparedPolicy,
): Promise<KeptPolicy> {
  const old = policyOf(before);
  const policy: Policy = {
    requireWaitingRoom: change.require_waiting_room ?? old.requireWaitingRoom,
    requirePassword: change.require_password ?? old.requirePassword,
    allowAnonymousJoin: change.allow_anonymous_join ?? old.allowAnonymousJoin,
    maxParticipants: change.max_participants === undefined ? old.maxParticipants : change.max_participants,
    allowedDomains: change.allowed_domains?.map((domain) => domain.toLowerCase()) ?? old.allowedDomains,
    ...(change.blocked_users === undefined ? blockedOf(old) : await blockedBy(tables, change.blocked_users)),
    recording: change.recording_permissions ?? old.recording,
    screenShare: change.screen_share_permissions ?? old.screenShare,
    chat: change.chat_permissions ?? old.chat,
    muteOnEntry: change.mute_on_entry ?? old.muteOnEntry,
    disableCamera: change.disable_camera ?? old.disableCamera,
    lock: change.lock_meeting ?? old.lock,
  };
  const password_hash = passwordHash === undefined ? before.password_hash : passwordHash;
  if (policy.requirePassword && password_hash === null) {
    throw new Refusal(meetingErrors.PASSWORD_NEEDED, { details: { field: 'password' } });
  }
  return { policy: JSON.stringify(policy), password_hash };
}

type Blocked = Pick<Policy, 'blockedUsers' | 'blockedEmails'>;

const blockedOf = ({ blockedUsers, blockedEmails }: Policy): Blocked => ({ blockedUsers, blockedEmails });

/** Ids must be of somebody; an email that nobody has yet is kept for who comes with it. Refuses USER_NOT_FOUND. */
async function blockedBy(tables: Tables, entries: readonly string[]): Promise<Blocked> {
  const emails = new Set(entries.filter((entry) => entry.includes('@')).map((entry) => entry.trim().toLowerCase()));
  const ids = new Map<string, IdBytes>();
  for (const entry of entries) {
    if (entry.includes('@')) continue;
    const bytes = anyIdBytes(entry);
    if (bytes === undefined) throw nobody(entry);
    ids.set(idText(bytes), bytes);
  }
  const accounts = tables.selectFrom('accounts').select(['id', 'public_id', 'email']).where('deleted_at', 'is', null);
  const byId = ids.size === 0 ? [] : await accounts.where('public_id', 'in', [...ids.values()]).execute();
  const byEmail = emails.size === 0 ? [] : await accounts.where('email', 'in', [...emails]).execute();
  const found = new Set(byId.map(({ public_id }) => idText(public_id)));
  for (const id of ids.keys()) if (!found.has(id)) throw nobody(id);
  for (const { email } of byEmail) emails.delete(email);
  return {
    blockedUsers: [...new Set([...byId, ...byEmail].map(({ id }) => id))],
    blockedEmails: [...emails],
  };
}

const nobody = (entry: string): Refusal =>
  new Refusal(meetingErrors.USER_NOT_FOUND, { details: { field: 'blocked_users', value: entry } });

/** Writes the policy of a meeting, tells everybody in it, and sees to it that what is so already is as the policy says. */
export async function enforcePolicy(
  held: MeetingHeld,
  prepared: PreparedPolicy,
  { byId, at }: { byId: string; at: number },
): Promise<{ present: number }> {
  const { transaction, tables, meeting } = held;
  const before = policyOf(meeting);
  const kept = await mergePolicy(tables, meeting, prepared);
  await tables.updateTable('meetings').set(kept).where('id', '=', meeting.id).execute();
  const policy = policyOf(kept);
  if (policy.disableCamera && !before.disableCamera) await switchOff(held, 'is_video_enabled');
  if (policy.screenShare !== before.screenShare) await endSharingBy(held, policy.screenShare);
  const present = await putOut(held, policy, { byId, at });
  await letBack(held, before, policy);
  const { requireWaitingRoom, recording, screenShare, chat, disableCamera, lock } = policy;
  const meetingId = idText(meeting.public_id);
  const shown = { requireWaitingRoom, recording, screenShare, chat, disableCamera, lock };
  const payload: PolicyApplied = { meetingId, byId, ...shown, at };
  transaction.append({ topic: topicOf('meeting', meeting.id), type: meetingEvents.policy, payload });
  return { present };
}

/** One statement and no row for each of them: the row that tells of the policy says it. */
async function switchOff(
  { tables, meeting }: MeetingHeld,
  flag: 'is_video_enabled' | 'is_screen_sharing',
  roles?: readonly PersonRow['role'][],
): Promise<void> {
  await tables
    .updateTable('meeting_people')
    .set({ [flag]: 0 })
    .where('meeting', '=', meeting.id)
    .where('status', '=', 'joined')
    .$if(roles !== undefined, (query) => query.where('role', 'in', roles ?? []))
    .execute();
}

async function endSharingBy(held: MeetingHeld, screenShare: Permission): Promise<void> {
  if (screenShare === 'none') await switchOff(held, 'is_screen_sharing');
  if (screenShare === 'host') await switchOff(held, 'is_screen_sharing', ['attendee']);
}

/** Who is blocked is out, whether they are in, wait or are only invited; hosts are not. */
async function putOut(
  held: MeetingHeld,
  { blockedUsers }: Policy,
  { byId, at }: { byId: string; at: number },
): Promise<number> {
  const { tables, meeting } = held;
  let { present } = meeting;
  if (blockedUsers.length === 0) return present;
  const people = tables.selectFrom('meeting_people').selectAll().where('meeting', '=', meeting.id);
  for (const person of await people.where('account', 'in', [...blockedUsers]).execute()) {
    if (person.status === 'removed' || isHostOf(meeting, person, { account: person.account, role: 'GUEST' })) continue;
    const left = await leaveMeeting(held, person, { at, removed: true, byId });
    if (person.status === 'joined') present = left.present;
  }
  return present;
}

/** Who is no longer blocked may come again. */
async function letBack({ tables, meeting }: MeetingHeld, before: Policy, after: Policy): Promise<void> {
  const freed = before.blockedUsers.filter((account) => !after.blockedUsers.includes(account));
  if (freed.length === 0) return;
  await tables
    .updateTable('meeting_people')
    .set({ status: 'left' })
    .where('meeting', '=', meeting.id)
    .where('account', 'in', freed)
    .where('status', '=', 'removed')
    .execute();
}
