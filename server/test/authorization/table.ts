import type { Actor, Person, World } from './world.ts';

/** What one who asks says. `as`: in the place of the actor, where the act would spoil the actor for the rows below. */
export type Ask = Readonly<{ params?: Record<string, string>; query?: string; body?: object; as?: Person }>;
type Asking = (world: World, actor: Actor) => Ask | Promise<Ask>;

/**
 * One thing that can be asked for and what each actor is answered, in the order of `actors`: `yes`, or the status of the
 * refusal (on sockets the one that its code has over REST). `on` tells rows of one name apart.
 */
export type Row = Readonly<{ name: string; on: string; answers: string; ask: Asking }>;

export const everybody = 'yes yes yes yes yes yes yes';
const signedIn = '401 yes yes yes yes yes yes';
const administrators = '401 403 403 403 403 403 yes';

const nothing: Asking = () => ({});
const row = (name: string, answers: string, ask: Asking = nothing, on = ''): Row => ({ name, on, answers, ask });

const theOwner: Asking = ({ people }) => ({ params: { id: people.owner.id } });
const anyone: Asking = async (world) => ({ params: { id: (await world.somebody()).id } });

/** Of the account itself: the owner's place is taken by somebody who can be spared. */
const own =
  (ask: (person: Person, world: World) => Ask | Promise<Ask>): Asking =>
  async (world, actor) => {
    const person = await world.somebody();
    return { ...(await ask(person, world)), ...(actor === 'owner' ? { as: person } : {}) };
  };
const spared: Asking = async (world, actor) => (actor === 'nobody' ? {} : { as: await world.somebody() });

/** Pages and files for everybody, by how their paths begin. */
export const publicPaths = ['GET /docs/', 'GET /assets/', 'GET /api/docs'];

const accounts: readonly Row[] = [
  row('GET /', everybody),
  row('POST /demo/pair', everybody),
  ...['/health', '/health/ready', '/metrics', '/api/v1/health', '/api/v1/health/ready', '/api/v1/metrics'].map((path) =>
    row(`GET ${path}`, everybody),
  ),
  row('POST /api/v1/auth/register', '409 409 409 409 409 409 409', () => ({
    body: { username: 'ada', email: 'ada@demo.invalid', password: 'Correct-horse-9' },
  })),
  row('POST /api/v1/auth/login', '401 401 401 401 401 401 401', () => ({
    body: { email: 'nobody@example.org', password: 'Wrong-horse-9' },
  })),
  row('POST /api/v1/auth/refresh', everybody, async (world) => ({
    body: { refreshToken: (await world.somebody()).refreshToken },
  })),
  row('POST /api/v1/auth/forgot', everybody, () => ({ body: { email: 'nobody@example.org' } })),
  row('POST /api/v1/auth/reset', '401 401 401 401 401 401 401', () => ({
    body: { email: 'nobody@example.org', code: 'AAAA-AAAA-AAAA', password: 'Correct-horse-9' },
  })),
  row(
    'POST /api/v1/auth/logout',
    '401 401 401 401 401 yes 401',
    own(({ refreshToken }) => ({ body: { refreshToken } })),
  ),
  row('POST /api/v1/auth/logout-all', signedIn, spared),
  row('GET /api/v1/auth/me', signedIn),
  row('POST /api/v1/auth/password', '401 403 403 403 403 403 403', () => ({
    body: { currentPassword: 'Wrong-horse-9', newPassword: 'Correct-horse-9' },
  })),
  row('GET /api/v1/auth/sessions', signedIn),
  row(
    'DELETE /api/v1/auth/sessions/:id',
    '401 404 404 404 404 yes 404',
    own(async ({ token }, { call }) => {
      const { body } = await call('GET', '/api/v1/auth/sessions', { token });
      const [session] = Array.isArray(body['data']) ? body['data'] : [];
      return { params: { id: String(session?.id) } };
    }),
  ),
];

const users: readonly Row[] = [
  row('GET /api/v1/users', signedIn, () => ({ query: 'query=person' })),
  row('GET /api/v1/users/:id', signedIn, theOwner),
  row('GET /api/v1/users/:id/presence', signedIn, theOwner),
  row('PATCH /api/v1/users/:id', '401 403 403 403 403 yes 403', ({ people }) => ({
    params: { id: people.owner.id },
    body: { statusMessage: 'here' },
  })),
  row(
    'DELETE /api/v1/users/:id',
    '401 403 403 403 403 yes 403',
    own(({ id }) => ({ params: { id } })),
  ),
  row('PUT /api/v1/users/:id/role', administrators, async (world) => ({
    params: { id: (await world.somebody()).id },
    body: { role: 'HR' },
  })),
  row('GET /api/v1/users/blocked', signedIn),
  row('POST /api/v1/users/:id/block', signedIn, anyone),
  row('DELETE /api/v1/users/:id/block', signedIn, anyone),
];

const toTheOwner: Asking = ({ people }) => ({ body: { content: 'Hello', receiverId: people.owner.id } });
const toTheGroup: Asking = async (world) => ({ body: { content: 'Hello', groupId: await world.group() } });
const groupMessage: Asking = async (world) => ({ params: { id: await world.groupMessage() } });
const directMessage: Asking = async (world) => ({ params: { id: await world.directMessage() } });
const withBody =
  (asking: Asking, body: object): Asking =>
  async (world, actor) => ({ ...(await asking(world, actor)), body });
const asInput =
  (asking: Asking, field: string, more: object = {}): Asking =>
  async (world, actor) => ({ body: { [field]: (await asking(world, actor)).params?.['id'], ...more } });

const aGroup =
  (type: 'PRIVATE' | 'PUBLIC' | 'SECRET', body?: object): Asking =>
  async (world) => ({ params: { id: await world.group(type) }, ...(body === undefined ? {} : { body }) });

const toMembers = '401 403 403 403 yes yes 403';
const ofTheAuthor = '401 403 403 403 403 yes 403';
const content = { content: 'changed' };
const emoji = { emoji: '👍' };

/** A message of others is as one that does not exist. */
const ofReaders = '401 404 404 404 yes yes 404';
const ofTheWriter = '401 404 404 404 403 yes 404';
const toReceivers = '401 404 404 404 yes 403 404';

const messages: readonly Row[] = [
  row('POST /api/v1/messages', '401 yes 403 yes yes yes yes', toTheOwner, 'to the owner'),
  row('POST /api/v1/messages', toMembers, toTheGroup, 'to a group'),
  row('GET /api/v1/messages/direct/:otherUserId', signedIn, ({ people }) => ({
    params: { otherUserId: people.owner.id },
  })),
  row('GET /api/v1/messages/group/:groupId', toMembers, async (world) => ({
    params: { groupId: await world.group() },
  })),
  row('GET /api/v1/messages/search', signedIn, () => ({ query: 'query=word' })),
  ...(
    [
      ['in a group', groupMessage],
      ['to the member', directMessage],
    ] as const
  ).flatMap(([on, message]) => [
    row('GET /api/v1/messages/:id', ofReaders, message, on),
    row('PATCH /api/v1/messages/:id', ofTheWriter, withBody(message, content), on),
    row('DELETE /api/v1/messages/:id', ofTheWriter, message, on),
    row('POST /api/v1/messages/:id/react', ofReaders, withBody(message, emoji), on),
    row('DELETE /api/v1/messages/:id/react', ofReaders, withBody(message, emoji), on),
    row('message:edit', ofTheWriter, asInput(message, 'messageId', content), on),
    row('message:delete', ofTheWriter, asInput(message, 'messageId'), on),
    row('message:react', ofReaders, asInput(message, 'messageId', emoji), on),
    row('message:unreact', ofReaders, asInput(message, 'messageId', emoji), on),
    row('POST /api/v1/messages/:id/delivered', toReceivers, message, on),
    row('POST /api/v1/messages/:id/seen', toReceivers, message, on),
    row('message:delivered', toReceivers, asInput(message, 'messageId'), on),
    row('message:seen', toReceivers, asInput(message, 'messageId'), on),
  ]),
  row('message:send', '401 yes 403 yes yes yes yes', toTheOwner, 'to the owner'),
  row('message:send', toMembers, toTheGroup, 'to a group'),
  row('GET /api/v1/conversations', signedIn),
  row('POST /api/v1/conversations/:id/seen', signedIn, theOwner, 'with the owner'),
  row('POST /api/v1/conversations/:id/seen', toMembers, aGroup('PRIVATE'), 'of a group'),
  row('conversation:seen', signedIn, asInput(theOwner, 'conversationId'), 'with the owner'),
  row('conversation:seen', toMembers, asInput(aGroup('PRIVATE'), 'conversationId'), 'of a group'),
  ...['typing:start', 'typing:stop'].flatMap((name) => [
    row(name, '401 yes 403 yes yes yes yes', asInput(theOwner, 'receiverId'), 'to the owner'),
    row(name, toMembers, asInput(aGroup('PRIVATE'), 'groupId'), 'to a group'),
  ]),
];

const ringing: Asking = async (world) => ({ params: { id: await world.ringing() } });
const ringTheOwner: Asking = ({ people }) => ({ body: { type: 'AUDIO', participantIds: [people.owner.id] } });
const ringTheGroup: Asking = async (world) => ({ body: { type: 'AUDIO', groupId: await world.group() } });
const toTheInvited = '401 403 403 403 yes yes 403';
const byTheInvited = '401 403 403 403 yes 403 403';

const calls: readonly Row[] = [
  row('GET /api/v1/calls', signedIn),
  row('GET /api/v1/calls/:id', toTheInvited, ringing),
  row('POST /api/v1/calls', '401 yes 403 yes yes 400 yes', ringTheOwner, 'with the owner'),
  row('POST /api/v1/calls', toMembers, ringTheGroup, 'of a group'),
  row('POST /api/v1/calls/:id/join', toTheInvited, ringing),
  row('POST /api/v1/calls/:id/end', ofTheAuthor, ringing),
  row('POST /api/v1/calls/:id/leave', ofTheAuthor, ringing, 'that is not answered'),
  row('POST /api/v1/calls/:id/reject', byTheInvited, ringing),
  row('call:initiate', '401 yes 403 yes yes 400 yes', ringTheOwner, 'with the owner'),
  row('call:initiate', toMembers, ringTheGroup, 'of a group'),
  row('call:answer', toTheInvited, asInput(ringing, 'callId')),
  row('call:end', ofTheAuthor, asInput(ringing, 'callId')),
  row('call:participant:leave', ofTheAuthor, asInput(ringing, 'callId'), 'that is not answered'),
  row('call:reject', byTheInvited, asInput(ringing, 'callId')),
];

const addSomebody: Asking = async (world) => ({
  params: { id: await world.group() },
  body: { userId: (await world.somebody()).id },
});
const theMember =
  (body?: object): Asking =>
  async (world) => ({
    params: { id: await world.group(), userId: world.people.member.id },
    ...(body === undefined ? {} : { body }),
  });
const byTheOwner = ofTheAuthor;
const hidden = '401 404 404 404 yes yes 404';

const groups: readonly Row[] = [
  row('POST /api/v1/groups', signedIn, () => ({ body: { title: 'mine' } })),
  row('GET /api/v1/groups', signedIn),
  row('GET /api/v1/groups/public', signedIn, () => ({ query: 'query=group' })),
  row('GET /api/v1/groups/:id', signedIn, aGroup('PUBLIC'), 'PUBLIC'),
  row('GET /api/v1/groups/:id', signedIn, aGroup('PRIVATE'), 'PRIVATE'),
  row('GET /api/v1/groups/:id', hidden, aGroup('SECRET'), 'SECRET'),
  row('PATCH /api/v1/groups/:id', byTheOwner, aGroup('PRIVATE', { title: 'changed' })),
  row('PATCH /api/v1/groups/:id', '401 404 404 404 403 yes 404', aGroup('SECRET', { title: 'changed' }), 'SECRET'),
  row('DELETE /api/v1/groups/:id', byTheOwner, aGroup('PRIVATE')),
  row('DELETE /api/v1/groups/:id', '401 404 404 404 403 yes 404', aGroup('SECRET'), 'SECRET'),
  row('GET /api/v1/groups/:id/members', toMembers, aGroup('PRIVATE')),
  row('GET /api/v1/groups/:id/members', hidden, aGroup('SECRET'), 'SECRET'),
  row('POST /api/v1/groups/:id/members', byTheOwner, addSomebody),
  row('PUT /api/v1/groups/:id/members/:userId', byTheOwner, theMember({ role: 'ADMIN' })),
  row('DELETE /api/v1/groups/:id/members/:userId', byTheOwner, theMember()),
  row('POST /api/v1/groups/:id/join', '401 yes yes 403 409 409 yes', aGroup('PUBLIC'), 'PUBLIC'),
  row('POST /api/v1/groups/:id/join', '401 403 403 403 409 409 403', aGroup('PRIVATE'), 'PRIVATE'),
  row('POST /api/v1/groups/:id/join', '401 404 404 404 409 409 404', aGroup('SECRET'), 'SECRET'),
  row('POST /api/v1/groups/:id/leave', '401 403 403 403 yes yes 403', aGroup('PRIVATE')),
];

const pushTo = ({ people }: World) => ({ event: 'news', message: 'Hello', userId: people.owner.id });
const inMeeting =
  (body: object = {}): Asking =>
  async (world) => ({ params: { id: await world.meeting() }, body });
const aMeeting: Asking = async (world) => ({ params: { id: await world.meeting() } });
const toThoseInside = '401 404 404 403 yes yes 404';

/** An administrator is a host of every meeting, and is in none that they have not joined. */
const meetingMessages: readonly Row[] = [
  row('ws:join', '401 404 404 403 yes yes yes', inMeeting()),
  row('ws:ping', '401 404 404 403 yes yes yes', inMeeting()),
  row('ws:participant_update', toThoseInside, inMeeting({ is_muted: true })),
  row('ws:hand_raise', toThoseInside, inMeeting({ is_hand_raised: true })),
  row('ws:chat', toThoseInside, inMeeting({ content: 'Hello' })),
  row('ws:reaction', toThoseInside, inMeeting({ reaction_type: 'thumbs_up' })),
  row('ws:leave', toThoseInside, inMeeting()),
];

/** What is said in a meeting, its breakout rooms and its sound: an administrator is a host who has not joined. */
const talk: readonly Row[] = [
  row('POST /api/v1/meetings/:id/chat', '401 404 404 404 yes yes 404', inMeeting({ content: 'Hello' })),
  row('GET /api/v1/meetings/:id/chat', '401 404 404 404 yes yes yes', aMeeting),
  row('POST /api/v1/meetings/:id/breakout-rooms', '401 404 404 403 403 yes yes', inMeeting({ room_count: 2 })),
  row('GET /api/v1/meetings/:id/breakout-rooms', '401 404 404 404 yes yes yes', aMeeting),
  row(
    'POST /api/v1/meetings/:id/breakout-rooms/assign',
    '401 404 404 404 yes yes 404',
    inMeeting({ breakout_room_id: null }),
    'oneself',
  ),
  row(
    'POST /api/v1/meetings/:id/breakout-rooms/assign',
    '401 404 404 403 403 yes yes',
    async (world) => ({
      params: { id: await world.meeting() },
      body: { participant_user_id: world.people.owner.id, breakout_room_id: null },
    }),
    'the owner',
  ),
  row('DELETE /api/v1/meetings/:id/breakout-rooms', '401 404 404 403 403 yes yes', aMeeting),
  // 500, as documented, for who may: this server has no LiveKit.
  row('POST /api/v1/meetings/:id/token', '401 404 404 403 500 500 403', inMeeting()),
];

const withSomebody =
  (who: (world: World) => string | Promise<string>, body?: object): Asking =>
  async (world) => {
    const user_id = await who(world);
    return { params: { id: await world.meeting(), user_id }, ...(body === undefined ? {} : { body }) };
  };
const whoeverWaits = (world: World): Promise<string> => world.waiting();
const theMemberThere = ({ people }: World): string => people.member.id;
/** Who was removed belongs to the meeting still, as one to be let in again. */
const byItsHosts = '401 404 404 403 403 yes yes';
const inIt = '401 404 404 404 yes yes 404';

const meetingPeople: readonly Row[] = [
  row('POST /api/v1/meetings/:id/join', '401 yes 403 403 yes yes yes', inMeeting()),
  row('POST /api/v1/meetings/:id/leave', inIt, inMeeting()),
  row('GET /api/v1/meetings/:id/participants', '401 404 404 404 yes yes yes', async (world) => ({
    params: { id: await world.meeting() },
  })),
  row('PUT /api/v1/meetings/:id/participants/status', inIt, inMeeting({ is_muted: true })),
  row(
    'PUT /api/v1/meetings/:id/participants/status',
    byItsHosts,
    async (world) => ({
      params: { id: await world.meeting() },
      body: { participant_user_id: await world.waiting(), is_in_waiting_room: false },
    }),
    'of somebody who waits',
  ),
  ...['admit', 'refuse'].map((act) =>
    row(`POST /api/v1/meetings/:id/participants/:user_id/${act}`, byItsHosts, withSomebody(whoeverWaits)),
  ),
  ...['mute', 'remove'].map((act) =>
    row(`POST /api/v1/meetings/:id/participants/:user_id/${act}`, byItsHosts, withSomebody(theMemberThere)),
  ),
  ...['co-host', 'host'].map((role) =>
    row(
      'PUT /api/v1/meetings/:id/participants/:user_id/role',
      byItsHosts,
      withSomebody(theMemberThere, { role }),
      role,
    ),
  ),
  row('POST /api/v1/meetings/:id/security/policy', byItsHosts, inMeeting({ lock_meeting: true })),
];

const aPlan =
  (body?: object): Asking =>
  async (world) => ({ params: { id: await world.plannedMeeting() }, ...(body === undefined ? {} : { body }) });
const toItsPeople = '401 404 404 404 yes yes yes';

/** Who was removed reads nothing of it any more; an administrator is a host of every meeting. */
const meetingLife: readonly Row[] = [
  row('POST /api/v1/meetings', signedIn, () => ({ body: { title: 'mine' } })),
  row(
    'POST /api/v1/meetings',
    '401 yes 403 yes yes yes yes',
    ({ people }) => ({
      body: { title: 'with the owner', invited: [people.owner.id] },
    }),
    'with the owner',
  ),
  row('GET /api/v1/meetings', signedIn),
  ...['', '/status', '/calendar.ics'].flatMap((what) => [
    row(`GET /api/v1/meetings/:id${what}`, toItsPeople, aPlan(), 'that is planned'),
    row(`GET /api/v1/meetings/:id${what}`, toItsPeople, aMeeting, 'under way'),
  ]),
  row('PATCH /api/v1/meetings/:id', byItsHosts, aPlan({ title: 'changed' })),
  row('DELETE /api/v1/meetings/:id', byItsHosts, aPlan(), 'that is planned'),
  row('DELETE /api/v1/meetings/:id', '401 404 404 403 403 409 409', aMeeting, 'under way'),
  row('POST /api/v1/meetings/:id/start', byItsHosts, aPlan(), 'that is planned'),
  row('POST /api/v1/meetings/:id/start', '401 404 404 403 403 409 409', aMeeting, 'under way'),
  row('POST /api/v1/meetings/:id/end', '401 404 404 403 403 400 400', aPlan(), 'that is planned'),
  row('POST /api/v1/meetings/:id/end', byItsHosts, aMeeting, 'under way'),
];

/** The push door in development; in production administrators only. */
const push = (answers: string): readonly Row[] => [
  row('POST /api/gateway/send', answers, (world) => ({ body: pushTo(world) })),
  row('POST /api/gateway/send-many', answers, (world) => ({
    body: { ...pushTo(world), userIds: [world.people.owner.id] },
  })),
  row('GET /api/gateway/status/:userId', answers, ({ people }) => ({ params: { userId: people.owner.id } })),
  row('GET /api/gateway/connected', answers),
  row('GET /api/gateway/stats', answers),
];

export const table: readonly Row[] = [
  ...accounts,
  ...users,
  ...messages,
  ...calls,
  ...groups,
  ...meetingLife,
  ...meetingMessages,
  ...meetingPeople,
  ...talk,
  ...push(signedIn),
  row('message', signedIn, () => ({ body: { message: 'Hello' } })),
];

/** What is answered otherwise in production. */
export const inProduction: readonly Row[] = push(administrators);
