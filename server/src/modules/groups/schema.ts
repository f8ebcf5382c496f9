import { type Static, Type } from 'typebox';

export const groupTypes = ['PRIVATE', 'PUBLIC', 'SECRET'] as const;
export type GroupType = (typeof groupTypes)[number];
export const memberRoles = ['OWNER', 'ADMIN', 'MEMBER'] as const;
export type MemberRole = (typeof memberRoles)[number];

const nothing = Type.Null();
const groupType = Type.Unsafe<GroupType>(Type.Union(groupTypes.map((type) => Type.Literal(type))));
/** The character NUL is refused: PostgreSQL cannot keep it. */
const withoutNul = { pattern: '^[^\\u0000]*$', 'x-fault': 'must not contain the character NUL' };
const webAddress = { pattern: '^https?://[^\\u0000]*$', 'x-fault': 'must be an address with http:// or https://' };

export const groupDraft = Type.Object(
  {
    title: Type.String({ minLength: 1, maxLength: 100, ...withoutNul }),
    description: Type.Optional(Type.Union([Type.String({ maxLength: 500, ...withoutNul }), nothing])),
    cover: Type.Optional(Type.Union([Type.String({ maxLength: 2_048, ...webAddress }), nothing])),
    type: Type.Optional(Type.Union([groupType, nothing])),
  },
  { examples: [{ title: 'Moth night', description: 'Once a month, in the park', type: 'PRIVATE' }] },
);
export type GroupDraft = Static<typeof groupDraft>;

/** What a group shall be from now on; what is absent stays, `null` empties where there may be nothing. */
export const groupChanges = Type.Object(
  {
    title: Type.Optional(groupDraft.properties.title),
    description: groupDraft.properties.description,
    cover: groupDraft.properties.cover,
    type: Type.Optional(groupType),
  },
  { examples: [{ title: 'Moths and bats' }] },
);
export type GroupChanges = Static<typeof groupChanges>;

export const memberRole = Type.Object(
  {
    role: Type.Unsafe<MemberRole>(Type.Union(memberRoles.map((role) => Type.Literal(role)))),
  },
  { examples: [{ role: 'ADMIN' }] },
);

export const newMember = Type.Object(
  {
    userId: Type.String({ minLength: 1, maxLength: 64 }),
    role: Type.Optional(Type.Union([Type.Literal('MEMBER'), Type.Literal('ADMIN')])),
  },
  { examples: [{ userId: '01a1f882-7bfe-71a4-985d-bffc948debe8', role: 'MEMBER' }] },
);
export type NewMember = Static<typeof newMember>;

export type Group = Readonly<{
  id: string;
  title: string;
  description: string | null;
  cover: string | null;
  type: GroupType;
  createdAt: number;
  updatedAt: number;
}>;

/** Of a deleted account the name says so. */
type Member = Readonly<{ userId: string; username: string; avatar: string | null; role: MemberRole }>;

export type GroupWithMembers = Group & { members: Member[] };

/** `total` counts all pages. */
export type GroupList = Readonly<{ groups: Group[]; total: number }>;
export type MemberList = Readonly<{ members: Member[]; total: number }>;
/** `capped`: there are more than `total`. */
export type PublicGroupList = Readonly<{
  groups: (Group & Readonly<{ memberCount: number }>)[];
  total: number;
  capped: boolean;
}>;
