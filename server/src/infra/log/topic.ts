/** Topics are `kind:{number}`; in tables both stand in one integer, so that an index has one key. */
const kinds = { user: 0, group: 1, meeting: 2, session: 3, conversation: 4, room: 5 } as const;

export type TopicKind = keyof typeof kinds;

export const topicOf = (kind: TopicKind, id: number): number => id * 8 + kinds[kind];

export const isUserTopic = (topic: number): boolean => topic % 8 === kinds.user;

/** The account whose own topic this is. */
export const accountOf = (userTopic: number): number => (userTopic - kinds.user) / 8;

export const isGroupTopic = (topic: number): boolean => topic % 8 === kinds.group;

/** The group whose topic this is. */
export const groupOf = (groupTopic: number): number => (groupTopic - kinds.group) / 8;
