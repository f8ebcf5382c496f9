import { type Call, caller } from '../support/social.ts';

/** Who asks, each in one relation to the owner, and to the owner's groups, messages and calls. */
export const actors = ['nobody', 'stranger', 'blocked', 'former', 'member', 'owner', 'admin'] as const;
export type Actor = (typeof actors)[number];

export type Person = Readonly<{ id: string; token: string; refreshToken: string }>;

/** The people, and what they act on. What was made is given again until `spend`: who is refused has changed nothing. */
export type World = Readonly<{
  url: string;
  call: Call;
  /** `nobody` has no token; `blocked` is blocked by the owner; `admin` is an administrator of the server. */
  people: Readonly<Record<Exclude<Actor, 'nobody'>, Person>>;
  /** Somebody has changed what there was: what is asked for from here on is made anew. */
  spend(): void;
  /** Somebody whom nobody knows. */
  somebody(): Promise<Person>;
  /** A group of the owner, with the member in it and the former one removed. */
  group(type?: 'PRIVATE' | 'PUBLIC' | 'SECRET'): Promise<string>;
  /** A message of the owner in such a group. */
  groupMessage(): Promise<string>;
  /** A message of the owner to the member. */
  directMessage(): Promise<string>;
  /** The owner rings the member. */
  ringing(): Promise<string>;
  /** A meeting of the owner that has begun, with both in it and the former one removed. */
  meeting(): Promise<string>;
  /** One that has not begun, with the member invited and the former one no more. */
  plannedMeeting(): Promise<string>;
  /** Somebody who waits to be let into it; their account's id. */
  waiting(): Promise<string>;
}>;

export type WorldNeeds = Readonly<{
  url: string;
  /** So many people with an account each. */
  sign: (count: number) => Promise<Person[]>;
  admin: Person;
}>;

export async function openWorld({ url, sign, admin }: WorldNeeds): Promise<World> {
  const call = caller(url);
  const [stranger, blocked, former, member, owner] = await sign(5);
  if (!stranger || !blocked || !former || !member || !owner) throw new Error('people are missing');
  const asOwner = async (method: string, path: string, body?: object): Promise<string> => {
    const reply = await call(method, `/api/v1${path}`, { token: owner.token, ...(body === undefined ? {} : { body }) });
    if (reply.status >= 300) throw new Error(`${method} ${path}: ${reply.text}`);
    return idIn(reply.body['data']);
  };
  await asOwner('POST', `/users/${blocked.id}/block`);
  const made = new Map<string, Promise<unknown>>();
  const once = <Made>(key: string, make: () => Promise<Made>): Promise<Made> => {
    const known = (made.get(key) as Promise<Made> | undefined) ?? make();
    made.set(key, known);
    return known;
  };
  const group: World['group'] = (type = 'PRIVATE') =>
    once(`group ${type}`, async () => {
      const id = await asOwner('POST', '/groups', { title: 'a group', type });
      for (const { id: userId } of [member, former]) await asOwner('POST', `/groups/${id}/members`, { userId });
      await asOwner('DELETE', `/groups/${id}/members/${former.id}`);
      return id;
    });
  const world: World = {
    url,
    call,
    people: { stranger, blocked, former, member, owner, admin },
    spend: () => made.clear(),
    somebody: () =>
      once('somebody', async () => {
        const [person] = await sign(1);
        if (person === undefined) throw new Error('nobody came');
        return person;
      }),
    group,
    groupMessage: () =>
      once('group message', async () =>
        asOwner('POST', '/messages', { content: 'to a group', groupId: await group() }),
      ),
    directMessage: () =>
      once('direct message', () => asOwner('POST', '/messages', { content: 'to the member', receiverId: member.id })),
    meeting: () =>
      once('meeting', async () => {
        const id = await asOwner('POST', '/meetings', { title: 'a meeting', invited: [member.id, former.id] });
        await asOwner('POST', `/meetings/${id}/start`);
        for (const { token } of [owner, member, former]) await call('POST', `/api/v1/meetings/${id}/join`, { token });
        await asOwner('POST', `/meetings/${id}/participants/${former.id}/remove`);
        return id;
      }),
    plannedMeeting: () =>
      once('planned meeting', async () => {
        const draft = { title: 'a plan', scheduled_at: '2030-01-01T09:00:00Z', invited: [member.id, former.id] };
        const id = await asOwner('POST', '/meetings', draft);
        await asOwner('POST', `/meetings/${id}/participants/${former.id}/remove`);
        return id;
      }),
    waiting: () =>
      once('waiting', async () => {
        const id = await world.meeting();
        const { id: userId, token } = await world.somebody();
        await asOwner('POST', `/meetings/${id}/security/policy`, { require_waiting_room: true });
        await call('POST', `/api/v1/meetings/${id}/join`, { token });
        return userId;
      }),
    ringing: () => once('call', () => asOwner('POST', '/calls', { type: 'AUDIO', participantIds: [member.id] })),
  };
  return world;
}

/** The id of what was made, whatever the contract calls it. */
function idIn(data: unknown): string {
  if (typeof data !== 'object' || data === null) return '';
  if ('id' in data) return String(data.id);
  if ('meeting_id' in data) return String(data.meeting_id);
  return 'call' in data ? idIn(data.call) : '';
}
