import { Refusal } from '../../kernel/errors.ts';
import type { Principal } from '../../kernel/principal.ts';
import { admit } from './admission.ts';
import { meetingErrors } from './errors.ts';
import { makeHost, tellRole } from './hosts.ts';
import { leaveMeeting } from './leaving.ts';
import { changePerson, type Someone, someoneBy, tellChanged, tellWaiting } from './people.ts';
import type { ParticipantRole } from './schema.ts';
import { type Held, type PersonRow, personIn } from './store.ts';

/** Whom an act of a host is about. */
export type Target = Readonly<{ who: Someone; person: PersonRow }>;

export type By = Readonly<{ principal: Principal; at: number }>;

/** Refuses PARTICIPANT_NOT_FOUND. */
export async function targetOf({ tables, meeting }: Held, userId: string): Promise<Target> {
  const who = await someoneBy(tables, userId);
  const person = who === undefined ? undefined : await personIn(tables, meeting.id, who.account);
  if (who === undefined || person === undefined) throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  return { who, person };
}

/** Refuses PARTICIPANT_NOT_FOUND unless they are in. */
function mustBeIn({ status }: PersonRow): void {
  if (status !== 'joined') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
}

export async function admitOne(
  held: Held,
  { who, person }: Target,
  { principal: { id: byId }, at }: By,
): Promise<void> {
  if (person.status === 'joined') return;
  if (person.status === 'waiting') return admit(held, who, { person, byId, at });
  if (person.status !== 'removed') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  await changePerson(held, person, { status: 'left' });
  await tellWaiting(held, who, { status: 'left', at });
}

export async function refuse(held: Held, { person }: Target, { principal: { id: byId }, at }: By): Promise<void> {
  if (person.status === 'removed') return;
  if (person.status !== 'waiting') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  await leaveMeeting(held, person, { at, removed: true, byId });
}

export async function mute(held: Held, { who, person }: Target, { principal: { id: byId }, at }: By): Promise<void> {
  mustBeIn(person);
  if (person.is_muted === 1) return;
  const now = await changePerson(held, person, { is_muted: 1 });
  tellChanged(held, now, { userId: who.id, handChanged: false, byId, at });
}

export async function remove(held: Held, { person }: Target, { principal, at }: By): Promise<void> {
  mustBeBelow(held, person, principal);
  if (person.status === 'removed') return;
  await leaveMeeting(held, person, { at, removed: true, byId: principal.id });
}

/** Nobody puts out whose meeting it is, and the host only that one and administrators do. Refuses HOST_ONLY. */
function mustBeBelow({ meeting }: Held, person: PersonRow, principal: Principal): void {
  if (person.account === meeting.creator) throw new Refusal(meetingErrors.HOST_ONLY);
  const isAbove = principal.account === meeting.creator || principal.role === 'ADMIN';
  if (person.account === meeting.host && !isAbove) throw new Refusal(meetingErrors.HOST_ONLY);
}

export async function giveRole(
  held: Held,
  { person }: Target,
  { principal, role, at }: By & { role: ParticipantRole },
): Promise<void> {
  const { meeting } = held;
  const { account } = principal;
  const leads = account === meeting.host || account === meeting.creator || principal.role === 'ADMIN';
  if (!leads) throw new Refusal(meetingErrors.HOST_ONLY);
  if (person.status === 'removed') throw new Refusal(meetingErrors.PARTICIPANT_NOT_FOUND);
  if (role === 'host') {
    mustBeIn(person);
    if (person.account === meeting.host) return;
    return makeHost(held, person, { kind: 'for good', byId: principal.id, at });
  }
  if (person.role === role) return;
  if (person.account === meeting.host || person.account === meeting.creator) {
    throw new Refusal(meetingErrors.HOST_STAYS);
  }
  await tellRole(held, await changePerson(held, person, { role }), { byId: principal.id, at });
}
