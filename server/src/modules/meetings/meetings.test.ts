import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf } from '../../../test/support/identity.ts';
import { type MeetingHouse, openMeetingHouse } from '../../../test/support/meeting-house.ts';
import { topicOf } from '../../infra/log/topic.ts';
import type { Principal } from '../../kernel/principal.ts';
import { ulidOf } from '../../kernel/ulid.ts';
import { meetingEvents } from './events.ts';
import { type PersonRow, tablesOf } from './store.ts';

const nobody = '01a1f882-7bfe-71a4-985d-bffc948debe8';

const peopleOf = ({ sql }: MeetingHouse): Promise<PersonRow[]> =>
  tablesOf(sql.read).selectFrom('meeting_people').selectAll().orderBy('meeting').orderBy('account').execute();

const numberOf = async ({ sql }: MeetingHouse): Promise<number> =>
  (await tablesOf(sql.read).selectFrom('meetings').select('id').executeTakeFirstOrThrow()).id;

const statusOf = async ({ meetings }: MeetingHouse, who: Principal, id: string): Promise<string> =>
  (await meetings.status(who, id)).status;

test('who plans a meeting is its creator and host; whom it invites has a place in it', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, ada, bob, carol, clock } = house;
  const made = await meetings.create(
    ada,
    {
      title: 'Weekly',
      description: 'é 🚀',
      scheduled_at: '2026-12-01T10:00:00+01:00',
      time_zone: 'Europe/Berlin',
      duration_minutes: 30,
      invited: [bob.id, ulidOf(carol.id), bob.id.toUpperCase(), ada.id],
      policy: { lock_meeting: true, allowed_domains: ['Example.ORG'], require_password: true, password: 'sesame' },
    },
    null,
  );
  const { id, own, forHosts, ...meeting } = made;
  assert.deepEqual(meeting, {
    title: 'Weekly',
    description: 'é 🚀',
    creatorId: ada.id,
    hostId: ada.id,
    status: 'scheduled',
    scheduledAt: Date.UTC(2026, 11, 1, 9),
    timeZone: 'Europe/Berlin',
    durationMinutes: 30,
    startedAt: null,
    startedById: null,
    endedAt: null,
    endedById: null,
    attendance: 0,
    present: 0,
    isRecording: false,
    createdAt: clock.now(),
    updatedAt: clock.now(),
  });
  assert.deepEqual(own, { role: 'host', status: 'invited' });
  assert.deepEqual([forHosts?.policy.lock, forHosts?.policy.allowedDomains], [true, ['example.org']]);
  assert.deepEqual(
    forHosts?.invited.map(({ userId, role, status }) => [userId, role, status]),
    [bob, carol].map((who) => [who.id, 'attendee', 'invited']),
  );
  assert.deepEqual(
    (await peopleOf(house)).map(({ account, role, status, invited }) => [account, role, status, invited]),
    [
      [ada.account, 'host', 'invited', 0],
      [bob.account, 'attendee', 'invited', 1],
      [carol.account, 'attendee', 'invited', 1],
    ],
  );
  const seen = await meetings.read(bob, ulidOf(id));
  assert.deepEqual([seen.id, seen.forHosts, seen.own], [id, null, { role: 'attendee', status: 'invited' }]);
  assert.doesNotMatch(JSON.stringify([made, seen, await house.rows()]), /sesame|argon/);
});

test('a key makes one meeting, also for those who ask at once; another input is refused; nothing is kept of a password', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, ada, bob } = house;
  const draft = { title: 'Once', invited: [bob.id] };
  const made = await Promise.all([1, 2, 3, 4].map(() => meetings.create(ada, draft, 'key-00001')));
  assert.equal(new Set(made.map(({ id }) => id)).size, 1);
  assert.equal(await codeOf(meetings.create(ada, { ...draft, title: 'Twice' }, 'key-00001')), 'KEY_REUSED');
  assert.notEqual((await meetings.create(bob, { title: 'Once' }, 'key-00001')).id, made[0]?.id);
  const secret = (password: string) => ({ title: 'Safe', policy: { require_password: true, password } });
  const first = await meetings.create(ada, secret('one'), 'key-00002');
  assert.equal((await meetings.create(ada, secret('two'), 'key-00002')).id, first.id);
  assert.equal(await codeOf(meetings.create(ada, { title: 'Safe' }, 'key-00002')), 'KEY_REUSED');
});

test('a refused draft leaves nothing: unknown people, blocks, zones and times that there are not', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, identity, ada, bob, carol } = house;
  await identity.block(bob, ada.id);
  await identity.block(ada, carol.id);
  const [dan] = await house.people(1);
  assert.ok(dan);
  await identity.deleteAccount(dan, dan.id);
  const refused: [draft: object, code: string][] = [
    [{ invited: [nobody] }, 'USER_NOT_FOUND'],
    [{ invited: ['nonsense'] }, 'USER_NOT_FOUND'],
    [{ invited: [dan.id] }, 'USER_NOT_FOUND'],
    [{ invited: [bob.id] }, 'INVITATION_BLOCKED'],
    [{ invited: [carol.id] }, 'INVITATION_BLOCKED'],
    [{ time_zone: 'Mars/Olympus' }, 'NO_SUCH_ZONE'],
    [{ scheduled_at: '2026-12-31T23:59:60Z' }, 'NO_SUCH_MOMENT'],
    [{ policy: { require_password: true } }, 'PASSWORD_NEEDED'],
    [{ policy: { blocked_users: [nobody] } }, 'USER_NOT_FOUND'],
  ];
  for (const [draft, code] of refused) {
    assert.equal(
      await codeOf(meetings.create(ada, { title: 'x', ...draft }, 'key-00001')),
      code,
      JSON.stringify(draft),
    );
  }
  assert.deepEqual(await peopleOf(house), []);
  assert.equal(await codeOf(meetings.create(dan, { title: 'x' }, null)), 'UNAUTHENTICATED');
});

test('a meeting invites five hundred people', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, ada } = house;
  const invited = (await house.people(500)).map(({ id }) => id);
  const { id, forHosts } = await meetings.create(ada, { title: 'Crowd', invited }, null);
  assert.equal(forHosts?.invited.length, 500);
  const fewer = await meetings.update(ada, id, { invited: invited.slice(250) });
  assert.equal(fewer.forHosts?.invited.length, 250);
  assert.equal((await peopleOf(house)).length, 251);
});

test('what is named is changed, and who is invited are exactly those who are named', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, attendance, ada, bob, carol } = house;
  const [dan] = await house.people(1);
  assert.ok(dan);
  const { id } = await meetings.create(ada, { title: 'Weekly', description: 'old', invited: [bob.id, carol.id] }, null);
  const changed = await meetings.update(ada, id, { title: 'Daily', description: null, invited: [carol.id, dan.id] });
  assert.deepEqual([changed.title, changed.description, changed.scheduledAt], ['Daily', null, null]);
  assert.equal(await codeOf(meetings.read(bob, id)), 'MEETING_NOT_FOUND');
  assert.equal((await meetings.read(dan, id)).title, 'Daily');
  assert.equal(await codeOf(meetings.update(dan, id, { title: 'Mine' })), 'HOST_ONLY');
  assert.equal(await codeOf(meetings.update(bob, id, { title: 'Mine' })), 'MEETING_NOT_FOUND');
  // Who was there stays part of what was; who was removed does not come back by an invitation.
  await meetings.start(ada, id);
  for (const who of [carol, dan]) await attendance.join(who, id, {});
  await attendance.remove(ada, id, dan.id);
  await meetings.update(ada, id, { invited: [] });
  await meetings.update(ada, id, { invited: [dan.id] });
  const people = (await peopleOf(house)).map(({ account, status, invited }) => [account, status, invited]);
  assert.deepEqual(people.slice(1), [
    [carol.account, 'joined', 0],
    [dan.account, 'removed', 1],
  ]);
  assert.equal(await codeOf(meetings.read(dan, id)), 'PARTICIPANT_NOT_FOUND');
  assert.equal(await codeOf(meetings.update(ada, id, { scheduled_at: null })), 'ALREADY_ACTIVE');
});

test('the host is not among the invited of somebody else, however the list reads', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, attendance, ada, bob } = house;
  const { id } = await meetings.create(ada, { title: 'x', invited: [bob.id] }, null);
  await meetings.start(ada, id);
  for (const who of [ada, bob]) await attendance.join(who, id, {});
  await attendance.setRole(ada, id, { userId: bob.id, role: 'co-host' });
  await meetings.update(bob, id, { invited: [ada.id, bob.id] });
  await meetings.update(bob, id, { invited: [] });
  const people = (await peopleOf(house)).map(({ account, role, invited }) => [account, role, invited]);
  assert.deepEqual(people, [
    [ada.account, 'host', 0],
    [bob.account, 'co-host', 0],
  ]);
});

test('each status refuses what does not belong to it', async (t) => {
  const { meetings, ada, bob } = await openMeetingHouse(t);
  const plan = async () => (await meetings.create(ada, { title: 'x', invited: [bob.id] }, null)).id;
  const asks = async (id: string): Promise<string[]> => [
    await codeOf(meetings.update(ada, id, { title: 'y' })),
    await codeOf(meetings.cancel(ada, id)),
    await codeOf(meetings.start(ada, id)),
    await codeOf(meetings.end(ada, id)),
  ];
  const [active, ended, cancelled] = [await plan(), await plan(), await plan()];
  for (const id of [active, ended]) {
    assert.equal(await codeOf(meetings.end(ada, id)), 'NOT_ACTIVE');
    await meetings.start(ada, id);
  }
  await meetings.end(ada, ended);
  await meetings.cancel(ada, cancelled);
  for (const act of ['start', 'end', 'cancel'] as const) {
    assert.equal(await codeOf(meetings[act](bob, active)), 'HOST_ONLY', act);
  }
  assert.deepEqual(await asks(active), ['no refusal', 'ALREADY_ACTIVE', 'ALREADY_ACTIVE', 'no refusal']);
  assert.deepEqual(await asks(ended), ['ENDED', 'ENDED', 'ENDED', 'ENDED']);
  assert.deepEqual(await asks(cancelled), ['CANCELLED', 'no refusal', 'CANCELLED', 'CANCELLED']);
});

test('of those who start or end a meeting at once one does it', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, ada } = house;
  const { id } = await meetings.create(ada, { title: 'x' }, null);
  const codes = await Promise.all([1, 2, 3, 4].map(() => codeOf(meetings.start(ada, id))));
  assert.deepEqual(codes.sort(), ['ALREADY_ACTIVE', 'ALREADY_ACTIVE', 'ALREADY_ACTIVE', 'no refusal']);
  const ends = await Promise.all([1, 2, 3].map(() => codeOf(meetings.end(ada, id))));
  assert.deepEqual(ends.sort(), ['ENDED', 'ENDED', 'no refusal']);
  const types = (await house.rows()).map(({ type }) => type);
  assert.deepEqual(types, [meetingEvents.started, meetingEvents.ended]);
});

test('the end is the last that is heard of a meeting, by everybody who was in it', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, attendance, log, clock, ada, bob, carol } = house;
  const { id } = await meetings.create(ada, { title: 'x', invited: [bob.id, carol.id] }, null);
  await meetings.start(ada, id);
  await attendance.applyPolicy(ada, id, {});
  for (const who of [ada, bob]) await attendance.join(who, id, {});
  await attendance.applyPolicy(ada, id, { require_waiting_room: true });
  await attendance.join(carol, id, {});
  clock.forward(61 * 60_000 + 59_000);
  const ended = await meetings.end(ada, id);
  assert.deepEqual(ended, { meetingId: id, byId: ada.id, at: clock.now(), durationMinutes: 61, participantCount: 2 });
  const rows = await house.rows();
  const last = rows.at(-1);
  const topic = topicOf('meeting', await numberOf(house));
  assert.deepEqual([last?.topic, last?.type, last?.body], [topic, meetingEvents.ended, ended]);
  for (const { account } of [ada, bob]) {
    const interval = (await log.intervals(account, 0)).find((one) => one.topic === topic);
    assert.equal(interval?.to, last?.seq);
  }
  // Who waited has heard it too, and nothing of the others.
  const told = rows.filter(({ topic: to, peer }) => [to, peer].includes(topicOf('user', carol.account)));
  assert.deepEqual(
    told.map(({ body }) => (body as { status: string }).status),
    ['waiting', 'left'],
  );
  assert.equal((await log.intervals(carol.account, 0)).filter((one) => one.topic === topic).length, 0);
  const people = (await peopleOf(house)).map(({ status, left_at }) => [status, left_at]);
  assert.deepEqual(people, Array(3).fill(['left', clock.now()]));
  const after = await meetings.status(bob, id);
  assert.deepEqual([after.status, after.attendance, after.present], ['ended', 2, 0]);
  assert.equal(await codeOf(attendance.join(bob, id, {})), 'ENDED');
});

test('hosts who came early leave a meeting that is cancelled', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, attendance, ada } = house;
  const { id } = await meetings.create(ada, { title: 'x' }, null);
  await attendance.join(ada, id, {});
  const cancelled = await meetings.cancel(ada, id);
  assert.deepEqual([cancelled.status, cancelled.present, cancelled.own?.status], ['cancelled', 0, 'left']);
  const last = (await house.rows()).at(-1);
  const leave = { kind: 'leave', account: ada.account, topic: topicOf('meeting', await numberOf(house)) };
  assert.deepEqual([last?.type, last?.moves], [meetingEvents.cancelled, [leave]]);
});

test('an account that is deleted has planned nothing, is in nothing and is invited to nothing', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, attendance, identity, ada, bob, carol } = house;
  const plan = async (who: Principal, ...invited: Principal[]) =>
    (await meetings.create(who, { title: 'x', invited: invited.map(({ id }) => id) }, null)).id;
  const planned = await plan(ada, bob);
  const running = await plan(ada, bob);
  const over = await plan(ada, bob);
  const others = await plan(bob, ada, carol);
  for (const id of [running, over]) await meetings.start(ada, id);
  await meetings.end(ada, over);
  for (const who of [ada, bob]) await attendance.join(who, running, {});
  await identity.deleteAccount(ada, ada.id);
  assert.equal(await statusOf(house, bob, planned), 'cancelled');
  assert.equal(await statusOf(house, bob, over), 'ended');
  const goesOn = await meetings.read(bob, running);
  assert.deepEqual([goesOn.status, goesOn.hostId, goesOn.present], ['in_progress', bob.id, 1]);
  const { forHosts } = await meetings.read(bob, others);
  assert.deepEqual(
    forHosts?.invited.map(({ userId }) => userId),
    [carol.id],
  );
});
