import assert from 'node:assert/strict';
import test from 'node:test';
import { feedOf, HandLog, isReadable, openRoom, plainly, row } from '../../../test/support/feeds.ts';
import { commonErrors, Refusal } from '../../kernel/errors.ts';
import type { Row } from '../log/log.ts';
import { topicOf } from '../log/topic.ts';
import type { Words } from './wire-event.ts';

const ada = topicOf('user', 1);
const group = topicOf('group', 1);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index);
const rowsOf = (from: number, to: number, topic = ada): Row[] => numbers(from, to).map((seq) => row(seq, topic));

/** A room whose loop has passed rows that are no longer in memory. */
function roomAfter(t: { after: (end: () => void) => void }, rows: readonly Row[], options = {}) {
  const log = new HandLog();
  log.commit(...rows);
  return openRoom(t, { log, head: log.visible, ...options });
}

test('what was missed comes from memory, then live', async (t) => {
  const { log, delivery, join } = openRoom(t);
  delivery.take(log.commit(...rowsOf(1, 10)));
  const { outlet, feed } = await join(1, { cursor: 4 });
  assert.deepEqual(outlet.numbers, numbers(5, 10));
  assert.deepEqual([feed.live, log.calls.page, log.calls.rowsAfter], [true, 0, 0]);
  delivery.take(log.commit(row(11, ada)));
  assert.deepEqual(outlet.numbers, numbers(5, 11));
});

test('what is not in memory is loaded once for all who need it', async (t) => {
  const room = roomAfter(t, rowsOf(1, 3_000));
  const feeds = await Promise.all(Array.from({ length: 20 }, () => room.join(1, { cursor: 100 })));
  for (const { outlet } of feeds) assert.deepEqual(outlet.numbers, numbers(101, 3_000));
  assert.equal(room.log.calls.rowsAfter, 3);
  assert.equal(room.log.calls.page, 0);
});

test('the event loop turns while rows are loaded, though the log answers at once', async (t) => {
  const room = roomAfter(t, rowsOf(1, 5_000));
  const joining = room.join(1);
  for (let turns = 1; turns <= 3; turns += 1) {
    await turn();
    assert.ok(room.log.calls.rowsAfter <= turns + 1, `${room.log.calls.rowsAfter} reads in ${turns} turns`);
  }
  assert.deepEqual((await joining).outlet.numbers, numbers(1, 5_000));
  assert.equal(room.log.calls.rowsAfter, 5);
});

test('long rows are loaded from the newest down until memory is full, and that is not tried again', async (t) => {
  const large = rowsOf(1, 3_000).map((one) => ({ ...one, size: 1_000 }));
  const room = roomAfter(t, large, { bytes: 1_500_000 });
  const first = await room.join(1);
  assert.deepEqual([room.recent.floor, room.log.calls.rowsAfter], [1_500, 2]);
  const later = await room.join(1);
  for (const { outlet } of [first, later]) assert.deepEqual(outlet.numbers, numbers(1, 3_000));
  room.delivery.take(room.log.commit({ ...row(3_001, ada), size: 1_000 }));
  await room.join(1, { cursor: 1_000 });
  assert.equal(room.log.calls.rowsAfter, 2);
});

test('what would find no room in memory is read from the table, page by page', async (t) => {
  const room = roomAfter(t, rowsOf(1, 2_300), { capacity: 100 });
  const { outlet, feed } = await room.join(1);
  assert.deepEqual(outlet.numbers, numbers(1, 2_300));
  assert.equal(room.log.calls.page, 5, 'pages of 500');
  assert.equal(feed.live, true);
});

test('a database that is too busy to answer is asked again, and nobody is cut', async (t) => {
  const room = roomAfter(t, rowsOf(1, 1_200), { capacity: 100 });
  const { log } = room;
  let refusals = 0;
  const busy = () => {
    refusals += 1;
    return Promise.reject(new Refusal(commonErrors.UNAVAILABLE));
  };
  const [page, count] = [log.page.bind(log), log.count.bind(log)];
  log.page = (...given) => (refusals < 2 ? busy() : page(...given));
  log.count = (...given) => (refusals < 4 ? busy() : count(...given));
  const { feed, outlet } = feedOf(1);
  room.delivery.follow(feed);
  assert.deepEqual(await room.replay.catchUp(feed, 500), { rows: 700 });
  assert.deepEqual([refusals, outlet.cuts.length, feed.live, room.failures.length], [4, 0, true, 0]);
});

test('the next page waits until the buffer has drained; a client that reads nothing is cut', async (t) => {
  const room = roomAfter(t, rowsOf(1, 1_200), { capacity: 100 });
  const { feed, outlet } = feedOf(1);
  room.delivery.follow(feed);
  const send = outlet.send.bind(outlet);
  outlet.send = (event) => {
    outlet.waiting += 1;
    send(event);
  };
  const drains: ((answer: boolean) => void)[] = [];
  outlet.drain = () => new Promise((resolve) => drains.push(resolve));
  const done = room.replay.catchUp(feed);
  const sentBeforeEachDrain: number[] = [];
  for (const answer of [true, false]) {
    while (drains.length === 0) await turn();
    sentBeforeEachDrain.push(outlet.sent.length);
    outlet.waiting = 0;
    drains.shift()?.(answer);
  }
  await done;
  assert.deepEqual(sentBeforeEachDrain, [500, 1_000]);
  assert.deepEqual(outlet.cuts.length, 1);
  assert.equal(feed.live, false);
});

test('64 replays at a time, the others wait in order', async (t) => {
  const room = roomAfter(t, rowsOf(1, 600), { capacity: 10 });
  let reading = 0;
  let most = 0;
  room.log.before = async (what) => {
    if (what !== 'page') return;
    reading += 1;
    most = Math.max(most, reading);
    await turn();
    reading -= 1;
  };
  const feeds = await Promise.all(Array.from({ length: 200 }, () => room.join(1)));
  assert.equal(most, 64);
  for (const { outlet } of feeds) assert.deepEqual(outlet.numbers, numbers(1, 600));
});

test('a client that drains slowly holds up none of the 64 places', async (t) => {
  const room = roomAfter(t, rowsOf(1, 600), { capacity: 10 });
  const slow = Array.from({ length: 64 }, () => {
    const made = feedOf(1);
    made.outlet.waiting = 1_000_000;
    made.outlet.drain = () => new Promise(() => {});
    room.delivery.follow(made.feed);
    void room.replay.catchUp(made.feed);
    return made;
  });
  await turn();
  const { outlet } = await room.join(1);
  assert.deepEqual(outlet.numbers, numbers(1, 600));
  assert.ok(slow.every((made) => made.outlet.sent.length === 0));
});

test('with a limit, so many rows come, then the feed is live and the answer counts what was left out', async (t) => {
  const room = roomAfter(t, rowsOf(1, 30));
  const { feed, outlet } = feedOf(1);
  room.delivery.follow(feed);
  assert.deepEqual(await room.replay.catchUp(feed, 20), { rows: 10 });
  assert.deepEqual(outlet.numbers, numbers(1, 20));
  room.delivery.take(room.log.commit(row(31, ada)));
  assert.deepEqual(outlet.numbers, [...numbers(1, 20), 31]);
});

test('a limit that is just enough leaves nothing out, not even what arrives while the rest is counted', async (t) => {
  const room = roomAfter(t, rowsOf(1, 20));
  const { feed, outlet } = feedOf(1);
  room.delivery.follow(feed);
  let next = 21;
  room.log.before = async (what) => {
    if (what !== 'count' || next > 23) return;
    room.delivery.take(room.log.commit(row(next, ada)));
    next += 1;
    await turn();
  };
  assert.equal(await room.replay.catchUp(feed, 20), null);
  assert.deepEqual(outlet.numbers, numbers(1, next - 1));
  room.delivery.take(room.log.commit(row(next, ada)));
  assert.deepEqual(outlet.numbers, numbers(1, next));
});

test('a door that throws on a row is reported, and the replay goes on', async (t) => {
  const words: Words = {
    ...plainly,
    row: (found, offset) => {
      if (found.seq === 3) throw new Error('cannot say this');
      return plainly.row(found, offset);
    },
  };
  for (const options of [{}, { capacity: 2 }]) {
    const room = roomAfter(t, rowsOf(1, 6), options);
    const { feed, outlet } = feedOf(1, { words });
    room.delivery.follow(feed);
    await room.replay.catchUp(feed);
    assert.deepEqual(outlet.numbers, [1, 2, 4, 5, 6]);
    assert.deepEqual([outlet.cuts, feed.live], [[], true]);
    assert.deepEqual(room.failures.map(String), ['Error: cannot say this']);
  }
});

test('when the log cannot be read the connection is cut, so that its client comes back', async (t) => {
  const room = roomAfter(t, rowsOf(1, 6), { capacity: 2 });
  room.log.before = async () => {
    throw new Error('away');
  };
  const { feed, outlet } = feedOf(1);
  await room.replay.catchUp(feed);
  assert.equal(outlet.cuts.length, 1);
  assert.deepEqual(room.failures.map(String), ['Error: away']);
});

test('a connection that ends during its replay gets nothing more and does not become live', async (t) => {
  for (const options of [{}, { capacity: 2 }]) {
    const room = roomAfter(t, rowsOf(1, 6), options);
    const { feed, outlet } = feedOf(1);
    room.delivery.follow(feed);
    room.log.before = async (what) => {
      if (what !== 'intervals') room.delivery.leave(feed);
    };
    await room.replay.catchUp(feed);
    room.delivery.take(room.log.commit(row(7, ada)));
    assert.deepEqual([outlet.sent.length, feed.live], [0, false]);
  }
});

test('a replay reads every topic whose interval reaches past the cursor, those left since too', async (t) => {
  const enters = { moves: [{ account: 1, topic: group, kind: 'enter' as const }] };
  const leaves = { moves: [{ account: 1, topic: group, kind: 'leave' as const }] };
  const rows = [row(1, group), row(2, group, enters), row(3, group), row(4, group, leaves), row(5, group), row(6, ada)];
  for (const options of [{}, { capacity: 1 }]) {
    const room = roomAfter(t, rows, options);
    const { outlet } = await room.join(1);
    assert.deepEqual(outlet.numbers, [2, 3, 4, 6]);
    const later = await room.join(1, { cursor: 3 });
    assert.deepEqual(later.outlet.numbers, [4, 6]);
  }
});

/** A small generator with a seed, so that a failure can be repeated. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

test('however commits, moves, announcements, slow readers and replays interleave: no gap, no repetition, in order', async (t) => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const draw = random(seed);
    const room = openRoom(t, { capacity: draw(2) === 0 ? 5 : 1_000, sendBuffer: 2 });
    room.log.before = async () => {
      for (let turns = draw(3); turns > 0; turns -= 1) await turn();
    };
    let member = false;
    const randomRow = (seq: number): Row => {
      if (draw(6) !== 0) return row(seq, draw(3) === 0 ? ada : group, draw(4) === 0 ? { peer: ada } : {});
      member = !member;
      return row(seq, group, { moves: [{ account: 1, topic: group, kind: member ? 'enter' : 'leave' }] });
    };
    const joining: ReturnType<typeof room.join>[] = [];
    const cursors: number[] = [];
    for (let step = 0; step < 60; step += 1) {
      const first = room.log.visible + 1;
      const rows = room.log.commit(...numbers(first, first + draw(4)).map(randomRow));
      // Announcements are lost, doubled and late.
      if (draw(4) !== 0) room.delivery.take(rows);
      if (draw(6) === 0) room.delivery.take(room.log.rows.slice(-3));
      if (draw(8) === 0) {
        const cursor = draw(room.delivery.delivered + 1);
        cursors.push(cursor);
        joining.push(room.join(1, { cursor }));
      }
      for (const made of await Promise.all(joining.filter(() => draw(9) === 0))) {
        // Some read slowly for a while.
        made.outlet.waiting = draw(2) * 3;
      }
      if (draw(3) === 0) await turn();
    }
    await room.delivery.look();
    const feeds = await Promise.all(joining);
    for (let wait = 0; wait < 2_000 && feeds.some(({ feed }) => !feed.live); wait += 1) await turn();
    room.log.before = async () => {};
    await room.delivery.look();
    const intervals = await room.log.intervals(1);
    for (const [index, { outlet }] of feeds.entries()) {
      const expected = room.log.rows.filter(
        (found) => found.seq > (cursors[index] ?? 0) && isReadable(found, intervals),
      );
      assert.deepEqual(
        outlet.numbers,
        expected.map(({ seq }) => seq),
        `seed ${seed}, feed ${index}`,
      );
    }
    assert.deepEqual(room.failures, []);
    room.delivery.close();
  }
});
