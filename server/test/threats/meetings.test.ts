import assert from 'node:assert/strict';
import test from 'node:test';
import { newId } from '../../src/kernel/ids.ts';
import { ulidText } from '../../src/kernel/ulid.ts';
import { rowsOf } from '../support/meeting-rows.ts';
import { openMeetings } from '../support/meetings.ts';
import type { Reply } from '../support/social.ts';

/** What can be asked of one meeting by who has its id. */
const asks: readonly (readonly [method: string, path: string, body?: object])[] = [
  ['GET', ''],
  ['PATCH', '', { title: 'mine' }],
  ['DELETE', ''],
  ['GET', '/status'],
  ['GET', '/calendar.ics'],
  ['POST', '/start'],
  ['POST', '/end'],
  ['GET', '/participants'],
  ['GET', '/chat'],
];

/** An answer without what differs with the time. */
const said = ({ status, body: { timestamp: _, ...body } }: Reply) => JSON.stringify([status, body]);

test('threat M-10: ids of meetings cannot be guessed, and of others nothing tells whether they exist', async (t) => {
  const { ada, bob, carol, ask, schedule } = await openMeetings(t);
  const made = await Promise.all(Array.from({ length: 50 }, () => schedule(ada, [carol])));
  // Behind the time, in the first ten letters, there is chance: two ids of one moment differ in almost all the rest.
  const tails = made.map((id) => id.slice(-12));
  assert.equal(new Set(tails).size, 50);
  for (let place = 0; place < 12; place += 1) assert.ok(new Set(tails.map((tail) => tail[place])).size > 10);
  const [id = ''] = made;
  const near = id.slice(0, -1) + (id.endsWith('0') ? '1' : '0');
  for (const [method, path, body] of asks) {
    const real = said(await ask(bob, method, `/${id}${path}`, body));
    assert.equal(JSON.parse(real)[0], 404, `${method} ${path}`);
    for (const other of [near, ulidText(newId()), 'nonsense', '0', '%00', 'a'.repeat(64)]) {
      assert.equal(said(await ask(bob, method, `/${other}${path}`, body)), real, `${method} /${other}${path}`);
    }
  }
});

test('threat M-10: a meeting that has ended stays ended, whoever comes with its id', async (t) => {
  const house = await openMeetings(t);
  const { server, ada, bob, carol, ask, get, begin } = house;
  const id = await begin(ada, [bob]);
  await get(bob, 'POST', `/${id}/join`, {});
  await get(ada, 'POST', `/${id}/end`);
  const before = await rowsOf(server);
  for (const who of [ada, bob, carol]) {
    assert.equal((await ask(who, 'POST', `/${id}/join`, {})).status, 410);
    assert.ok([404, 410].includes((await ask(who, 'POST', `/${id}/leave`)).status));
    for (const act of ['start', 'end']) {
      const { status } = await ask(who, 'POST', `/${id}/${act}`);
      assert.equal(status, who === ada ? 410 : who === bob ? 403 : 404, act);
    }
  }
  const after = await rowsOf(server);
  assert.deepEqual(after, before);
  assert.equal((await get(bob, 'GET', `/${id}/status`))['status'], 'ended');
});

test('threat M-10: who comes first is nobody: an id makes no meeting, and no host of who holds it', async (t) => {
  const { ada, bob, ask, get, schedule, server } = await openMeetings(t);
  const id = await schedule(ada);
  assert.deepEqual(
    [(await ask(bob, 'POST', `/${id}/join`, {})).status, (await ask(bob, 'POST', `/${id}/start`)).status],
    [400, 404],
  );
  await get(ada, 'POST', `/${id}/start`);
  // Who has the id may come in, and is no more than a guest there, though nobody else is.
  assert.equal((await get(bob, 'POST', `/${id}/join`, {}))['role'], 'attendee');
  for (const [method, path, body] of [
    ['POST', '/end'],
    ['PATCH', '', { title: 'mine' }],
    ['DELETE', ''],
    ['POST', '/security/policy', { lock_meeting: true }],
    ['PUT', `/participants/${bob.principal.id}/role`, { role: 'host' }],
    ['POST', `/participants/${ada.principal.id}/remove`],
  ] as const) {
    assert.equal((await ask(bob, method, `/${id}${path}`, body)).status, 403, `${method} ${path}`);
  }
  const own = ulidText(newId());
  for (const [method, path, body] of [...asks, ['POST', '/join', {}] as const]) {
    assert.equal((await ask(bob, method, `/${own}${path}`, body)).status, 404, `${method} ${path}`);
  }
  assert.equal((await rowsOf(server)).meeting.host, ada.principal.account);
  const list = await get(ada, 'GET', '');
  assert.equal((list['meetings'] as unknown[]).length, 1);
});
