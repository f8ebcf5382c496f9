import assert from 'node:assert/strict';
import test from 'node:test';
import { feedOf, openRoom, plainly, row } from '../../../test/support/feeds.ts';
import { topicOf } from '../log/topic.ts';
import type { Words } from './wire-event.ts';

const [ada, bob] = [topicOf('user', 1), topicOf('user', 2)];
const group = topicOf('group', 1);
const enters = (account: number) => ({ moves: [{ account, topic: group, kind: 'enter' as const }] });
const leaves = (account: number) => ({ moves: [{ account, topic: group, kind: 'leave' as const }] });

test('each row goes to the sockets of its topics, in order, once, with its offset', async (t) => {
  const { log, delivery, join } = openRoom(t);
  const [one, two] = [await join(1), await join(2)];
  delivery.take(
    log.commit(row(1, ada), row(2, bob), row(3, ada, { peer: bob }), row(4, ada, { peer: ada }), row(5, 99)),
  );
  assert.deepEqual(one.outlet.numbers, [1, 3, 4]);
  assert.deepEqual(two.outlet.numbers, [2, 3]);
  assert.deepEqual(
    one.outlet.sent.map(({ offset }) => offset),
    ['e.1', 'e.3', 'e.4'],
  );
  assert.deepEqual([one.feed.cursor, two.feed.cursor, delivery.delivered], [4, 3, 5]);
});

test('an announcement may come twice, late or out of order', async (t) => {
  const { log, delivery, join } = openRoom(t);
  const one = await join(1);
  const reacted: number[] = [];
  delivery.react('t', ({ seq }) => void reacted.push(seq));
  const rows = log.commit(...[1, 2, 3, 4, 5, 6].map((seq) => row(seq, ada)));
  delivery.take(rows.slice(4, 6));
  delivery.take(rows.slice(2, 4));
  assert.deepEqual(one.outlet.numbers, [], 'nothing before what is lower');
  delivery.take(rows.slice(0, 2));
  assert.deepEqual(one.outlet.numbers, [1, 2, 3, 4, 5, 6]);
  delivery.take(rows.slice(1, 5));
  delivery.take(rows);
  delivery.take([]);
  assert.deepEqual(one.outlet.numbers, [1, 2, 3, 4, 5, 6]);
  assert.deepEqual([reacted, delivery.delivered], [[1, 2, 3, 4, 5, 6], 6]);
});

test('a lost announcement: the next one, or the look of every second, reads the log', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const { log, delivery, join } = openRoom(t);
  const one = await join(1);
  log.commit(row(1, ada), row(2, ada));
  t.mock.timers.tick(1_000);
  await delivery.look();
  assert.deepEqual(one.outlet.numbers, [1, 2]);
  assert.equal(log.calls.rowsAfter > 0, true);
  log.commit(row(3, ada));
  delivery.take(log.commit(row(4, ada)));
  await new Promise((resolve) => setImmediate(resolve));
  await delivery.look();
  assert.deepEqual(one.outlet.numbers, [1, 2, 3, 4]);
});

test('the timer alone wakes the loop', async (t) => {
  const { log, join } = openRoom(t);
  const one = await join(1);
  log.commit(row(1, ada));
  const sent = new Promise<void>((resolve) => {
    const { send } = one.outlet;
    one.outlet.send = (event) => {
      send.call(one.outlet, event);
      resolve();
    };
  });
  await sent;
  assert.deepEqual(one.outlet.numbers, [1]);
});

test('a walk over many pages misses nothing, also when commits come meanwhile', async (t) => {
  const { log, delivery, join } = openRoom(t);
  const one = await join(1);
  log.commit(...Array.from({ length: 1_700 }, (_, index) => row(index + 1, ada)));
  let extra = 1_701;
  log.before = async () => {
    if (extra > 1_705) return;
    delivery.take(log.commit(row(extra, ada)));
    extra += 1;
  };
  await delivery.look();
  await delivery.look();
  assert.deepEqual(
    one.outlet.numbers,
    Array.from({ length: extra - 1 }, (_, index) => index + 1),
  );
});

test('a log that cannot be read is reported, and the next look goes on', async (t) => {
  const { log, delivery, join, failures } = openRoom(t);
  const one = await join(1);
  log.commit(row(1, ada));
  log.before = async () => {
    throw new Error('away');
  };
  await delivery.look();
  assert.deepEqual(failures.map(String), ['Error: away']);
  log.before = async () => {};
  await delivery.look();
  assert.deepEqual(one.outlet.numbers, [1]);
});

test('a row that is missing stops the loop there and is reported once, whatever is announced behind it', async (t) => {
  const { log, delivery, join, failures } = openRoom(t);
  const one = await join(1);
  let reads = 0;
  log.before = async (what) => {
    if (what === 'rowsAfter') reads += 1;
    if (reads > 20) throw new Error('read again and again');
  };
  log.commit(row(1, ada), row(3, ada));
  await delivery.look();
  assert.deepEqual(one.outlet.numbers, [1]);
  delivery.take(log.commit(row(4, ada)));
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  await delivery.look();
  assert.deepEqual(failures.map(String), ['Error: Row 2 is missing from the log; nothing above it is delivered']);
  assert.deepEqual([one.outlet.numbers, delivery.delivered], [[1], 1]);
  log.rows.splice(1, 0, row(2, ada));
  await delivery.look();
  assert.deepEqual(one.outlet.numbers, [1, 2, 3, 4]);
});

test('a door that throws on a row is reported and counted, and everybody else and the next rows go on', async (t) => {
  const { log, delivery, join, failures } = openRoom(t);
  const words: Words = {
    ...plainly,
    row: (found, offset) => {
      if (found.seq === 2) throw new Error('cannot say this');
      return plainly.row(found, offset);
    },
  };
  const [one, two] = [await join(1, { words }), await join(1)];
  delivery.take(log.commit(row(1, ada), row(2, ada), row(3, ada)));
  assert.deepEqual(one.outlet.numbers, [1, 3]);
  assert.deepEqual(two.outlet.numbers, [1, 2, 3]);
  assert.deepEqual(failures.map(String), ['Error: cannot say this']);
  assert.equal(delivery.failures, 1);
});

test('a row that is nothing at a door moves the cursor all the same', async (t) => {
  const { log, delivery, join } = openRoom(t);
  const one = await join(1, { words: { ...plainly, row: () => null } });
  delivery.take(log.commit(row(1, ada)));
  assert.deepEqual([one.outlet.sent.length, one.feed.cursor], [0, 1]);
});

test('a row is put into words once for all the sockets of a door', async (t) => {
  const { log, delivery, join } = openRoom(t);
  let asked = 0;
  const words: Words = {
    ...plainly,
    row: (found, offset) => {
      asked += 1;
      return plainly.row(found, offset);
    },
  };
  const feeds = await Promise.all(Array.from({ length: 50 }, () => join(1, { words })));
  delivery.take(log.commit(row(1, ada), row(2, ada)));
  assert.equal(asked, 2);
  assert.equal(new Set(feeds.map(({ outlet }) => outlet.sent[0])).size, 1);
});

test('a signal reaches each live connection of its topics once, and no cursor moves', async (t) => {
  const { delivery, join } = openRoom(t);
  const [ada1, ada2, bob] = [await join(1), await join(1), await join(2)];
  delivery.signal({ topics: [topicOf('user', 1), topicOf('user', 2), topicOf('user', 1)], type: 'typing', body: 7 });
  assert.deepEqual(
    [ada1, ada2, bob].map(({ outlet }) => outlet.numbers),
    [[7], [7], [7]],
  );
  delivery.signal({ topics: [topicOf('user', 1), topicOf('user', 2)], type: 'typing', body: 8, except: [1] });
  assert.deepEqual(
    [ada1, ada2, bob].map(({ outlet }) => outlet.numbers),
    [[7], [7], [7, 8]],
  );
  assert.deepEqual([bob.outlet.sent[0]?.offset, bob.feed.cursor], [null, 0]);
});

test('a signal that is a text is followed by what the reader has seen; a slow reader and one that catches up get none', async (t) => {
  const { log, delivery, join } = openRoom(t);
  const one = await join(1);
  delivery.take(log.commit(row(1, ada)));
  delivery.signal({ topics: [ada], type: 'push', body: 'text' });
  assert.equal(one.outlet.sent[1]?.offset, `${log.epoch}.1`);
  one.outlet.waiting = 2_000_000;
  delivery.signal({ topics: [ada], type: 'push', body: 1 });
  one.outlet.waiting = 0;
  delivery.pause(one.feed);
  delivery.signal({ topics: [ada], type: 'push', body: 1 });
  assert.equal(one.outlet.sent.length, 2);
});

test('a signal to an account waits for its connection that catches up, and is sent once when it is live', async (t) => {
  const { delivery, log } = openRoom(t);
  const { feed, outlet } = feedOf(1);
  delivery.follow(feed);
  for (const body of [7, 8]) delivery.signal({ topics: [ada, ada, group], type: 'push', body });
  delivery.signal({ topics: [ada], type: 'push', body: 9, except: [1] });
  delivery.signal({ topics: [group], type: 'typing', body: 10 });
  feed.load(await log.intervals(1));
  assert.deepEqual(outlet.numbers, []);
  delivery.enter(feed);
  assert.deepEqual(outlet.numbers, [7, 8]);
  delivery.pause(feed);
  delivery.signal({ topics: [ada], type: 'push', body: 11 });
  delivery.enter(feed);
  assert.deepEqual(outlet.numbers, [7, 8], 'a slow reader does without');
});

test('a reaction runs before the readers of the row hear of it; one that throws stops nothing', async (t) => {
  const { log, delivery, join, failures } = openRoom(t);
  const one = await join(1);
  const order: number[] = [];
  delivery.react('t', () => {
    throw new Error('a reaction');
  });
  delivery.react('t', ({ seq }) => void order.push(seq, one.outlet.sent.length));
  delivery.react('other', () => void order.push(-1));
  delivery.take(log.commit(row(1, ada), row(2, ada)));
  assert.deepEqual(order, [1, 0, 2, 1]);
  assert.equal(failures.length, 2);
});

test('live sockets enter and leave a topic when the loop passes the row, which is inside', async (t) => {
  const { log, delivery, join } = openRoom(t);
  const [one, two] = [await join(1), await join(2)];
  log.commit(row(1, group), row(2, group, enters(1)), row(3, group), row(4, group, leaves(1)), row(5, group));
  assert.deepEqual(one.outlet.numbers, [], 'a commit alone changes nothing');
  delivery.take(log.rows);
  assert.deepEqual(one.outlet.numbers, [2, 3, 4]);
  delivery.take(
    log.commit(row(6, group, { ...enters(1), peer: ada }), row(7, group), row(8, group, enters(2)), row(9, group)),
  );
  assert.deepEqual(one.outlet.numbers, [2, 3, 4, 6, 7, 8, 9]);
  assert.deepEqual(two.outlet.numbers, [8, 9]);
});

test('a socket that has left hears nothing more', async (t) => {
  const { log, delivery, join } = openRoom(t);
  const one = await join(1);
  delivery.leave(one.feed);
  delivery.take(log.commit(row(1, ada), row(2, group, enters(1)), row(3, group)));
  assert.deepEqual(one.outlet.numbers, []);
  assert.equal(delivery.feedsOf(1).size, 0);
});

test('a client that reads too slowly leaves the loop and catches up by itself; the others do not wait', async (t) => {
  const { log, delivery, join } = openRoom(t, { sendBuffer: 100 });
  const [slow, quick] = [await join(1), await join(1)];
  slow.outlet.waiting = 101;
  let drained = (_: boolean): void => {};
  slow.outlet.drain = () =>
    new Promise((resolve) => {
      drained = (answer) => {
        slow.outlet.waiting = 0;
        resolve(answer);
      };
    });
  delivery.take(log.commit(row(1, ada)));
  assert.equal(slow.feed.live, false);
  delivery.take(log.commit(row(2, ada), row(3, ada)));
  assert.deepEqual(quick.outlet.numbers, [1, 2, 3]);
  assert.deepEqual(slow.outlet.numbers, [1]);
  await new Promise((resolve) => setImmediate(resolve));
  drained(true);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(slow.feed.live, true);
  delivery.take(log.commit(row(4, ada)));
  assert.deepEqual(slow.outlet.numbers, [1, 2, 3, 4]);
  assert.deepEqual(slow.outlet.cuts, []);
});

test('a feed that is not live yet gets nothing from the loop, but hears of its moves', async (t) => {
  const { log, delivery } = openRoom(t);
  const { feed, outlet } = feedOf(1);
  delivery.follow(feed);
  feed.load(await log.intervals(1));
  delivery.take(log.commit(row(1, ada), row(2, group, enters(1)), row(3, group)));
  assert.deepEqual(outlet.numbers, []);
  assert.deepEqual(feed.topicsAt(3).sort(), [ada, group].sort());
});
