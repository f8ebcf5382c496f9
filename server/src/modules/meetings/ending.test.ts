import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MeetingHouse, openMeetingHouse } from '../../../test/support/meeting-house.ts';
import { eventually } from '../../../test/support/meeting-log.ts';
import type { Meetings } from './meetings.ts';

const minute = 60_000;

async function begun({ meetings, ada, bob }: MeetingHouse): Promise<string> {
  const { id } = await meetings.create(ada, { title: 'x', invited: [bob.id] }, null);
  await meetings.start(ada, id);
  return id;
}

const ended = (house: MeetingHouse, id: string, meetings: Meetings = house.meetings) =>
  eventually(async () => {
    const now = await meetings.status(house.ada, id);
    return now.status === 'ended' ? now : undefined;
  });

/** The timers had the time to do something wrong. */
async function goesOn({ meetings, ada }: MeetingHouse, id: string): Promise<void> {
  await sleep(150);
  assert.equal((await meetings.status(ada, id)).status, 'in_progress');
}

test('a meeting to which nobody comes ends by itself after half an hour', async (t) => {
  const house = await openMeetingHouse(t);
  const id = await begun(house);
  house.clock.forward(30 * minute - 1_000);
  await goesOn(house, id);
  house.clock.forward(1_000);
  const { endedAt, endedById } = await ended(house, id);
  assert.deepEqual([endedAt, endedById], [house.clock.now(), null]);
  const body = (await house.rows()).at(-1)?.body;
  assert.deepEqual(body, { meetingId: id, byId: null, at: endedAt, durationMinutes: 30, participantCount: 0 });
});

test('as long as somebody is in it, and for half an hour behind the last, it goes on', async (t) => {
  const house = await openMeetingHouse(t);
  const { attendance, clock, ada, bob } = house;
  const id = await begun(house);
  clock.forward(29 * minute);
  for (const who of [ada, bob]) await attendance.join(who, id, {});
  clock.forward(60 * minute);
  await goesOn(house, id);
  await attendance.leave(ada, id);
  clock.forward(60 * minute);
  await goesOn(house, id);
  await attendance.leave(bob, id);
  clock.forward(29 * minute);
  await goesOn(house, id);
  clock.forward(minute);
  assert.equal((await ended(house, id)).attendance, 2);
});

test('hosts who came early and left again before the start hold nothing up and end nothing', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, attendance, clock, ada } = house;
  const { id } = await meetings.create(ada, { title: 'x' }, null);
  await attendance.join(ada, id, {});
  await attendance.leave(ada, id);
  clock.forward(45 * minute);
  await sleep(150);
  assert.equal((await meetings.status(ada, id)).status, 'scheduled');
  await meetings.start(ada, id);
  await goesOn(house, id);
  clock.forward(30 * minute);
  await ended(house, id);
});

test('a server that was killed ends it after its next start', async (t) => {
  const house = await openMeetingHouse(t);
  const id = await begun(house);
  const { meetings } = await house.afterKill();
  house.clock.forward(31 * minute);
  await ended(house, id, meetings);
});
