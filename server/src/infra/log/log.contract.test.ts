import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { engine, openTestDatabase } from '../../../test/support/database.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { noteMigrations, openNotes } from '../../../test/support/notes.ts';
import { PostgresSql } from '../sql/sql.postgres.ts';
import { SqliteSql } from '../sql/sql.sqlite.ts';
import type { Sql } from '../sql/sql.ts';
import { SqliteLog } from './log.sqlite.ts';
import type { Log, Move, NewRow, Row } from './log.ts';
import { topicOf } from './topic.ts';

const onlySqlite = { skip: engine !== 'sqlite' };
const onlyPostgres = { skip: engine !== 'postgres' };

type Tables = { children: { parent: number }; parents: { id: number }; index_state: { name: string; seq: number } };
const tables = (sql: Kysely<object>) => sql.withTables<Tables>();
const mark = (sql: Kysely<object>, name: string) =>
  tables(sql).insertInto('index_state').values({ name, seq: 0 }).execute();

async function open(t: TestContext, now?: () => number) {
  const house = await openTestDatabase(t, { migrations: [noteMigrations], ...(now === undefined ? {} : { now }) });
  const note = openNotes(house.sql, house.log);
  await house.log.start();
  const announced: Row[][] = [];
  house.log.committed = (rows) => void announced.push([...rows]);
  return { ...house, note, announced };
}

const event = (topic: number, payload: unknown = {}, more: Partial<NewRow> = {}): NewRow => ({
  topic,
  type: 't',
  payload,
  ...more,
});

const writeOne = (log: Log, row: NewRow): Promise<void> => log.write(async ({ append }) => append(row));

const marks = async (sql: Sql): Promise<string[]> =>
  (
    await sql.statement<{ name: string }>("SELECT name FROM index_state WHERE name LIKE 'mark%' ORDER BY name").all()
  ).map(({ name }) => name);

const seqsOf = (rows: readonly Row[]): number[] => rows.map(({ seq }) => seq);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

test(`${engine}: numbers are 1, 2, 3 … without gaps, whoever writes and however many at once`, async (t) => {
  const { log, note, announced } = await open(t, () => 1_700_000_000_000);
  assert.equal(await log.head(), 0);
  assert.equal(log.floor(), 0);
  const writes = upTo(120).map((n) =>
    n % 3 === 0
      ? note({ account: 1, text: `note ${n}` })
      : writeOne(log, event(topicOf('user', n), { n, text: 'é 🚀' })),
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
  const { log, note } = await open(t);
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
      event(group, { first: true }, { peer: topicOf('user', 1), moves: [{ account: 1, topic: group, kind: 'enter' }] }),
    );
    append(event(topicOf('user', 2), null));
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
  const { log, note, again } = await open(t);
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
      else await writeOne(n % 3 === 0 ? log : elsewhere.log, event(8));
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
    const { sql, log } = await open(t);
    assert.ok(sql instanceof PostgresSql);
    const slow = await sql.pool.connect();
    await slow.query('BEGIN');
    const { rows } = await slow.query('SELECT log_number(1) AS seq');
    assert.deepEqual(rows, [{ seq: 1 }]);
    let done = false;
    const second = writeOne(log, event(16)).then(() => {
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
    const { sql, log } = await open(t);
    assert.ok(sql instanceof PostgresSql);
    const stalled = await sql.pool.connect();
    const lost = new Promise((resolve) => stalled.on('error', resolve));
    await stalled.query('BEGIN');
    await stalled.query('SELECT log_number(5)');
    await sleep(200);
    await writeOne(log, event(8));
    await lost;
    stalled.release(true);
    assert.deepEqual(seqsOf(await log.rowsAfter(0, 10)), [1]);
  },
);

test(`${engine}: an act that throws leaves nothing, rejects with what it threw, and disturbs no other`, async (t) => {
  const { sql, log, note, announced } = await open(t);
  const own = new Error('own');
  const acts = [
    log.write(async ({ sql: db, append }) => {
      await mark(db, 'mark 1');
      append(event(8, 1));
      return 'first';
    }),
    log.write(async ({ sql: db, append }) => {
      await mark(db, 'mark 2');
      append(event(8, 2));
      throw own;
    }),
    log.write(async ({ sql: db, append }) => {
      append(event(8, 3));
      await mark(db, 'mark 3');
      await mark(db, 'mark 3');
    }),
    note({ account: 1, text: 'a note' }),
    log.write(async ({ sql: db, append }) => {
      append(event(8, 4));
      await mark(db, 'mark 4');
      return 'last';
    }),
  ];
  const outcomes = await Promise.allSettled(acts);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'],
  );
  assert.deepEqual(outcomes[0], { status: 'fulfilled', value: 'first' });
  assert.deepEqual(outcomes[1], { status: 'rejected', reason: own });
  assert.deepEqual(outcomes[4], { status: 'fulfilled', value: 'last' });
  assert.deepEqual(await marks(sql), ['mark 1', 'mark 4']);
  const rows = await log.rowsAfter(0, 10);
  assert.deepEqual(seqsOf(rows), [1, 2, 3]);
  assert.deepEqual(rows.map(({ body }) => JSON.stringify(body)).sort(), ['1', '4', '{"text":"a note"}']);
  assert.equal(announced.flat().length, 3);
});

test(`${engine}: an act whose second row cannot be written writes neither, and takes no number`, async (t) => {
  const { log, announced } = await open(t);
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const broken = log.write(async ({ append }) => {
    append(event(8, 'first'));
    append(event(8, circular));
  });
  const good = writeOne(log, event(8, 'good'));
  await assert.rejects(broken);
  await good;
  assert.deepEqual(
    (await log.rowsAfter(0, 10)).map(({ seq, body }) => [seq, body]),
    [[1, 'good']],
  );
  assert.deepEqual(seqsOf(announced.flat()), [1]);
});

test(`${engine}: a transaction sees its own writes; nobody else does before its commit`, async (t) => {
  const { sql, log } = await open(t);
  await log.write(async ({ sql: db, append }) => {
    await mark(db, 'mark');
    append(event(8));
    assert.equal(
      (await tables(db).selectFrom('index_state').select('name').where('name', '=', 'mark').execute()).length,
      1,
    );
    assert.deepEqual(await marks(sql), []);
    assert.equal(await log.head(), 0);
  });
  assert.deepEqual(await marks(sql), ['mark']);
});

test(`${engine}: a refused draft touches nobody else, a poisoned one fails alone`, async (t) => {
  const { log, note, announced } = await open(t);
  const texts = ['a', '', 'poison', 'b', 'poison', '', 'c'];
  const outcomes = await Promise.allSettled(texts.map((text) => note({ account: 1, text })));
  const verdicts = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : 'failed'));
  assert.deepEqual(verdicts, [1, 'refused', 'failed', 2, 'failed', 'refused', 3]);
  assert.deepEqual(
    (await log.rowsAfter(0, 10)).map(({ body }) => body),
    [{ text: 'a' }, { text: 'b' }, { text: 'c' }],
  );
  assert.deepEqual(seqsOf(announced.flat()), [1, 2, 3]);
});

test(`${engine}: a poisoned draft among acts fails alone too`, async (t) => {
  const { log, note } = await open(t);
  const outcomes = await Promise.allSettled([
    writeOne(log, event(8, 'act')),
    note({ account: 1, text: 'a' }),
    note({ account: 1, text: 'poison' }),
    note({ account: 1, text: 'b' }),
  ]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(await log.head(), 3);
});

test(`${engine}: a COMMIT that fails rejects its callers, nothing of it is visible or announced, and numbers go on`, async (t) => {
  const { sql, log, note, announced } = await open(t);
  await writeOne(log, event(8));
  const orphan = log.write(async ({ sql: db, append }) => {
    await mark(db, 'mark orphan');
    append(event(8, 'orphan'));
    await tables(db).insertInto('children').values({ parent: 404 }).execute();
    return 'looks well';
  });
  const neighbours = [writeOne(log, event(8, 'neighbour')), note({ account: 1, text: 'neighbour' })];
  await assert.rejects(orphan);
  const outcomes = await Promise.allSettled(neighbours);
  // On SQLite they share the transaction and its fate; on PostgreSQL each act has one of its own.
  const expected = engine === 'sqlite' ? 'rejected' : 'fulfilled';
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    [expected, expected],
  );
  if (engine === 'sqlite') {
    assert.deepEqual([await codeOf(orphan), await codeOf(neighbours[0]!)], ['UNAVAILABLE', 'UNAVAILABLE']);
  }
  const head = engine === 'sqlite' ? 1 : 3;
  assert.equal(await log.head(), head);
  assert.deepEqual(seqsOf(await log.rowsAfter(0, 10)), upTo(head));
  assert.deepEqual(await marks(sql), []);
  assert.equal(announced.flat().length, head);
  assert.equal(await note({ account: 1, text: 'afterwards' }), head + 1);
});

test('sqlite: a COMMIT that fails under drafts alone rejects every one of them', onlySqlite, async (t) => {
  const { sql, log, note, announced } = await open(t);
  assert.ok(sql instanceof SqliteSql);
  // Every note is an orphan from here on, which only COMMIT finds.
  sql.writer.exec('CREATE TRIGGER orphans AFTER INSERT ON notes BEGIN INSERT INTO children (parent) VALUES (404); END');
  const outcomes = await Promise.all(['a', 'b', 'c'].map((text) => codeOf(note({ account: 1, text }))));
  assert.deepEqual(outcomes, ['UNAVAILABLE', 'UNAVAILABLE', 'UNAVAILABLE']);
  assert.deepEqual([await log.head(), announced.length], [0, 0]);
  sql.writer.exec('DROP TRIGGER orphans');
  assert.equal(await note({ account: 1, text: 'd' }), 1);
});

test('sqlite: a full disk rejects, and leaves everything as it was', onlySqlite, async (t) => {
  const { sql, log, note, announced } = await open(t);
  assert.ok(sql instanceof SqliteSql);
  await note({ account: 1, text: 'before' });
  const pages = Number(sql.writer.prepare('PRAGMA page_count').get()?.['page_count']);
  sql.writer.exec(`PRAGMA max_page_count = ${pages + 2}`);
  const large = 'x'.repeat(200_000);
  const mixed = [note({ account: 1, text: large }), writeOne(log, event(8, large)), note({ account: 1, text: large })];
  assert.deepEqual(await Promise.all(mixed.map(codeOf)), Array(3).fill('UNAVAILABLE'));
  const drafts = [note({ account: 1, text: large }), note({ account: 1, text: large })];
  assert.deepEqual(await Promise.all(drafts.map(codeOf)), Array(2).fill('UNAVAILABLE'));
  assert.equal(await log.head(), 1);
  // The index behind the commit cannot be written either; that must not end the process.
  await sleep(1_100);
  sql.writer.exec('PRAGMA max_page_count = 1000000');
  assert.equal(await note({ account: 1, text: large }), 2);
  assert.deepEqual(seqsOf(await log.rowsAfter(0, 10)), [1, 2]);
  assert.deepEqual(seqsOf(announced.flat()), [1, 2]);
});

test(
  'sqlite: while another process holds the lock, a batch waits for it once and not once a draft',
  onlySqlite,
  async (t) => {
    const { sql, log, note } = await open(t);
    assert.ok(sql instanceof SqliteSql);
    sql.writer.exec('PRAGMA busy_timeout = 200');
    const path = String(sql.writer.prepare('PRAGMA database_list').get()?.['file']);
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    const started = performance.now();
    const drafts = Array.from({ length: 50 }, (_, index) => note({ account: 1, text: String(index) }));
    assert.deepEqual(await Promise.all(drafts.map(codeOf)), Array(50).fill('UNAVAILABLE'));
    assert.ok(performance.now() - started < 5_000);
    other.exec('ROLLBACK');
    other.close();
    assert.equal(await note({ account: 1, text: 'free' }), 1);
    assert.equal(await log.head(), 1);
  },
);

test('whoever remembers rows forgets them before an act, and when its batch is committed', onlySqlite, async (t) => {
  const { log, note } = await open(t);
  assert.ok(log instanceof SqliteLog);
  const told: string[] = [];
  log.beforeActs(() => told.push('forget'));
  log.afterCommit('note', () => told.push('row'));
  await note({ account: 1, text: 'alone' });
  assert.deepEqual(told, ['row']);
  await Promise.all([note({ account: 1, text: 'before' }), log.write(async () => void told.push('act'))]);
  assert.deepEqual(told, ['row', 'forget', 'act', 'row', 'forget']);
  await log.write(async () => void told.push('bookkeeping'), { bookkeeping: true });
  assert.deepEqual(told.slice(5), ['bookkeeping']);
});

test(
  'postgres: a connection that is cut in an act rejects it, leaves nothing, and the next act runs',
  onlyPostgres,
  async (t) => {
    const { sql, log, note } = await open(t);
    assert.ok(sql instanceof PostgresSql);
    const { pool } = sql;
    const cut = log.write(async ({ sql: db, append }) => {
      await mark(db, 'mark');
      append(event(8));
      const { rows } = await pool.query<{ pid: number }>(
        "SELECT pid FROM pg_stat_activity WHERE state = 'idle in transaction'",
      );
      for (const { pid } of rows) await pool.query('SELECT pg_terminate_backend($1)', [pid]);
    });
    await assert.rejects(cut);
    assert.deepEqual(await marks(sql), []);
    assert.equal(await note({ account: 1, text: 'afterwards' }), 1);
  },
);

test(
  'sqlite: an act that awaits something other than the database fails loudly, and its later statements reach nothing',
  onlySqlite,
  async (t) => {
    const { sql, log } = await open(t);
    let late: Promise<unknown> = Promise.resolve();
    const slow = log.write(async ({ sql: db, append }) => {
      await mark(db, 'mark before');
      append(event(8, 'slow'));
      await sleep(20);
      late = mark(db, 'mark late');
      await late;
    });
    const next = writeOne(log, event(8, 'next'));
    await assert.rejects(slow, /awaited something other than the database/);
    await next;
    await sleep(40);
    await assert.rejects(late, /has ended/);
    assert.deepEqual(await marks(sql), []);
    assert.deepEqual(
      (await log.rowsAfter(0, 10)).map(({ body }) => body),
      ['next'],
    );
  },
);

test(
  'sqlite: an act that is given up while it sleeps leaves no row behind, though it resolves afterwards',
  onlySqlite,
  async (t) => {
    const { log, announced } = await open(t);
    let woken: Promise<unknown> = Promise.resolve();
    const slow = log.write(async ({ append }) => {
      append(event(8, 'ghost'));
      woken = sleep(20);
      await woken;
    });
    await assert.rejects(slow, /awaited something other than the database/);
    await woken;
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await log.rowsAfter(0, 10), []);
    await writeOne(log, event(8, 'next'));
    const bodies = (await log.rowsAfter(0, 10)).map(({ seq, body }) => [seq, body]);
    assert.deepEqual(bodies, [[1, 'next']]);
    assert.deepEqual(
      announced.flat().map(({ body }) => body),
      ['next'],
    );
  },
);

test('sqlite: the transaction of an act that has ended refuses', onlySqlite, async (t) => {
  const { sql, log } = await open(t);
  let kept: Kysely<object> | undefined;
  await log.write(async (transaction) => {
    kept = transaction.sql;
  });
  await assert.rejects(async () => kept && mark(kept, 'mark'), /has ended/);
  assert.deepEqual(await marks(sql), []);
});

const enter = (account: number, topic: number): Move => ({ account, topic, kind: 'enter' });
const leave = (account: number, topic: number): Move => ({ account, topic, kind: 'leave' });

test(`${engine}: a membership is a closed interval of rows; the rows that open and close it are inside`, async (t) => {
  const { log } = await open(t);
  const group = topicOf('group', 5);
  await writeOne(log, event(group, 'before'));
  await writeOne(log, event(group, 'enters', { moves: [enter(1, group), enter(2, group)] }));
  await writeOne(log, event(group, 'inside'));
  await writeOne(log, event(group, 'leaves', { moves: [leave(1, group)] }));
  await writeOne(log, event(group, 'outside'));
  await writeOne(log, event(group, 'enters again', { moves: [enter(1, group)] }));
  await writeOne(log, event(group, 'inside again'));
  const own = { topic: topicOf('user', 1), from: 0, to: null };
  const intervals = await log.intervals(1, 0);
  assert.deepEqual(
    intervals.map((interval) => ({ ...interval })).sort((a, b) => a.from - b.from),
    [own, { topic: group, from: 2, to: 4 }, { topic: group, from: 6, to: null }],
  );
  const page = await log.page(intervals, { after: 0, upTo: 7, limit: 100 });
  assert.deepEqual(
    page.map(({ body }) => body),
    ['enters', 'inside', 'leaves', 'enters again', 'inside again'],
  );
  assert.equal(await log.count(intervals, { after: 0, limit: 100 }), 5);
  assert.equal(await log.count(intervals, { after: 2, limit: 2 }), 2);
  // An interval that ended at the cursor or before it is no longer of interest.
  assert.equal((await log.intervals(1, 4)).length, 2);
  assert.equal((await log.intervals(1, 3)).length, 3);
  assert.equal((await log.intervals(2, 7)).length, 2);
  assert.deepEqual((await log.intervals(3, 0)).length, 1);
});

test(`${engine}: a page has rows of many topics in order, each once, between its bounds`, async (t) => {
  const { log, note } = await open(t);
  const [one, two, three] = [1, 2, 3].map((account) => topicOf('user', account)) as [number, number, number];
  await writeOne(log, event(one, 1));
  await writeOne(log, event(one, 2, { peer: two }));
  await note({ account: 1, text: '3' });
  await writeOne(log, event(three, 4, { peer: three }));
  await note({ account: 2, text: '5' });
  await writeOne(log, event(two, 6, { peer: three }));
  const all = [one, two, three].map((topic) => ({ topic, from: 0, to: null }));
  const page = async (topics: readonly number[], after: number, limit: number, last = 6) =>
    seqsOf(
      await log.page(
        all.filter(({ topic }) => topics.includes(topic)),
        { after, upTo: last, limit },
      ),
    );
  assert.deepEqual(await page([one, two, three], 0, 100), [1, 2, 3, 4, 5, 6]);
  assert.deepEqual(await page([one, two], 0, 100), [1, 2, 3, 5, 6]);
  assert.deepEqual(await page([one], 1, 100), [2, 3]);
  assert.deepEqual(await page([two], 0, 2), [2, 5]);
  assert.deepEqual(await page([one, two, three], 2, 2), [3, 4]);
  assert.deepEqual(await page([one, two, three], 0, 100, 4), [1, 2, 3, 4]);
  assert.deepEqual(await page([], 0, 100), []);
  const [twice] = all;
  assert.ok(twice);
  assert.deepEqual(
    seqsOf(await log.page([twice, { ...twice, from: 2 }], { after: 0, upTo: 6, limit: 100 })),
    [1, 2, 3],
  );
  assert.deepEqual(seqsOf(await log.page([{ ...twice, from: 2, to: 2 }], { after: 0, upTo: 6, limit: 100 })), [2]);
  const [third] = await log.page(all, { after: 2, upTo: 3, limit: 1 });
  assert.deepEqual(third, {
    seq: 3,
    topic: one,
    peer: null,
    type: 'note',
    body: { text: '3' },
    moves: null,
    size: 0,
    at: 0,
  });
});

test(`${engine}: a page of 1,203 topics, more than one statement takes`, async (t) => {
  const { log } = await open(t);
  const groups = upTo(1_203).map((id) => topicOf('group', id));
  await log.write(async ({ append }) => {
    for (const group of groups) append(event(group));
  });
  const intervals = [...groups].reverse().map((topic) => ({ topic, from: 0, to: null }));
  assert.deepEqual(seqsOf(await log.page(intervals, { after: 0, upTo: 1_203, limit: 500 })), upTo(500));
  assert.deepEqual(seqsOf(await log.page(intervals, { after: 1_200, upTo: 1_203, limit: 500 })), [1_201, 1_202, 1_203]);
  assert.equal(await log.count(intervals, { after: 0, limit: 5_000 }), 1_203);
});

test(`${engine}: after a kill everything is found again, and numbers and epoch go on`, async (t) => {
  const { log, note, afterKill } = await open(t);
  const topic = topicOf('user', 1);
  for (const n of upTo(7)) await (n % 2 === 0 ? note({ account: 1, text: `${n}` }) : writeOne(log, event(topic, n)));
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

test('sqlite: the index is behind the commit, and a page waits for what it needs', onlySqlite, async (t) => {
  const { sql, log } = await open(t);
  assert.ok(log instanceof SqliteLog);
  const indexed = () => sql.statement('SELECT seq FROM topic_rows').all();
  for (const n of upTo(3)) await writeOne(log, event(8, n));
  assert.equal((await indexed()).length, 0);
  assert.deepEqual(seqsOf(await log.page(await log.intervals(1, 0), { after: 0, upTo: 3, limit: 10 })), [1, 2, 3]);
  assert.equal((await indexed()).length, 3);
  await writeOne(log, event(8, 4));
  await log.flushIndexes();
  assert.equal((await indexed()).length, 4);
});

test(`${engine}: an emptied table begins no new count, and the floor is what was taken away`, async (t) => {
  const { log, again } = await open(t);
  for (const n of upTo(3)) await writeOne(log, event(8, n));
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
  await writeOne(next.log, event(8, 4));
  assert.deepEqual(seqsOf(await next.log.rowsAfter(3, 10)), [4]);
});

test(`${engine}: two databases have two epochs`, async (t) => {
  const [a, b] = [await open(t), await open(t)];
  assert.notEqual(a.log.epoch, b.log.epoch);
});

test(`${engine}: close waits for what is under way`, async (t) => {
  const { log, note, again } = await open(t);
  const under = [note({ account: 1, text: 'a' }), note({ account: 1, text: 'b' })];
  await log.close();
  await Promise.all(under);
  const next = await again();
  assert.equal(await next.log.head(), 2);
});

test(`${engine}: a row about another has that one's body, as it was written and as it is read`, async (t) => {
  const { log, note, announced } = await open(t);
  const topic = topicOf('user', 1);
  await note({ account: 1, text: 'first' });
  const [noted] = await log.rowsAfter(0, 1);
  await writeOne(log, event(topic, { text: 'as it is told now' }, { about: 1 }));
  assert.deepEqual(announced.at(-1)?.[0]?.body, { text: 'as it is told now' });
  for (const [row] of [
    await log.rowsAfter(1, 1),
    await log.page([{ topic, from: 0, to: null }], { after: 1, upTo: 2, limit: 9 }),
  ]) {
    assert.deepEqual([row?.seq, row?.type, row?.about, row?.body], [2, 't', 1, noted?.body]);
  }
});

test(`${engine}: who has taken the turn appends before whoever asks later`, async (t) => {
  const { log } = await open(t);
  const done: string[] = [];
  let first: Promise<unknown> = Promise.resolve();
  await log.write(async ({ append, takeTurn }) => {
    await takeTurn();
    first = log
      .write(async (other) => {
        await other.takeTurn();
        other.append(event(8, 'second'));
      })
      .then(() => done.push('second'));
    append(event(8, 'first'));
  });
  done.push('first');
  await first;
  assert.deepEqual(
    (await log.rowsAfter(0, 5)).map(({ body }) => body),
    ['first', 'second'],
  );
  assert.deepEqual(done, ['first', 'second']);
});
