import assert from 'node:assert/strict';
import test from 'node:test';
import { codeOf } from '../../../test/support/identity.ts';
import { openMeetingHouse } from '../../../test/support/meeting-house.ts';
import type { Principal } from '../../kernel/principal.ts';
import type { MeetingFilter } from './schema.ts';

test('a list has what one has to do with, the newest first, by status, time and part in it, in pages', async (t) => {
  const house = await openMeetingHouse(t);
  const { meetings, attendance, ada, bob, carol } = house;
  const plan = async (who: Principal, title: string, more: object = {}) =>
    (await meetings.create(who, { title, ...more }, null)).id;
  await plan(ada, 'december', { scheduled_at: '2026-12-01T09:00:00Z', invited: [bob.id] });
  const running = await plan(ada, 'running', { invited: [bob.id] });
  await plan(bob, 'january', { scheduled_at: '2027-01-01T09:00:00Z', invited: [ada.id] });
  const cancelled = await plan(ada, 'cancelled');
  await plan(carol, 'hidden');
  await meetings.start(ada, running);
  await meetings.cancel(ada, cancelled);
  const titles = async (who: Principal, filter: MeetingFilter = {}, page = { page: 1, limit: 20 }) => {
    const { meetings: found, total } = await meetings.list(who, filter, page);
    return [found.map(({ title }) => title), total];
  };
  assert.deepEqual(await titles(ada), [['cancelled', 'january', 'running', 'december'], 4]);
  assert.deepEqual(await titles(bob), [['january', 'running', 'december'], 3]);
  assert.deepEqual(await titles(ada, { role: 'mine' }), [['cancelled', 'running', 'december'], 3]);
  assert.deepEqual(await titles(ada, { role: 'invited' }), [['january'], 1]);
  assert.deepEqual(await titles(ada, { status: 'scheduled' }), [['january', 'december'], 2]);
  assert.deepEqual(await titles(ada, { status: 'in_progress', role: 'invited' }), [[], 0]);
  const december: MeetingFilter = { from: '2026-12-01T09:00:00Z', to: '2027-01-01T09:00:00Z' };
  assert.deepEqual(await titles(ada, december), [['december'], 1]);
  assert.deepEqual(await titles(ada, { from: '2026-12-01T10:00:01+01:00' }), [['january'], 1]);
  assert.equal(
    await codeOf(meetings.list(ada, { to: '2026-12-31T23:59:60Z' }, { page: 1, limit: 20 })),
    'NO_SUCH_MOMENT',
  );
  assert.deepEqual(await titles(ada, {}, { page: 2, limit: 3 }), [['december'], 4]);
  assert.deepEqual(await titles(ada, {}, { page: 3, limit: 3 }), [[], 4]);
  // Who came without an invitation has it in the list once they were let in, and not any more when they were removed.
  await attendance.applyPolicy(ada, running, { require_waiting_room: true });
  await attendance.join(carol, running, {});
  assert.deepEqual(await titles(carol), [['hidden'], 1]);
  await attendance.admit(ada, running, carol.id);
  assert.deepEqual(await titles(carol), [['hidden', 'running'], 2]);
  await attendance.remove(ada, running, carol.id);
  assert.deepEqual(await titles(carol), [['hidden'], 1]);
});

test('who waits without an invitation learns how a meeting stands and nothing else; a stranger not even that', async (t) => {
  const { meetings, attendance, ada, bob, carol } = await openMeetingHouse(t);
  const { id } = await meetings.create(ada, { title: 'x', policy: { require_waiting_room: true } }, null);
  await meetings.start(ada, id);
  await attendance.join(bob, id, {});
  assert.equal((await meetings.status(bob, id)).status, 'in_progress');
  assert.equal(await codeOf(meetings.read(bob, id)), 'PARTICIPANT_NOT_FOUND');
  assert.equal(await codeOf(meetings.calendar(bob, id)), 'PARTICIPANT_NOT_FOUND');
  for (const act of ['status', 'read', 'calendar'] as const) {
    assert.equal(await codeOf(meetings[act](carol, id)), 'MEETING_NOT_FOUND', act);
  }
  assert.equal((await meetings.read({ ...carol, role: 'ADMIN' }, id)).own, null);
});
