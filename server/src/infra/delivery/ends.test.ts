import assert from 'node:assert/strict';
import test from 'node:test';
import { feedOf, openRoom, row } from '../../../test/support/feeds.ts';
import { topicOf } from '../log/topic.ts';

const group = topicOf('group', 1);

const enters = (...accounts: readonly number[]) => ({
  moves: accounts.map((account) => ({ account, topic: group, kind: 'enter' as const })),
});
const leaves = (account: number) => ({ moves: [{ account, topic: group, kind: 'leave' as const }] });
const ends = { moves: [{ topic: group, kind: 'end' as const }] };

/** A member, one who has left at row 3, and one who never was in it; row 5 ends the group. */
function openHouse(t: Parameters<typeof openRoom>[0], capacity?: number) {
  const room = openRoom(t, capacity === undefined ? {} : { capacity });
  const before = [row(1, group, enters(1, 2)), row(2, group), row(3, group, leaves(2)), row(4, group)];
  const end = [row(5, group, ends), row(6, group)];
  return { room, before, end };
}

test('live readers of a topic that ends read the row that ends it, and nothing behind it', async (t) => {
  const { room, before, end } = openHouse(t);
  const feeds = await Promise.all([1, 2, 3].map((account) => room.join(account)));
  for (const rows of [before, end]) room.delivery.take(room.log.commit(...rows));
  assert.deepEqual(
    feeds.map(({ outlet }) => outlet.numbers),
    [[1, 2, 3, 4, 5], [1, 2, 3], []],
  );
  const late = await Promise.all([1, 2, 3].map((account) => room.join(account)));
  assert.deepEqual(
    late.map(({ outlet }) => outlet.numbers),
    [[5], [], []],
  );
});

for (const [where, capacity] of [
  ['memory', undefined],
  ['the log', 1],
] as const) {
  test(`who is catching up from ${where} when a topic ends gets nothing of it but its end`, async (t) => {
    const { room, before, end } = openHouse(t, capacity);
    room.delivery.take(room.log.commit(...before));
    let ended = false;
    room.log.before = async (what) => {
      // Between a read and its answer.
      if (ended || what === 'intervals') return;
      ended = true;
      room.delivery.take(room.log.commit(...end));
    };
    const feeds = [1, 2].map((account) => {
      const made = feedOf(account);
      made.outlet.waiting = 1_000_000;
      made.outlet.drain = async () => {
        await room.log.before('page');
        made.outlet.waiting = 0;
        return true;
      };
      room.delivery.follow(made.feed);
      return made;
    });
    await Promise.all(feeds.map(({ feed }) => room.replay.catchUp(feed)));
    assert.deepEqual(
      feeds.map(({ outlet }) => outlet.numbers),
      [[5], []],
    );
  });
}

test('rows that were read before a topic ended are not sent after it', async (t) => {
  const { room, before, end } = openHouse(t, 1);
  room.delivery.take(room.log.commit(...before));
  const { page } = room.log;
  let ended = false;
  room.log.page = async (...question) => {
    const rows = await page.call(room.log, ...question);
    if (!ended) room.delivery.take(room.log.commit(...end));
    ended = true;
    return rows;
  };
  assert.deepEqual((await room.join(1)).outlet.numbers, [5]);
});

test('whose intervals are ahead of the loop hears of the end when the loop passes it', async (t) => {
  const { room, before, end } = openHouse(t);
  room.delivery.take(room.log.commit(...before));
  const rows = room.log.commit(...end);
  const { outlet, feed } = await room.join(1);
  assert.deepEqual([outlet.numbers, feed.live], [[], true]);
  room.delivery.take(rows);
  assert.deepEqual(outlet.numbers, [5]);
});
