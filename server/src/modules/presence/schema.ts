import { type Static, Type } from 'typebox';

const target = Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 64 }), Type.Null()]));

/** Where somebody types; with both, the group counts. */
export const typingPlace = Type.Object({ groupId: target, receiverId: target });
export type TypingPlace = Static<typeof typingPlace>;

/** Members of the largest group in which presence and typing are told: each costs a frame a member. */
export const toldUpTo = 200;
