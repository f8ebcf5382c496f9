import assert from 'node:assert/strict';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import test, { type TestContext } from 'node:test';
import pg, { type PoolClient } from 'pg';
import { pageOfNumbers } from '../src/infra/log/rows.ts';
import { PostgresSql } from '../src/infra/sql/sql.postgres.ts';
import { SqliteSql } from '../src/infra/sql/sql.sqlite.ts';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, field } from './support/clients.ts';
import { engine } from './support/database.ts';
import { startServer, type TestServer } from './support/server.ts';

/** Every act on groups, and typing. */
async function exerciseGroups(t: TestContext, server: TestServer): Promise<void> {
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const group = await server.group(ada, bob, carol);
  const client = await connected(t, server, { token: bob.accessToken });
  for (const place of [{ groupId: group }, { receiverId: ada.principal.id }]) await client.ask('typing:start', place);
  for (const [who, method, path, body] of [
    [ada, 'PATCH', '', { type: 'PUBLIC' }],
    [ada, 'PUT', `/members/${bob.principal.id}`, { role: 'ADMIN' }],
    [ada, 'DELETE', `/members/${carol.principal.id}`, undefined],
    [bob, 'POST', '/leave', undefined],
    [bob, 'POST', '/join', undefined],
    [ada, 'POST', '/leave', undefined],
    [bob, 'DELETE', '', undefined],
  ] as const) {
    const { status } = await server.call(method, `/api/v1/groups/${group}${path}`, {
      token: who.accessToken,
      ...(body ? { body } : {}),
    });
    assert.equal(status, 200, `${method} ${path}`);
  }
}

/** What people do with their own accounts and with each other's. */
async function exercisePeople({ app: { identity }, people }: TestServer): Promise<void> {
  const ada = { username: 'ada', email: 'ada@example.org', password: 'Password123' };
  const here = { address: '127.0.0.1', device: null, foreign: false };
  const [bob] = await people(1);
  const { principal } = await identity.register(ada, here);
  assert.ok(bob);
  await identity.block(principal, bob.principal.id);
  await identity.blocksAround(principal.account);
  await identity.unblock(principal, bob.principal.id);
  await identity.profileFor(principal, bob.principal.id);
  await identity.updateProfile(principal, { id: principal.id, change: { username: 'lovelace' } });
  await identity.searchPeople('lovelace', { page: 1, limit: 20 });
  await identity.noteSeen([principal.account], Date.now());
  await identity.endSession(principal, (await identity.login(ada, here)).principal.sessionId);
  const changed = { currentPassword: ada.password, newPassword: 'Another-Password-4', origin: here };
  await identity.changePassword(principal, changed);
  const code = await identity.resetCode(ada.email);
  await identity.resetPassword({ email: ada.email, code, password: ada.password }, here);
  const back = await identity.login(ada, here);
  await identity.logout(back.principal, back.refreshToken);
  await identity.forgetExpired(10);
  await identity.deleteAccount(principal, principal.id);
}

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
  await exerciseChanges(server, ada, bob);
  await exerciseCalls(server, ada, bob);
  await exerciseMeetings(server, ada, bob);
  const plain = await connected(t, server, { token: ada.accessToken });
  plain.socket.disconnect();
  await server.app.identity.refresh(ada.refreshToken);
  await exercisePeople(server);
  await exerciseGroups(t, server);
}

/** What becomes of a message, direct and in a group, and who has got and seen it. */
async function exerciseChanges(server: TestServer, ada: SignedIn, bob: SignedIn): Promise<void> {
  const groupId = await server.group(ada, bob);
  const receiverId = bob.principal.id;
  const call = async (method: string, who: SignedIn, path: string, body?: unknown) => {
    const { status } = await server.call(method, `/api/v1/${path}`, { token: who.accessToken, body });
    assert.equal(status, 200, `${method} ${path}`);
  };
  for (const target of [{ receiverId }, { groupId }]) {
    const id = await server.send(ada, target, 'a');
    await call('POST', bob, `messages/${id}/delivered`);
    await call('POST', bob, `messages/${id}/seen`);
    await call('PATCH', ada, `messages/${id}`, { content: 'b' });
    for (const method of ['POST', 'DELETE']) await call(method, bob, `messages/${id}/react`, { emoji: '👍' });
    await call('GET', ada, `conversations?before=${id}`);
    await call('POST', bob, `conversations/${'groupId' in target ? groupId : ada.principal.id}/seen`);
    await call('DELETE', ada, `messages/${id}`);
  }
}

/** Every act on a call, by name and by group, and its reads. */
async function exerciseCalls(server: TestServer, ada: SignedIn, bob: SignedIn): Promise<void> {
  const groupId = await server.group(ada, bob);
  const call = (method: string, who: SignedIn, path: string, body?: unknown) =>
    server.call(method, `/api/v1/calls${path}`, { token: who.accessToken, body });
  for (const act of ['join', 'reject', 'leave']) {
    await call('POST', ada, '', { type: 'AUDIO', participantIds: [bob.principal.id], groupId });
    const [newest] = [(await call('GET', bob, '')).body['data']].flat();
    const id = String(field(newest, 'id'));
    for (const [who, path] of [
      [bob, act],
      [ada, 'end'],
    ] as const) {
      assert.equal((await call('POST', who, `/${id}/${path}`)).status, act === 'leave' && who === bob ? 403 : 200);
    }
    for (const path of [`/${id}`, `?before=${id}`, `?after=${id}`])
      assert.equal((await call('GET', bob, path)).status, 200);
  }
}

/** A meeting from the plan to the end, one that is cancelled, and the reads of both. */
async function exerciseMeetings(server: TestServer, ada: SignedIn, bob: SignedIn): Promise<void> {
  const [carol] = await server.people(1);
  assert.ok(carol);
  const call = async (who: SignedIn, method: string, path: string, body?: unknown) => {
    const answer = await server.call(method, `/api/v1/meetings${path}`, { token: who.accessToken, body });
    assert.equal(answer.status, 200, `${method} ${path}: ${answer.text}`);
    return String(field(answer.body['data'], 'meeting_id'));
  };
  const draft = {
    title: 'a',
    invited: [bob.principal.id],
    scheduled_at: '2030-01-01T09:00:00Z',
    client_id: 'key-00001',
  };
  const id = await call(ada, 'POST', '', draft);
  const cancelled = await call(ada, 'POST', '', { title: 'b' });
  await call(ada, 'PATCH', `/${id}`, { title: 'c', invited: [carol.principal.id] });
  await call(ada, 'PATCH', `/${id}`, { invited: [bob.principal.id] });
  for (const path of ['', `/${id}`, `/${id}/status`, '?status=scheduled&role=mine&to=2031-01-01T00:00:00Z'])
    await call(ada, 'GET', path);
  await call(ada, 'POST', `/${cancelled}/join`, {});
  await call(ada, 'DELETE', `/${cancelled}`);
  await call(ada, 'POST', `/${id}/start`);
  for (const who of [ada, bob]) await call(who, 'POST', `/${id}/join`, {});
  await call(bob, 'POST', `/${id}/leave`);
  await call(ada, 'POST', `/${id}/end`);
  await server.app.identity.deleteAccount(carol.principal, carol.principal.id);
}

const isHot = (text: string): boolean => /^\s*(select|insert|update|delete|with)\b/i.test(text);
/** What may look like a scan, because it is bounded by its limit in the order of the key. */
const bounded = [/FROM \(SELECT n, at FROM write_keys ORDER BY n LIMIT \d+\)/];

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
    /Seq Scan on (accounts|sessions|refresh_tokens|groups|group_members|group_removals|group_words|presence|blocks|conversations|conversation_messages|messages|log|log_state|topic_rows|readers|receipts|reactions|session_cursors|write_keys)\b/;
  assert.deepEqual(
    plans.filter((plan) => tables.test(plan)),
    [],
  );
});
