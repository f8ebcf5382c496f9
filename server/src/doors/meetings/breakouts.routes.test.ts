import assert from 'node:assert/strict';
import test from 'node:test';
import { dueTimes, eventually, heardBy, makeDue } from '../../../test/support/meeting-log.ts';
import { type Data, type MeetingsServer, openMeetings } from '../../../test/support/meetings.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import type { SignedIn } from '../../modules/identity/index.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';
const idOf = ({ principal }: SignedIn): string => ulidOf(principal.id);

/** A meeting of ada with these in it, bob and carol unless said; dan is a stranger. */
async function gathered(house: MeetingsServer, others = [house.bob, house.carol]): Promise<string> {
  const id = await house.begin(house.ada, others);
  for (const who of others) await house.get(who, 'POST', `/${id}/join`, {});
  return id;
}

async function open({ get, ada }: MeetingsServer, id: string, draft: Data): Promise<Data[]> {
  return (await get(ada, 'POST', `/${id}/breakout-rooms`, draft)) as unknown as Data[];
}
const list = async ({ get, ada }: MeetingsServer, id: string): Promise<Data[]> =>
  (await get(ada, 'GET', `/${id}/breakout-rooms`)) as unknown as Data[];
const counts = (rooms: readonly Data[]) => rooms.map((room) => room['current_participants']);
const roomOf = (rooms: readonly Data[], index: number): string => String(rooms[index]?.['room_id']);

/** What an account heard of the breakout rooms as a whole. */
const statesHeard = async ({ server }: MeetingsServer, who: SignedIn): Promise<unknown[]> =>
  (await heardBy(server, who)).filter(({ type }) => type === 'meeting.rooms').map(({ body }) => body['state']);

const assignTo = (room: string | null, who?: SignedIn, assignment_type = 'manual') => ({
  breakout_room_id: room,
  assignment_type,
  ...(who === undefined ? {} : { participant_user_id: idOf(who) }),
});

test('breakout rooms are for who has a token', async (t) => {
  const { ask } = await openMeetings(t);
  for (const [method, path] of [
    ['GET', ''],
    ['POST', ''],
    ['DELETE', ''],
    ['POST', '/assign'],
  ] as const) {
    const body = method === 'POST' ? { room_count: 2 } : undefined;
    const answer = await ask(undefined, method, `/${nobody}/breakout-rooms${path}`, body);
    assert.deepEqual([answer.status, answer.body['code']], [401, 'UNAUTHORIZED']);
  }
});

test('[meetings:POST /api/v1/meetings/{id}/breakout-rooms] there are as many rooms as are counted or named, whichever are more', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, ask } = house;
  const id = await gathered(house);
  const named = {
    name: 'Breakout Room 1',
    description: 'Discussion group for project planning',
    capacity: 5,
    settings: { allow_chat: true, allow_screen_share: false },
  };
  const answer = await ask(ada, 'POST', `/${id}/breakout-rooms`, {
    room_count: 3,
    rooms: [named],
    auto_assign: false,
    allow_participants_to_choose: true,
    allow_participants_to_return: true,
    time_limit_minutes: 30,
  });
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body['message'], 'Breakout rooms created successfully');
  const made = answer.body['data'] as Data[];
  const open_ = { current_participants: 0, is_active: true };
  assert.deepEqual(
    made.map(({ room_id, closes_at, ...room }) => room),
    [
      { ...named, ...open_ },
      ...[2, 3].map((number) => ({
        name: `Breakout Room ${number}`,
        description: null,
        capacity: 5,
        settings: { allow_chat: true, allow_screen_share: true },
        ...open_,
      })),
    ],
  );
  assert.match(roomOf(made, 0), /^[0-9A-HJKMNP-TV-Z]{26}$/);
  const left = Date.parse(String(made[0]?.['closes_at'])) - Date.now();
  assert.ok(left > 29 * 60_000 && left <= 30 * 60_000, `${left}`);
  assert.deepEqual(await list(house, id), made);
  assert.equal((await open(house, id, { room_count: 1, rooms: [{ name: 'a' }, { name: 'b' }] })).length, 2);
  for (const wrong of [
    {},
    { rooms: [] },
    { room_count: 0 },
    { room_count: 51 },
    { rooms: Array.from({ length: 51 }, () => ({})) },
    { room_count: 1, time_limit_minutes: 0 },
    { rooms: [{ capacity: 0 }] },
    { rooms: [{ name: '' }] },
  ]) {
    const refused = await ask(ada, 'POST', `/${id}/breakout-rooms`, wrong);
    assert.deepEqual([refused.status, refused.body['code']], [400, 'VALIDATION_ERROR'], JSON.stringify(wrong));
  }
  assert.equal((await list(house, id)).length, 2, 'what was refused has changed nothing');
  assert.equal((await ask(bob, 'GET', `/${id}/breakout-rooms`)).status, 200);
});

test('[meetings:rule breakout rooms are host only] who is no host opens, closes and assigns nothing', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, dan, ask, schedule } = house;
  const id = await gathered(house);
  const rooms = await open(house, id, { room_count: 2 });
  for (const [who, status, code] of [
    [bob, 403, 'INSUFFICIENT_PERMISSION'],
    [dan, 404, 'MEETING_NOT_FOUND'],
  ] as const) {
    for (const [method, path, body] of [
      ['POST', '', { room_count: 1 }],
      ['DELETE', '', undefined],
      ['POST', '/assign', assignTo(roomOf(rooms, 0), carol)],
    ] as const) {
      const answer = await ask(who, method, `/${id}/breakout-rooms${path}`, body);
      assert.deepEqual([answer.status, answer.body['code']], [status, code], `${method} ${path}`);
    }
  }
  const later = await schedule(ada, [bob]);
  const early = await ask(ada, 'POST', `/${later}/breakout-rooms`, { room_count: 2 });
  assert.deepEqual([early.status, early.body['code']], [400, 'MEETING_NOT_ACTIVE']);
});

test('[meetings:POST /api/v1/meetings/{id}/breakout-rooms/assign] [meetings:enum assignment_type] a host puts people into rooms, from one to another, where the fewest are, and back', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, dan, ask, get } = house;
  const id = await gathered(house);
  const rooms = await open(house, id, { room_count: 2 });
  const assign = (body: Data) => ask(ada, 'POST', `/${id}/breakout-rooms/assign`, body);
  const answer = await assign(assignTo(roomOf(rooms, 0), bob));
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.body['message'], 'Participant assigned to breakout room successfully');
  const [first, second] = [roomOf(rooms, 0), roomOf(rooms, 1)];
  assert.deepEqual(answer.body['data'], { participant_user_id: idOf(bob), breakout_room_id: first });
  assert.deepEqual(counts(await list(house, id)), [1, 0]);
  const auto = await assign(assignTo(null, carol, 'auto'));
  assert.deepEqual(auto.body['data'], { participant_user_id: idOf(carol), breakout_room_id: second });
  await assign(assignTo(second, bob));
  await assign(assignTo(second, bob));
  assert.deepEqual(counts(await list(house, id)), [0, 2], 'once more changes nothing');
  await assign(assignTo(null, carol));
  assert.deepEqual(counts(await list(house, id)), [0, 1]);
  const moved = (await heardBy(server, ada)).filter(({ type }) => type === 'meeting.room_moved');
  assert.deepEqual(
    moved.map(({ body }) => [body['userId'], body['roomId'] === null ? null : ulidOf(String(body['roomId']))]),
    [
      [bob.principal.id, first],
      [carol.principal.id, second],
      [bob.principal.id, second],
      [carol.principal.id, null],
    ],
  );
  for (const [body, status, code] of [
    [assignTo(nobody, bob), 404, 'BREAKOUT_ROOM_NOT_FOUND'],
    [assignTo('no-id', bob), 404, 'BREAKOUT_ROOM_NOT_FOUND'],
    [assignTo(first, dan), 404, 'PARTICIPANT_NOT_FOUND'],
    [{ ...assignTo(first), participant_user_id: 'no-id' }, 404, 'PARTICIPANT_NOT_FOUND'],
    [assignTo(first, bob, 'random'), 400, 'VALIDATION_ERROR'],
  ] as const) {
    const refused = await assign(body);
    assert.deepEqual([refused.status, refused.body['code']], [status, code], refused.text);
  }
  await get(bob, 'POST', `/${id}/leave`);
  assert.deepEqual(counts(await list(house, id)), [0, 0], 'who leaves the meeting leaves the room');
});

test('[meetings:rule breakout options] people choose and return where they may, are spread where it is wanted, and a room has its own settings', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, carol, dan, ask, get } = house;
  const id = await gathered(house, [bob, carol, dan]);
  const tries = async (who: SignedIn, body: Data) => {
    const { status, body: answer } = await ask(who, 'POST', `/${id}/breakout-rooms/assign`, body);
    return status === 200 ? 'done' : answer['code'];
  };
  const closed = await open(house, id, { room_count: 2, allow_participants_to_return: false });
  assert.equal(await tries(bob, assignTo(roomOf(closed, 0), undefined, 'self')), 'INSUFFICIENT_PERMISSION');
  assert.equal(await tries(ada, assignTo(roomOf(closed, 0), bob)), 'done');
  assert.equal(await tries(bob, assignTo(null, bob, 'self')), 'INSUFFICIENT_PERMISSION');
  assert.equal(await tries(ada, assignTo(null, bob)), 'done');
  const settings = { allow_chat: false, allow_screen_share: false };
  const chosen = await open(house, id, { rooms: [{ settings }, {}], allow_participants_to_choose: true });
  assert.equal(await tries(carol, assignTo(roomOf(closed, 0), carol, 'self')), 'BREAKOUT_ROOM_NOT_FOUND', 'replaced');
  await get(bob, 'PUT', `/${id}/participants/status`, { is_screen_sharing: true });
  assert.equal(await tries(bob, assignTo(roomOf(chosen, 0), undefined, 'self')), 'done');
  assert.equal((await ask(bob, 'POST', `/${id}/chat`, { content: 'a' })).body['code'], 'CHAT_DISABLED');
  const people = (await get(ada, 'GET', `/${id}/participants`)) as unknown as Data[];
  assert.equal(people.find(({ user_id }) => user_id === idOf(bob))?.['is_screen_sharing'], false);
  const shares = await ask(bob, 'PUT', `/${id}/participants/status`, { is_screen_sharing: true });
  assert.deepEqual([shares.status, shares.body['code']], [403, 'SCREEN_SHARE_DISABLED']);
  assert.equal(await tries(bob, assignTo(null)), 'done');
  assert.equal(await tries(bob, assignTo(roomOf(chosen, 1), carol, 'self')), 'INSUFFICIENT_PERMISSION', 'others');
  const spread = await open(house, id, { room_count: 2, rooms: [{ capacity: 1 }, {}], auto_assign: true });
  assert.deepEqual(counts(spread), [1, 2], 'the attendees, and not the host');
});

test('in a breakout room the chat is the room’s', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, dan, get } = house;
  const id = await gathered(house, [bob, carol, dan]);
  const rooms = await open(house, id, { room_count: 2, allow_participants_to_choose: true });
  for (const [who, index] of [
    [bob, 0],
    [carol, 0],
    [dan, 1],
  ] as const) {
    await get(who, 'POST', `/${id}/breakout-rooms/assign`, assignTo(roomOf(rooms, index)));
  }
  const say = (who: SignedIn, content: string, more: Data = {}) =>
    get(who, 'POST', `/${id}/chat`, { content, ...more });
  assert.equal((await say(bob, 'in room 1'))['breakout_room_id'], roomOf(rooms, 0));
  await say(dan, 'in room 2');
  await say(ada, 'to all');
  await say(bob, 'across', { recipient_id: idOf(dan) });
  const expected = [
    [ada, ['to all'], ['to all']],
    [bob, ['in room 1', 'to all', 'across'], ['in room 1', 'to all', 'across']],
    [carol, ['in room 1', 'to all'], ['in room 1', 'to all']],
    [dan, ['in room 2', 'to all', 'across'], ['in room 2', 'to all', 'across']],
  ] as const;
  const shown = async (who: SignedIn) =>
    ((await get(who, 'GET', `/${id}/chat`)) as unknown as Data[]).map(({ content }) => content);
  const heard = async (who: SignedIn) =>
    (await heardBy(server, who)).filter(({ type }) => type === 'meeting.chat').map(({ body }) => body['content']);
  for (const [who, history, told] of expected) {
    assert.deepEqual(await shown(who), history);
    assert.deepEqual(await heard(who), told);
  }
  await get(ada, 'DELETE', `/${id}/breakout-rooms`);
  await say(carol, 'together again');
  assert.deepEqual(await shown(bob), ['to all', 'across', 'together again']);
  assert.equal((await heard(dan)).at(-1), 'together again');
});

test('threat M-9: a room holds what it may under fifty choices at once, and nobody is lost or doubled', {
  timeout: 120_000,
}, async (t) => {
  const house = await openMeetings(t);
  const { server, get, ask } = house;
  const crowd = await server.people(50);
  const id = await gathered(house, crowd);
  const rooms = await open(house, id, {
    rooms: [{ capacity: 5 }, { capacity: 7 }, {}],
    allow_participants_to_choose: true,
  });
  const choose = async (who: SignedIn, index: number) =>
    (await ask(who, 'POST', `/${id}/breakout-rooms/assign`, assignTo(roomOf(rooms, index), undefined, 'self'))).body;
  const answers = await Promise.all(crowd.map((who) => choose(who, 0)));
  assert.equal(answers.filter(({ status }) => status === 'success').length, 5);
  assert.deepEqual(new Set(answers.map(({ code }) => code)), new Set([undefined, 'MAX_PARTICIPANTS_REACHED']));
  assert.deepEqual(counts(await list(house, id)), [5, 0, 0]);
  // Everybody runs from room to room at once.
  await Promise.all(crowd.flatMap((who, index) => [choose(who, index % 3), choose(who, (index + 1) % 3)]));
  const now = await list(house, id);
  const people = (await get(house.ada, 'GET', `/${id}/participants?limit=100`)) as unknown as Data[];
  const inside = now.map(({ room_id }) => people.filter(({ breakout_room_id }) => breakout_room_id === room_id).length);
  assert.deepEqual(counts(now), inside, 'what is counted is who is there');
  assert.ok(Number(inside[0]) <= 5 && Number(inside[1]) <= 7, String(inside));
  assert.equal(people.length, 51);
});

test('threat M-9: nobody comes into rooms that are closed, were replaced, or are of another meeting', async (t) => {
  const house = await openMeetings(t);
  const { ada, bob, ask, get } = house;
  const id = await gathered(house);
  const other = await gathered(house);
  const elsewhere = await open(house, other, { room_count: 1, allow_participants_to_choose: true });
  const former = await open(house, id, { room_count: 1, allow_participants_to_choose: true });
  const rooms = await open(house, id, { room_count: 1, allow_participants_to_choose: true });
  const refused = async (room: string) => {
    for (const who of [bob, ada]) {
      const answer = await ask(who, 'POST', `/${id}/breakout-rooms/assign`, assignTo(room));
      assert.deepEqual([answer.status, answer.body['code']], [404, 'BREAKOUT_ROOM_NOT_FOUND']);
    }
  };
  await refused(roomOf(elsewhere, 0));
  await refused(roomOf(former, 0));
  await get(bob, 'POST', `/${id}/breakout-rooms/assign`, assignTo(roomOf(rooms, 0)));
  const closed = (await get(ada, 'DELETE', `/${id}/breakout-rooms`)) as unknown as Data[];
  assert.deepEqual(
    closed.map(({ is_active, current_participants }) => [is_active, current_participants]),
    [[false, 0]],
  );
  await refused(roomOf(rooms, 0));
  const back = await get(bob, 'POST', `/${id}/breakout-rooms/assign`, assignTo(null));
  assert.equal(back['breakout_room_id'], null);
});

test('rooms close by themselves after their time, with a warning before, also when the server was away meanwhile', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, get } = house;
  const id = await gathered(house);
  const between = async (minutes: number, before: number) => {
    const at = Date.now();
    await open(house, id, { room_count: 1, time_limit_minutes: minutes, auto_assign: true });
    const [closing] = await dueTimes(server, 'meetings.rooms_close');
    const [warning] = await dueTimes(server, 'meetings.rooms_warning');
    assert.equal(Number(closing) - Number(warning), before);
    assert.ok(Math.abs(Number(closing) - at - minutes * 60_000) < 5_000);
  };
  await between(1, 30_000);
  await between(2, 60_000);
  await between(30, 60_000);
  await makeDue(server, 'meetings.rooms_warning');
  await eventually(async () => ((await statesHeard(house, bob)).at(-1) === 'closing' ? true : undefined));
  assert.deepEqual(counts(await list(house, id)), [2], 'the warning closes nothing');
  await server.stop();
  await server.restart();
  assert.deepEqual(counts(await list(house, id)), [2]);
  await makeDue(server, 'meetings.rooms_close');
  await server.restart();
  await eventually(async () => ((await statesHeard(house, bob)).at(-1) === 'closed' ? true : undefined));
  const [room] = await list(house, id);
  assert.deepEqual([room?.['is_active'], room?.['current_participants'], room?.['closes_at']], [false, 0, null]);
  await get(bob, 'POST', `/${id}/chat`, { content: 'back' });
  const told = (await heardBy(server, ada)).findLast(({ type }) => type === 'meeting.chat');
  assert.equal(told?.body['content'], 'back');
});

test('a timer of rooms that were replaced or closed does nothing to those that came after', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, get } = house;
  const id = await gathered(house);
  await open(house, id, { room_count: 1, time_limit_minutes: 5 });
  await open(house, id, { room_count: 2 });
  assert.deepEqual(await dueTimes(server, 'meetings.rooms_close'), []);
  await open(house, id, { room_count: 3, time_limit_minutes: 5 });
  await get(ada, 'POST', `/${id}/end`);
  await makeDue(server, 'meetings.rooms_close');
  await eventually(async () => ((await dueTimes(server, 'meetings.rooms_close')).length === 0 ? true : undefined));
  assert.deepEqual((await statesHeard(house, ada)).filter((state) => state === 'closed').length, 3, 'each once');
});
