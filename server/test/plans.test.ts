import assert from 'node:assert/strict';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import test, { type TestContext } from 'node:test';
import pg, { type PoolClient } from 'pg';
import { pageOfNumbers } from '../src/infra/log/rows.ts';
import { PostgresSql } from '../src/infra/sql/sql.postgres.ts';
import { SqliteSql } from '../src/infra/sql/sql.sqlite.ts';
import { connected } from './support/clients.ts';
import { engine } from './support/database.ts';
import { startServer, type TestServer } from './support/server.ts';

/** Uses every hot path once: signing in, sending both ways, keys, refusals, history, resuming, groups, cursors. */
async function exercise(t: TestContext, server: TestServer): Promise<void> {
  const [ada, bob] = await server.people(2);
  assert.ok(ada && bob);
  const group = await server.group(ada, bob);
  const client = await connected(t, server, { token: bob.accessToken });
  const first = await server.send(ada, { receiverId: bob.principal.id }, 'a');
  const draft = { content: 'b', receiverId: bob.principal.id, parentId: first, clientId: 'key-00001' };
  for (const body of [draft, draft, { ...draft, content: 'c' }, { content: 'd', groupId: group }]) {
    await server.call('POST', '/api/v1/messages', { token: ada.accessToken, body });
  }
  await client.cut();
  await server.send(ada, { groupId: group }, 'e');
  await client.back();
  for (const path of [
    `direct/${bob.principal.id}`,
    `direct/${bob.principal.id}?before=${first}`,
    `direct/${bob.principal.id}?after=${first}`,
    `group/${group}`,
    first,
  ]) {
    assert.equal((await server.call('GET', `/api/v1/messages/${path}`, { token: ada.accessToken })).status, 200, path);
  }
  const plain = await connected(t, server, { token: ada.accessToken });
  plain.socket.disconnect();
  await server.app.identity.refresh(ada.refreshToken);
}

const isHot = (text: string): boolean => /^\s*(select|insert|update|delete|with)\b/i.test(text);
/** What may look like a scan, because it is bounded: by its only row, or by its limit in the order of the key. */
const bounded = [/^SELECT epoch, head FROM log_state$/, /FROM \(SELECT n, at FROM write_keys ORDER BY n LIMIT \d+\)/];

test('sqlite: no hot statement reads a whole table or sorts in a temporary B-tree', {
  skip: engine !== 'sqlite',
}, async (t) => {
  const texts = new Set<string>();
  const prepare = DatabaseSync.prototype.prepare;
  t.mock.method(DatabaseSync.prototype, 'prepare', function record(this: DatabaseSync, text: string): StatementSync {
    texts.add(text);
    return prepare.call(this, text);
  });
  const server = await startServer(t);
  texts.clear();
  await server.restart();
  const { sql, log } = server.storage;
  assert.ok(sql instanceof SqliteSql);
  await exercise(t, server);
  const intervals = [8, 17, 25].map((topic) => ({ topic, from: 3, to: null }));
  texts.add(pageOfNumbers(sql.read, intervals, { after: 5, upTo: await log.head(), limit: 500 }).sql);
  for (const text of sql.statementTexts) texts.add(text);
  const seen = [...texts].filter(
    (text) =>
      isHot(text) && !bounded.some((known) => known.test(text)) && !/kysely_migration|sqlite_master|pragma/i.test(text),
  );
  assert.ok(seen.length > 40, `${seen.length} statements`);
  const bad = seen.flatMap((text) => {
    const steps = sql.writer
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all()
      .map(({ detail }) => String(detail));
    // A replay merges one sorted range a topic; what is sorted there is bounded by (topics × limit), never by a table.
    const isPage = text.includes('select distinct seq from');
    return steps
      .filter((step) => isScan(step) || (/TEMP B-TREE/.test(step) && !isPage))
      .map((step) => `${step}: ${text}`);
  });
  assert.deepEqual(bad, []);
});

const isScan = (step: string): boolean =>
  /^SCAN /.test(step) && !/^SCAN (CONSTANT ROW|json_each|part|merged|every|\(subquery|\d+-ROW)/i.test(step);

test('sqlite: the check would notice a scan and a sort', { skip: engine !== 'sqlite' }, async (t) => {
  const server = await startServer(t);
  const { sql } = server.storage;
  assert.ok(sql instanceof SqliteSql);
  const explain = (text: string) =>
    sql.writer
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all()
      .map(({ detail }) => String(detail));
  assert.ok(explain('SELECT seq FROM messages WHERE content = ?').some(isScan));
  assert.ok(
    explain('SELECT seq FROM messages m WHERE m.seq > 0 ORDER BY content').some((step) => /TEMP B-TREE/.test(step)),
  );
});

/** The plans of statements when scans cost more than anything, for parameters that are not known. */
async function plansOf({ pool }: PostgresSql, texts: readonly string[]): Promise<{ text: string; steps: string[] }[]> {
  const client = await pool.connect();
  try {
    await client.query('SET enable_seqscan = off');
    await client.query('SET plan_cache_mode = force_generic_plan');
    const plans: { text: string; steps: string[] }[] = [];
    for (const text of texts) plans.push({ text, steps: await planOf(client, text) });
    return plans;
  } finally {
    // Its settings go with it.
    client.release(true);
  }
}

async function planOf(client: PoolClient, text: string): Promise<string[]> {
  const written = text.replaceAll(/\?(\d+)/g, '$$$1');
  const count = Math.max(0, ...[...written.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
  await client.query(`PREPARE examined AS ${written}`);
  const values = count === 0 ? '' : `(${Array.from({ length: count }, () => 'null').join()})`;
  const { rows } = await client.query<Record<string, string>>(`EXPLAIN EXECUTE examined${values}`);
  await client.query('DEALLOCATE examined');
  return rows.map((row) => String(row['QUERY PLAN']));
}

test('postgres: no hot statement has to read a whole table', { skip: engine !== 'postgres' }, async (t) => {
  const server = await startServer(t);
  const { sql, log } = server.storage;
  assert.ok(sql instanceof PostgresSql);
  await exercise(t, server);
  const texts = [...sql.statementTexts].filter((text) => isHot(text));
  const intervals = [8, 17, 25].map((topic) => ({ topic, from: 3, to: null }));
  texts.push(pageOfNumbers(sql.read, intervals, { after: 5, upTo: await log.head(), limit: 500 }).sql);
  assert.ok(texts.length > 15, `${texts.length} statements`);
  const scan = 'SELECT seq FROM messages WHERE content = ?1';
  const plans = await plansOf(sql, [...texts, scan]);
  const scanning = plans.filter(({ steps }) => steps.some((step) => step.includes('Seq Scan')));
  assert.deepEqual(
    scanning.map(({ text }) => text),
    [scan],
    'only the one that has to',
  );
});

test('postgres: nor do the functions that number and append', { skip: engine !== 'postgres' }, async (t) => {
  const server = await startServer(t);
  const { sql } = server.storage;
  assert.ok(sql instanceof PostgresSql);
  // Every statement of every connection that is opened from here on reports its plan, those inside functions too.
  const name = (await sql.pool.query<{ name: string }>('SELECT current_database() AS name')).rows[0]?.name;
  for (const setting of [
    "session_preload_libraries = 'auto_explain'",
    'auto_explain.log_min_duration = 0',
    'auto_explain.log_nested_statements = on',
    "auto_explain.log_level = 'notice'",
    'enable_seqscan = off',
  ]) {
    await sql.pool.query(`ALTER DATABASE "${name}" SET ${setting}`);
  }
  const plans: string[] = [];
  const { emit } = pg.Client.prototype;
  t.mock.method(pg.Client.prototype, 'emit', function listen(this: pg.Client, event: string, ...args: unknown[]) {
    if (event === 'notice') plans.push(JSON.stringify(args));
    return Reflect.apply(emit, this, [event, ...args]);
  });
  await server.restart();
  plans.length = 0;
  await exercise(t, server);
  assert.ok(
    plans.some((plan) => /insert into messages/i.test(plan)),
    'the plans of the function are among them',
  );
  assert.ok(plans.some((plan) => /insert into topic_rows/i.test(plan)));
  const tables =
    /Seq Scan on (accounts|sessions|refresh_tokens|groups|group_members|conversations|conversation_messages|messages|log|log_state|topic_rows|readers|session_cursors|write_keys)\b/;
  assert.deepEqual(
    plans.filter((plan) => tables.test(plan)),
    [],
  );
});
