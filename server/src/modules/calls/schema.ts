import { type Static, Type } from 'typebox';
import { clientKey } from '../../infra/log/keys.ts';
import type { GroupType } from '../groups/index.ts';

/** People that a call rings. */
export const mostCalled = 50;
/** People of one call, those who come in by their group included. */
export const mostPeople = 100;

export const callTypes = ['AUDIO', 'VIDEO'] as const;
export type CallType = (typeof callTypes)[number];
/** ENDED and REJECTED are for good. */
export const callStatuses = ['RINGING', 'ONGOING', 'ENDED', 'REJECTED'] as const;
export type CallStatus = (typeof callStatuses)[number];

const nothing = Type.Null();
const id = Type.String({ minLength: 1, maxLength: 64 });

/** Who is called: these people, the members of a group, or both. */
export const callDraft = Type.Object(
  {
    type: Type.Unsafe<CallType>(Type.Union(callTypes.map((type) => Type.Literal(type)))),
    participantIds: Type.Optional(Type.Union([Type.Array(id, { maxItems: 2 * mostCalled }), nothing])),
    groupId: Type.Optional(Type.Union([id, nothing])),
    clientId: Type.Optional(Type.Union([clientKey, nothing])),
  },
  { examples: [{ type: 'VIDEO', participantIds: ['01a1f882-7bfe-71a4-985d-bffc948debe8'] }] },
);
export type CallDraft = Static<typeof callDraft>;

/** Times in milliseconds since 1970; `room` is the name of the call's Jitsi room. */
export type Call = Readonly<{
  id: string;
  initiatorId: string;
  groupId: string | null;
  room: string;
  type: CallType;
  status: CallStatus;
  createdAt: number;
  endedAt: number | null;
}>;

/** What has become of somebody in a call. */
export const personStates = ['INVITED', 'JOINED', 'REJECTED', 'LEFT'] as const;
export type PersonState = (typeof personStates)[number];

/** Everybody who has joined so far; `leftAt` null: still there. `invited`: everybody of the call, who began it too. */
export type CallWithParticipants = Call & {
  participants: { userId: string; username: string; joinedAt: number; leftAt: number | null }[];
  invited: { userId: string; username: string; state: PersonState }[];
};

/** The way into a call's room, for one account. */
export type Entry = Readonly<{ call: Call; roomUrl: string; token: string }>;

export type NamedPerson = Readonly<{ id: string; username: string; avatar: string | null }>;

/** What a list shows of who was in a call; `others`: a few of those besides the reader, where it is not of a group. */
export type CallNames = Readonly<{
  initiator: NamedPerson;
  group: Readonly<{ id: string; title: string; type: GroupType }> | null;
  others: NamedPerson[];
}>;

export type CallList = Readonly<{ calls: (Call & CallNames)[]; total: number }>;
