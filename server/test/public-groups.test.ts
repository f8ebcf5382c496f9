import assert from 'node:assert/strict';
import test from 'node:test';
import { sql as raw } from 'kysely';
import { systemClock } from '../src/kernel/clock.ts';
import { Groups, groupMigrations } from '../src/modules/groups/index.ts';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { idOf, startServer } from './support/server.ts';

async function open(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t);
  const [ada, bob] = await server.people(2);
  assert.ok(ada && bob);
  const call = (who: SignedIn, method: string, path: string, body?: unknown) =>
    server.call(method, `/api/v1/${path}`, { token: who.accessToken, body });
  const make = async (title: string, type = 'PUBLIC') =>
    idOf((await call(ada, 'POST', 'groups', { title, type })).body);
  const find = async (query: string) => {
    const { status, body } = await call(bob, 'GET', `groups/public?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    const found = body['data'] as { id: string; title: string; memberCount: number }[];
    return { found, titles: found.map(({ title }) => title), pagination: body['pagination'] };
  };
  const titles = async (text: string) => (await find(`query=${encodeURIComponent(text)}`)).titles;
  return { server, ada, bob, call, make, find, titles };
}

test('PUBLIC groups are found by the words of their titles, of the last its beginning, the newest first', async (t) => {
  const { ada, bob, call, make, find, titles } = await open(t);
  assert.deepEqual((await find('')).pagination, { page: 1, limit: 20, total: 0, totalPages: 0 });
  const moths = await make('Moth night');
  await make('Nightly builds, every Night');
  await make('Café 会議');
  await make('Night owls', 'PRIVATE');
  await make('Night watch', 'SECRET');
  assert.deepEqual(await titles('night'), ['Nightly builds, every Night', 'Moth night']);
  assert.deepEqual(await titles(' Mo NIGHT '), [], 'words before the last are whole');
  assert.deepEqual(await titles('moth ni'), ['Moth night']);
  assert.deepEqual(await titles('night moth'), ['Moth night']);
  assert.deepEqual(await titles('night moths'), []);
  assert.deepEqual(await titles('ight'), []);
  assert.deepEqual(await titles('cafe'), ['Café 会議']);
  assert.deepEqual(await titles('会'), ['Café 会議']);
  await make('𐐷𐐷𐐷 moon');
  assert.deepEqual(await titles('moon 𐐷𐐷'), ['𐐷𐐷𐐷 moon']);
  await call(ada, 'DELETE', `groups/${(await find('query=moon')).found[0]?.id}`);
  assert.deepEqual(await titles('%'), []);
  assert.equal((await call(bob, 'GET', 'groups/public?query=%20')).status, 400);
  assert.deepEqual((await find('')).titles, ['Café 会議', 'Nightly builds, every Night', 'Moth night']);
  assert.equal((await call(bob, 'POST', `groups/${moths}/join`)).status, 200);
  const { found, pagination } = await find('query=moth');
  assert.deepEqual([found[0]?.id, found[0]?.memberCount], [moths, 2]);
  assert.deepEqual(pagination, { page: 1, limit: 20, total: 1, totalPages: 1 });
  const second = await find('query=n&limit=1&page=2');
  assert.deepEqual(
    [second.titles, second.pagination],
    [['Moth night'], { page: 2, limit: 1, total: 2, totalPages: 2 }],
  );
  assert.deepEqual((await find('page=9')).titles, []);
});

test('what a group is found by follows its title and type, and ends with it', async (t) => {
  const { server, ada, call, make, find, titles } = await open(t);
  const id = await make('First name');
  const patch = (body: unknown) => call(ada, 'PATCH', `groups/${id}`, body);
  await patch({ title: 'Second name' });
  assert.deepEqual([await titles('first'), await titles('second')], [[], ['Second name']]);
  for (const type of ['PRIVATE', 'SECRET']) {
    await patch({ type });
    assert.deepEqual([await titles('second'), (await find('')).titles], [[], []], type);
    await patch({ title: 'Third name' });
    assert.deepEqual(await titles('third'), []);
    await patch({ type: 'PUBLIC', title: 'Second name' });
    assert.deepEqual(await titles('second'), ['Second name'], type);
  }
  await server.restart();
  assert.deepEqual(await titles('second'), ['Second name']);
  await call(ada, 'DELETE', `groups/${id}`);
  assert.deepEqual([await titles('second'), (await find('')).titles], [[], []]);
  const left = await make('Left alone');
  await call(ada, 'POST', `groups/${left}/leave`);
  assert.deepEqual([await titles('left'), (await find('')).titles], [[], []]);
  assert.deepEqual((await find('query=left')).pagination, { page: 1, limit: 20, total: 0, totalPages: 0 });
});

test('a search for public groups counts to 1,000 and says when there may be more', async (t) => {
  const { server, ada, find } = await open(t);
  const groups = new Groups({ ...server.storage, clock: systemClock });
  for (let n = 0; n < 1_001; n += 1) {
    await groups.create(ada.principal, { title: `Crowd ${n}`, type: 'PUBLIC' }, null);
  }
  for (const query of ['query=crowd&limit=2', 'limit=2', 'query=c&limit=2']) {
    const { titles, pagination } = await find(query);
    assert.deepEqual(titles, ['Crowd 1000', 'Crowd 999'], query);
    assert.deepEqual(pagination, { page: 1, limit: 2, total: 1_000, totalPages: 500, capped: true });
  }
});

test('a search that looked at part of the groups with a word says so, also when it found none of them', async (t) => {
  const { server, make, find } = await open(t);
  await make('Crowd moth');
  const words = (from: number, upTo: number) => raw`
    insert into group_words (word, group_id)
    with recursive n (id) as (select ${from} + 0 union all select id + 1 from n where id < ${upTo})
    select 'crowd', id from n`;
  const put = (from: number, upTo: number) =>
    server.storage.log.write(async (transaction) => {
      await words(from, upTo).execute(transaction.sql);
    });
  await put(1_000_001, 1_009_998);
  const whole = await find('query=crowd%20moth');
  assert.deepEqual(whole.titles, ['Crowd moth']);
  assert.deepEqual(whole.pagination, { page: 1, limit: 20, total: 1, totalPages: 1 });
  await put(1_009_999, 1_010_000);
  const { titles, pagination } = await find('query=crowd%20moth');
  assert.deepEqual(titles, []);
  assert.deepEqual(pagination, { page: 1, limit: 20, total: 0, totalPages: 0, capped: true });
});

test('groups that were PUBLIC before the words were kept are found after the migration', async (t) => {
  const { server, make, titles } = await open(t);
  await make('Moth night');
  await make('Night owls', 'PRIVATE');
  const { sql, log } = server.storage;
  const migration = groupMigrations(sql.engine)['2026-11-20-95-public-groups'];
  assert.ok(migration);
  await log.write(async (transaction) => {
    await raw`drop table group_words`.execute(transaction.sql);
    await raw`drop index groups_public`.execute(transaction.sql);
    await migration.up(transaction.sql);
  });
  assert.deepEqual(await titles('night'), ['Moth night']);
});
