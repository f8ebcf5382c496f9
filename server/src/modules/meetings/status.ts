import { Refusal } from '../../kernel/errors.ts';
import { admit } from './admission.ts';
import { meetingErrors } from './errors.ts';
import type { Target } from './hosting.ts';
import { leaveMeeting } from './leaving.ts';
import { changePerson, tellChanged } from './people.ts';
import { roomOf } from './rooms.ts';
import type { StatusChange } from './schema.ts';
import { type Held, mustBeJoined, type PersonRow, permits, policyOf } from './store.ts';

/** The five of the document, as they are now. */
export type OwnStatus = Readonly<{
  isMuted: boolean;
  isVideoEnabled: boolean;
  isScreenSharing: boolean;
  isHandRaised: boolean;
  isInWaitingRoom: boolean;
}>;

const statusOf = (person: PersonRow): OwnStatus => ({
  isMuted: person.is_muted === 1,
  isVideoEnabled: person.is_video_enabled === 1,
  isScreenSharing: person.is_screen_sharing === 1,
  isHandRaised: person.is_hand_raised === 1,
  isInWaitingRoom: person.status === 'waiting',
});

type Flags = Pick<PersonRow, 'is_muted' | 'is_video_enabled' | 'is_screen_sharing' | 'is_hand_raised'>;

const names = ['is_muted', 'is_video_enabled', 'is_screen_sharing', 'is_hand_raised'] as const;

/** What is named and is otherwise now. */
function changesOf(person: PersonRow, change: StatusChange): Partial<Flags> {
  const changes: Partial<Flags> = {};
  for (const name of names) {
    const value = change[name];
    if (value !== undefined && value !== (person[name] === 1)) changes[name] = value ? 1 : 0;
  }
  return changes;
}

type Named = { userId: string; byId: string; at: number };

/** Who waits says already how they will come in, and nobody hears of it. */
export async function changeOwn(
  held: Held,
  change: StatusChange,
  { userId, at }: { userId: string; at: number },
): Promise<OwnStatus> {
  const waits = held.own?.status === 'waiting';
  const own = waits && held.own !== undefined ? held.own : mustBeJoined(held);
  const { is_in_waiting_room: toWait } = change;
  if (toWait !== undefined && toWait !== waits) {
    throw new Refusal(held.isHost ? meetingErrors.HOST_STAYS : meetingErrors.NOT_ADMITTED);
  }
  if (waits && (change.is_screen_sharing || change.is_hand_raised)) {
    throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  }
  await refuseForbidden(held, own, change);
  return write(held, own, { changes: changesOf(own, change), by: { userId, byId: userId, at } });
}

/** Refuses CAMERA_OFF, SCREEN_SHARE_OFF. */
async function refuseForbidden(held: Held, own: PersonRow, change: StatusChange): Promise<void> {
  const { disableCamera, screenShare } = policyOf(held.meeting);
  if (change.is_video_enabled && disableCamera) throw new Refusal(meetingErrors.CAMERA_OFF);
  if (!change.is_screen_sharing) return;
  const room = await roomOf(held, own);
  const isOff = !permits(screenShare, held.isHost) || room?.allow_screen_share === 0;
  if (isOff) throw new Refusal(meetingErrors.SCREEN_SHARE_OFF);
}

/** By a host, who lets nobody be heard or seen that did not want it. Refuses NOT_FOR_OTHERS, HOST_STAYS, FULL. */
export async function changeOther(
  held: Held,
  { who, person }: Target,
  { change, byId, at }: { change: StatusChange; byId: string; at: number },
): Promise<OwnStatus> {
  if (person.status !== 'joined' && person.status !== 'waiting') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  const changes = changesOf(person, change);
  const switchesOn = changes.is_muted === 0 || names.slice(1).some((name) => changes[name] === 1);
  if (switchesOn) throw new Refusal(meetingErrors.NOT_FOR_OTHERS);
  const status = await write(held, person, { changes, by: { userId: who.id, byId, at } });
  const { is_in_waiting_room: toWait } = change;
  if (toWait === undefined || toWait === status.isInWaitingRoom) return status;
  const now = { ...person, ...changes };
  if (toWait) await sendToWait(held, now, { byId, at });
  else await admit(held, who, { person: now, byId, at });
  const gone = toWait ? { isScreenSharing: false, isHandRaised: false } : {};
  return { ...status, ...gone, isInWaitingRoom: toWait };
}

async function sendToWait(held: Held, person: PersonRow, { byId, at }: { byId: string; at: number }): Promise<void> {
  const { meeting } = held;
  const isHost = [meeting.host, meeting.creator].includes(person.account) || person.role === 'co-host';
  if (isHost) throw new Refusal(meetingErrors.HOST_STAYS);
  await leaveMeeting(held, person, { at, removed: false, byId, toWaitingRoom: true });
}

async function write(
  held: Held,
  person: PersonRow,
  { changes, by }: { changes: Partial<Flags>; by: Named },
): Promise<OwnStatus> {
  if (Object.keys(changes).length === 0) return statusOf(person);
  const now = await changePerson(held, person, changes);
  if (now.status === 'joined') tellChanged(held, now, { ...by, handChanged: changes.is_hand_raised !== undefined });
  return statusOf(now);
}
