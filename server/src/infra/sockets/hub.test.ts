import assert from 'node:assert/strict';
import test from 'node:test';
import { openTestDatabase } from '../../../test/support/database.ts';
import { openRoom, row } from '../../../test/support/feeds.ts';
import { Cursors } from '../delivery/cursors.ts';
import { topicOf } from '../log/topic.ts';
import { Hub } from './hub.ts';

test('a client that resumes where the log is in memory costs no question about head or floor', async (t) => {
  const { sql, log: stored } = await openTestDatabase(t);
  const { log, delivery, replay } = openRoom(t);
  const cursors = new Cursors({
    sql,
    log: stored,
    feedsOf: (account) => delivery.feedsOf(account),
    onFailure: (error) => assert.fail(String(error)),
  });
  const hub = new Hub({ log, delivery, replay, cursors, replayMax: 100, perAccount: 100 });
  t.after(async () => {
    hub.stop();
    await cursors.close();
  });
  delivery.take(log.commit(row(1, topicOf('user', 1)), row(2, topicOf('user', 1))));
  const head = t.mock.method(log, 'head');
  assert.equal(await hub.resumable('e.1'), 1);
  assert.equal(await hub.resumable('e.2'), 2);
  assert.equal(head.mock.callCount(), 0);
  assert.equal(await hub.resumable('e.3'), undefined);
  log.commit(row(3, topicOf('user', 1)));
  assert.equal(await hub.resumable('e.3'), 3);
  t.mock.method(log, 'floor', () => 2);
  assert.equal(await hub.resumable('e.1'), undefined);
  assert.equal(await hub.resumable('e.2'), 2);
});
