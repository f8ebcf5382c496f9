import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { engine } from '../../../test/support/database.ts';
import { eventOn, onlyPostgres, openLog, seqsOf, upTo, writeOne } from '../../../test/support/log.ts';
import { openNotes } from '../../../test/support/notes.ts';
import { PostgresSql } from '../sql/sql.postgres.ts';
import type { Row } from './log.ts';
import { topicOf } from './topic.ts';

test(`${engine}: numbers are 1, 2, 3 … without gaps, whoever writes and however many at once`, async (t) => {
  const { log, note, announced } = await openLog(t, () => 1_700_000_000_000);
  assert.equal(await log.head(), 0);
  assert.equal(log.floor(), 0);
  const writes = upTo(120).map((n) =>
    n % 3 === 0
      ? note({ account: 1, text: `note ${n}` })
      : writeOne(log, eventOn(topicOf('user', n), { n, text: 'é 🚀' })),
  );
  await Promise.all(writes);
  assert.equal(await log.head(), 120);
  const rows = [...(await log.rowsAfter(0, 100)), ...(await log.rowsAfter(100, 100))];
  assert.deepEqual(seqsOf(rows), upTo(120));
  assert.deepEqual(await log.rowsAfter(120, 10), []);
  assert.deepEqual(seqsOf(await log.rowsAfter(110, 3)), [111, 112, 113]);
  assert.deepEqual(
    seqsOf(announced.flat()).sort((a, b) => a - b),
    upTo(120),
  );
  const own = rows.filter(({ type }) => type === 't');
  assert.equal(own.length, 80);
  for (const { body, topic, at } of own) {
    assert.deepEqual(body, { n: topic / 8, text: 'é 🚀' });
    assert.equal(at, 1_700_000_000_000);
  }
});

test(`${engine}: what is announced is what is read, each commit in order and before its caller goes on`, async (t) => {
  const { log, note } = await openLog(t);
  const announced: Row[] = [];
  log.committed = (rows) => {
    assert.deepEqual(
      seqsOf(rows),
      [...seqsOf(rows)].sort((a, b) => a - b),
    );
    announced.push(...rows);
  };
  const group = topicOf('group', 7);
  await log.write(async ({ append }) => {
    append(
      eventOn(
        group,
        { first: true },
        { peer: topicOf('user', 1), moves: [{ account: 1, topic: group, kind: 'enter' }] },
      ),
    );
    append(eventOn(topicOf('user', 2), null));
  });
  assert.equal(announced.length, 2);
  await note({ account: 3, text: 'a note' });
  assert.equal(announced.length, 3);
  assert.deepEqual(
    announced.map((row) => ({ ...row, at: 0 })),
    (await log.rowsAfter(0, 10)).map((row) => ({ ...row, at: 0 })),
  );
});

test(`${engine}: nobody sees a gap while many write`, async (t) => {
  const { log, note, again } = await openLog(t);
  const other = await again();
  const otherNote = openNotes(other.sql, other.log);
  let writing = true;
  const watching = (async () => {
    let looks = 0;
    for (; writing; looks += 1) {
      const rows = await other.log.rowsAfter(0, 1_000);
      assert.deepEqual(seqsOf(rows), upTo(rows.length));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return looks;
  })();
  // On SQLite there is one writer, one process.
  const elsewhere = engine === 'postgres' ? { log: other.log, note: otherNote } : { log, note };
  await Promise.all(
    upTo(150).map(async (n) => {
      if (n % 2 === 0) await note({ account: 1, text: 'x' });
      else await writeOne(n % 3 === 0 ? log : elsewhere.log, eventOn(8));
      if (n % 5 === 0) await elsewhere.note({ account: 2, text: 'y' });
    }),
  );
  writing = false;
  assert.ok((await watching) > 0);
  assert.deepEqual(seqsOf(await log.rowsAfter(0, 1_000)), upTo(180));
});

test(
  'postgres: a row is not visible while a lower one is in flight, and takes its number after it',
  onlyPostgres,
  async (t) => {
    const { sql, log } = await openLog(t);
    assert.ok(sql instanceof PostgresSql);
    const slow = await sql.pool.connect();
    await slow.query('BEGIN');
    const { rows } = await slow.query('SELECT log_number(1) AS seq');
    assert.deepEqual(rows, [{ seq: 1 }]);
    let done = false;
    const second = writeOne(log, eventOn(16)).then(() => {
      done = true;
    });
    await sleep(150);
    assert.equal(done, false);
    assert.equal(await log.head(), 0);
    assert.deepEqual(await log.rowsAfter(0, 10), []);
    await slow.query("INSERT INTO log (seq, topic, type, payload, at) VALUES (1, 8, 'slow', '{}', 0)");
    await slow.query('COMMIT');
    slow.release();
    await second;
    assert.deepEqual(
      (await log.rowsAfter(0, 10)).map(({ seq, type }) => [seq, type]),
      [
        [1, 'slow'],
        [2, 't'],
      ],
    );
  },
);

test(
  'postgres: a transaction that is rolled back gives its numbers back; a stalled one is ended after 2 s',
  onlyPostgres,
  async (t) => {
    const { sql, log } = await openLog(t);
    assert.ok(sql instanceof PostgresSql);
    const stalled = await sql.pool.connect();
    const lost = new Promise((resolve) => stalled.on('error', resolve));
    await stalled.query('BEGIN');
    await stalled.query('SELECT log_number(5)');
    await sleep(200);
    await writeOne(log, eventOn(8));
    await lost;
    stalled.release(true);
    assert.deepEqual(seqsOf(await log.rowsAfter(0, 10)), [1]);
  },
);

test(`${engine}: after a kill everything is found again, and numbers and epoch go on`, async (t) => {
  const { log, note, afterKill } = await openLog(t);
  const topic = topicOf('user', 1);
  for (const n of upTo(7)) await (n % 2 === 0 ? note({ account: 1, text: `${n}` }) : writeOne(log, eventOn(topic, n)));
  const next = await afterKill();
  const nextNote = openNotes(next.sql, next.log);
  await next.log.start();
  assert.equal(next.log.epoch, log.epoch);
  assert.match(log.epoch, /^[\w-]{8,}$/);
  assert.equal(await next.log.head(), 7);
  const intervals = await next.log.intervals(1, 0);
  assert.deepEqual(seqsOf(await next.log.page(intervals, { after: 0, upTo: 7, limit: 100 })), upTo(7));
  assert.equal(await next.log.count(intervals, { after: 3, limit: 100 }), 4);
  assert.equal(await nextNote({ account: 1, text: '8' }), 8);
  assert.deepEqual(seqsOf(await next.log.page(intervals, { after: 5, upTo: 8, limit: 100 })), [6, 7, 8]);
});

test(`${engine}: an emptied table begins no new count, and the floor is what was taken away`, async (t) => {
  const { log, again } = await openLog(t);
  for (const n of upTo(3)) await writeOne(log, eventOn(8, n));
  await log.write(async ({ sql }) => {
    const db = sql.withTables<{ log: { seq: number }; topic_rows: { seq: number }; log_state: { floor: number } }>();
    await db.deleteFrom('log').execute();
    await db.deleteFrom('topic_rows').execute();
    await db.updateTable('log_state').set({ floor: 3 }).execute();
  });
  log.raiseFloor(3);
  assert.equal(log.floor(), 3);
  const next = await again();
  await next.log.start();
  assert.equal(next.log.floor(), 3);
  assert.equal(await next.log.head(), 3);
  await writeOne(next.log, eventOn(8, 4));
  assert.deepEqual(seqsOf(await next.log.rowsAfter(3, 10)), [4]);
});

test(`${engine}: two databases have two epochs`, async (t) => {
  const [a, b] = [await openLog(t), await openLog(t)];
  assert.notEqual(a.log.epoch, b.log.epoch);
});

test(`${engine}: close waits for what is under way`, async (t) => {
  const { log, note, again } = await openLog(t);
  const under = [note({ account: 1, text: 'a' }), note({ account: 1, text: 'b' })];
  await log.close();
  await Promise.all(under);
  const next = await again();
  assert.equal(await next.log.head(), 2);
});

test(`${engine}: a row about another has that one's body, as it was written and as it is read`, async (t) => {
  const { log, note, announced } = await openLog(t);
  const topic = topicOf('user', 1);
  await note({ account: 1, text: 'first' });
  const [noted] = await log.rowsAfter(0, 1);
  await writeOne(log, eventOn(topic, { text: 'as it is told now' }, { about: 1 }));
  assert.deepEqual(announced.at(-1)?.[0]?.body, { text: 'as it is told now' });
  for (const [row] of [
    await log.rowsAfter(1, 1),
    await log.page([{ topic, from: 0, to: null }], { after: 1, upTo: 2, limit: 9 }),
  ]) {
    assert.deepEqual([row?.seq, row?.type, row?.about, row?.body], [2, 't', 1, noted?.body]);
  }
});

test(`${engine}: who has taken the turn appends before whoever asks later`, async (t) => {
  const { log } = await openLog(t);
  const done: string[] = [];
  let first: Promise<unknown> = Promise.resolve();
  await log.write(async ({ append, takeTurn }) => {
    await takeTurn();
    first = log
      .write(async (other) => {
        await other.takeTurn();
        other.append(eventOn(8, 'second'));
      })
      .then(() => done.push('second'));
    append(eventOn(8, 'first'));
  });
  done.push('first');
  await first;
  assert.deepEqual(
    (await log.rowsAfter(0, 5)).map(({ body }) => body),
    ['first', 'second'],
  );
  assert.deepEqual(done, ['first', 'second']);
});
