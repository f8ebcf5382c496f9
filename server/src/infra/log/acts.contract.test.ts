import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kysely } from 'kysely';
import { engine } from '../../../test/support/database.ts';
import { codeOf } from '../../../test/support/identity.ts';
import { eventOn, onlyPostgres, onlySqlite, openLog, seqsOf, upTo, writeOne } from '../../../test/support/log.ts';
import { PostgresSql } from '../sql/sql.postgres.ts';
import { SqliteSql } from '../sql/sql.sqlite.ts';
import type { Sql } from '../sql/sql.ts';
import { SqliteLog } from './log.sqlite.ts';

type Tables = { children: { parent: number }; parents: { id: number }; index_state: { name: string; seq: number } };

const tables = (sql: Kysely<object>) => sql.withTables<Tables>();

const mark = (sql: Kysely<object>, name: string) =>
  tables(sql).insertInto('index_state').values({ name, seq: 0 }).execute();

const marks = async (sql: Sql): Promise<string[]> =>
  (
    await sql.statement<{ name: string }>("SELECT name FROM index_state WHERE name LIKE 'mark%' ORDER BY name").all()
  ).map(({ name }) => name);

test(`${engine}: an act that throws leaves nothing, rejects with what it threw, and disturbs no other`, async (t) => {
  const { sql, log, note, announced } = await openLog(t);
  const own = new Error('own');
  const acts = [
    log.write(async ({ sql: db, append }) => {
      await mark(db, 'mark 1');
      append(eventOn(8, 1));
      return 'first';
    }),
    log.write(async ({ sql: db, append }) => {
      await mark(db, 'mark 2');
      append(eventOn(8, 2));
      throw own;
    }),
    log.write(async ({ sql: db, append }) => {
      append(eventOn(8, 3));
      await mark(db, 'mark 3');
      await mark(db, 'mark 3');
    }),
    note({ account: 1, text: 'a note' }),
    log.write(async ({ sql: db, append }) => {
      append(eventOn(8, 4));
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
  const { log, announced } = await openLog(t);
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const broken = log.write(async ({ append }) => {
    append(eventOn(8, 'first'));
    append(eventOn(8, circular));
  });
  const good = writeOne(log, eventOn(8, 'good'));
  await assert.rejects(broken);
  await good;
  assert.deepEqual(
    (await log.rowsAfter(0, 10)).map(({ seq, body }) => [seq, body]),
    [[1, 'good']],
  );
  assert.deepEqual(seqsOf(announced.flat()), [1]);
});

test(`${engine}: a transaction sees its own writes; nobody else does before its commit`, async (t) => {
  const { sql, log } = await openLog(t);
  await log.write(async ({ sql: db, append }) => {
    await mark(db, 'mark');
    append(eventOn(8));
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
  const { log, note, announced } = await openLog(t);
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
  const { log, note } = await openLog(t);
  const outcomes = await Promise.allSettled([
    writeOne(log, eventOn(8, 'act')),
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
  const { sql, log, note, announced } = await openLog(t);
  await writeOne(log, eventOn(8));
  const orphan = log.write(async ({ sql: db, append }) => {
    await mark(db, 'mark orphan');
    append(eventOn(8, 'orphan'));
    await tables(db).insertInto('children').values({ parent: 404 }).execute();
    return 'looks well';
  });
  const neighbours = [writeOne(log, eventOn(8, 'neighbour')), note({ account: 1, text: 'neighbour' })];
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
  const { sql, log, note, announced } = await openLog(t);
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
  const { sql, log, note, announced } = await openLog(t);
  assert.ok(sql instanceof SqliteSql);
  await note({ account: 1, text: 'before' });
  const pages = Number(sql.writer.prepare('PRAGMA page_count').get()?.['page_count']);
  sql.writer.exec(`PRAGMA max_page_count = ${pages + 2}`);
  const large = 'x'.repeat(200_000);
  const mixed = [
    note({ account: 1, text: large }),
    writeOne(log, eventOn(8, large)),
    note({ account: 1, text: large }),
  ];
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
    const { sql, log, note } = await openLog(t);
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
  const { log, note } = await openLog(t);
  assert.ok(log instanceof SqliteLog);
  const told: string[] = [];
  log.aroundActs(() => told.push('forget'));
  log.afterCommit('note', () => told.push('row'));
  await note({ account: 1, text: 'alone' });
  assert.deepEqual(told, ['row']);
  await Promise.all([note({ account: 1, text: 'before' }), log.write(async () => void told.push('act'))]);
  assert.deepEqual(told, ['row', 'forget', 'act', 'row', 'forget']);
  await log.write(async () => void told.push('bookkeeping'), { bookkeeping: true });
  assert.deepEqual(told.slice(5), ['bookkeeping']);
});

test('drafts between acts are applied together, and a full disk is tried once', onlySqlite, async (t) => {
  const { log } = await openLog(t);
  assert.ok(log instanceof SqliteLog);
  const applied: number[] = [];
  const submit = log.batch((drafts: readonly string[]) => {
    applied.push(drafts.length);
    if (drafts.includes('bad')) throw new Error('a bad draft');
    if (drafts.includes('full')) throw Object.assign(new Error('disk I/O error'), { errcode: 10 });
    return [...drafts];
  });
  const act = () => log.write(async () => 'act');
  assert.deepEqual(await Promise.all([submit('a'), submit('b'), act(), submit('c'), submit('d'), submit('e'), act()]), [
    'a',
    'b',
    'act',
    'c',
    'd',
    'e',
    'act',
  ]);
  assert.deepEqual(applied.splice(0), [2, 3]);
  const mixed = await Promise.all([act(), ...['a', 'bad', 'c'].map((draft) => submit(draft).catch(() => 'refused'))]);
  assert.deepEqual(mixed, ['act', 'a', 'refused', 'c'], 'only the bad one');
  assert.deepEqual(applied.splice(0), [3, 1, 1, 1]);
  const full = [act(), ...Array.from({ length: 50 }, () => codeOf(submit('full')))];
  assert.deepEqual(new Set((await Promise.all(full)).slice(1)), new Set(['UNAVAILABLE']));
  assert.deepEqual(applied, [50]);
});

test(
  'postgres: a connection that is cut in an act rejects it, leaves nothing, and the next act runs',
  onlyPostgres,
  async (t) => {
    const { sql, log, note } = await openLog(t);
    assert.ok(sql instanceof PostgresSql);
    const { pool } = sql;
    const cut = log.write(async ({ sql: db, append }) => {
      await mark(db, 'mark');
      append(eventOn(8));
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
    const { sql, log } = await openLog(t);
    let late: Promise<unknown> = Promise.resolve();
    const slow = log.write(async ({ sql: db, append }) => {
      await mark(db, 'mark before');
      append(eventOn(8, 'slow'));
      await sleep(20);
      late = mark(db, 'mark late');
      await late;
    });
    const next = writeOne(log, eventOn(8, 'next'));
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
    const { log, announced } = await openLog(t);
    let woken: Promise<unknown> = Promise.resolve();
    const slow = log.write(async ({ append }) => {
      append(eventOn(8, 'ghost'));
      woken = sleep(20);
      await woken;
    });
    await assert.rejects(slow, /awaited something other than the database/);
    await woken;
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(await log.rowsAfter(0, 10), []);
    await writeOne(log, eventOn(8, 'next'));
    const bodies = (await log.rowsAfter(0, 10)).map(({ seq, body }) => [seq, body]);
    assert.deepEqual(bodies, [[1, 'next']]);
    assert.deepEqual(
      announced.flat().map(({ body }) => body),
      ['next'],
    );
  },
);

test('sqlite: the transaction of an act that has ended refuses', onlySqlite, async (t) => {
  const { sql, log } = await openLog(t);
  let kept: Kysely<object> | undefined;
  await log.write(async (transaction) => {
    kept = transaction.sql;
  });
  await assert.rejects(async () => kept && mark(kept, 'mark'), /has ended/);
  assert.deepEqual(await marks(sql), []);
});
