import assert from 'node:assert/strict';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { field } from './support/clients.ts';
import { startServer, type TestServer } from './support/server.ts';

type Answer = { status: number; texts: string[]; data: unknown[]; pagination: unknown };

const asking =
  (server: TestServer) =>
  async (who: SignedIn, query: string, more = ''): Promise<Answer> => {
    const path = `/api/v1/messages/search?query=${encodeURIComponent(query)}${more}`;
    const { status, body } = await server.call('GET', path, { token: who.accessToken });
    const data = (body['data'] ?? []) as unknown[];
    return {
      status,
      data,
      texts: data.map((message) => String(field(message, 'content'))),
      pagination: body['pagination'],
    };
  };

async function open(t: Parameters<typeof startServer>[0]) {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  return { server, ada, bob, carol, ask: asking(server) };
}

/** Until the index has all that was committed. */
async function settled(server: TestServer): Promise<void> {
  for (const until = Date.now() + 30_000; Date.now() < until; ) {
    const answer = await fetch(`${server.url}/metrics`, { headers: { accept: 'text/plain' } });
    if (/^rendezvous_search_lag_rows 0$/m.test(await answer.text())) return;
    await sleep(20);
  }
  assert.fail('search stays behind the log');
}

test('[social:GET /messages/search] finds what one may read, newest first, in the shape of every list of messages', async (t) => {
  const { server, ada, bob, carol, ask } = await open(t);
  const path = '/api/v1/messages/search';
  assert.equal((await server.call('GET', `${path}?query=x`)).status, 401);
  const group = await server.group(ada, bob);
  await server.send(ada, { receiverId: bob.principal.id }, 'Crème brûlée tonight?');
  await server.send(bob, { groupId: group }, 'the group wants creme too');
  await server.send(ada, { receiverId: carol.principal.id }, 'no cream for Bob');
  await settled(server);
  const { data, texts, pagination } = await ask(ada, 'CREME');
  assert.deepEqual(texts, ['the group wants creme too', 'Crème brûlée tonight?']);
  assert.deepEqual(pagination, { page: 1, limit: 20, total: 2, totalPages: 1 });
  const history = await server.call('GET', `/api/v1/messages/group/${group}`, { token: ada.accessToken });
  assert.deepEqual([data[0]], history.body['data']);
  assert.deepEqual((await ask(bob, 'creme')).texts, texts);
  assert.deepEqual((await ask(bob, 'cream')).texts, []);
  assert.deepEqual((await ask(carol, 'creme')).texts, []);
  assert.deepEqual((await ask(carol, 'for cream')).texts, ['no cream for Bob']);
  const refused = await server.call('GET', path, { token: ada.accessToken });
  assert.deepEqual([refused.status, refused.body['code']], [400, 'VALIDATION_ERROR']);
  assert.equal((await ask(ada, '')).status, 400);
});

test('all words must be there, of the last one its beginning; a page at a time', async (t) => {
  const { server, ada, bob, ask } = await open(t);
  for (const text of ['alpha beta gamma', 'alphabet soup', 'beta only', 'gamma alpha betas']) {
    await server.send(ada, { receiverId: bob.principal.id }, text);
  }
  assert.deepEqual((await ask(ada, 'alpha')).texts, ['gamma alpha betas', 'alphabet soup', 'alpha beta gamma']);
  assert.deepEqual((await ask(ada, 'alpha be')).texts, ['gamma alpha betas', 'alpha beta gamma']);
  assert.deepEqual((await ask(ada, 'beta alpha')).texts, ['alpha beta gamma']);
  assert.deepEqual((await ask(ada, 'alph soup')).texts, []);
  assert.deepEqual((await ask(ada, 'delta')).texts, []);
  const second = await ask(ada, 'be', '&limit=2&page=2');
  assert.deepEqual(second.texts, ['alpha beta gamma']);
  assert.deepEqual(second.pagination, { page: 2, limit: 2, total: 3, totalPages: 2 });
});

test('an author finds their own last message at once; what was edited or deleted nobody finds by what it was', async (t) => {
  const { server, ada, bob, ask } = await open(t);
  for (let n = 0; n < 20; n += 1) {
    await server.send(ada, { receiverId: bob.principal.id }, `found at once ${n}`);
    assert.equal((await ask(ada, 'found')).texts[0], `found at once ${n}`);
  }
  const id = await server.send(ada, { receiverId: bob.principal.id }, 'typed wromg');
  const change = (method: string, body?: unknown) =>
    server.call(method, `/api/v1/messages/${id}`, { token: ada.accessToken, body });
  assert.equal((await change('PATCH', { content: 'typed right' })).status, 200);
  assert.deepEqual((await ask(bob, 'wromg')).texts, []);
  assert.deepEqual((await ask(ada, 'typed')).texts, ['typed right']);
  assert.deepEqual((await ask(bob, 'right')).texts, ['typed right']);
  assert.equal((await change('DELETE')).status, 200);
  for (const who of [bob, ada]) {
    const { texts, pagination } = await ask(who, 'typed');
    assert.deepEqual([texts, field(pagination, 'total')], [[], 0]);
  }
});

test('whoever has left a group, or was never in it, finds nothing of it; whoever comes finds what was said before', async (t) => {
  const { server, ada, bob, carol, ask } = await open(t);
  const group = await server.group(ada, bob);
  await server.send(ada, { groupId: group }, 'a canary in the mine');
  assert.equal((await ask(ada, 'canary')).texts.length, 1);
  const member = (method: string, path: string, body?: unknown) =>
    server.call(method, `/api/v1/groups/${group}/members${path}`, { token: ada.accessToken, body });
  assert.equal((await ask(bob, 'canary')).texts.length, 1);
  assert.equal((await member('DELETE', `/${bob.principal.id}`)).status, 200);
  assert.equal((await member('POST', '', { userId: carol.principal.id })).status, 200);
  const gone = await ask(bob, 'canary');
  assert.deepEqual([gone.texts, gone.pagination], [[], { page: 1, limit: 20, total: 0, totalPages: 0 }]);
  assert.deepEqual((await ask(carol, 'canary')).texts, ['a canary in the mine']);
  const deleted = await server.call('DELETE', `/api/v1/groups/${group}`, { token: ada.accessToken });
  assert.equal(deleted.status, 200);
  for (const who of [ada, carol]) assert.deepEqual((await ask(who, 'canary')).texts, []);
});

test('threat S-6: words of a thousand foreign conversations are neither found nor counted, and no operator means anything', async (t) => {
  const { server, ada, bob, ask } = await open(t);
  const others = await server.people(45);
  const pairs = others.flatMap((one, i) => others.slice(i + 1).map((other) => [one, other] as const)).slice(0, 950);
  await Promise.all(
    pairs.map(([one, other]) => server.send(one, { receiverId: other.principal.id }, 'a canary nobody else shall see')),
  );
  for (let n = 0; n + 1 < others.length && n < 40; n += 1) {
    const [owner, member] = [others[n], others[n + 1]];
    assert.ok(owner && member);
    await server.send(owner, { groupId: await server.group(owner, member) }, 'a canary in a group');
  }
  await server.send(ada, { receiverId: bob.principal.id }, 'nothing with wings: OR NEAR AND NOT u8');
  const [first] = others;
  assert.ok(first);
  await server.send(first, { receiverId: bob.principal.id }, 'the last canary');
  await settled(server);
  for (const query of ['canary', 'can', 'the OR canary', '"canary" OR "nobody"', 'canary*', 'wings" OR "canary']) {
    const { status, texts, pagination } = await ask(ada, query);
    assert.deepEqual([status, texts, field(pagination, 'total')], [200, [], 0], query);
  }
  const topic = first.principal.account * 8;
  const hostile = ['" OR *', 'NEAR(', 'NEAR(canary nobody)', '%', '_', '*', '^canary', '-canary', 'entries:canary'];
  const more = [`":${topic}"`, `) OR (":${topic}"`, `' | ':${topic}'`, '!canary', 'canary:*', '\\', "'", '\u0000'];
  for (const query of [...hostile, ...more, 'x'.repeat(254), 'ﷺ'.repeat(254), '字'.repeat(254), 'a '.repeat(127)]) {
    const { status, texts } = await ask(ada, query);
    assert.ok(status === 200 || status === 400, `${query}: ${status}`);
    assert.ok(!texts.join().includes('canary'), query);
  }
  assert.equal((await ask(ada, 'x'.repeat(255))).status, 400);
  assert.equal((await ask(ada, 'wings or near')).texts.length, 1);
});

test('a search counts to a thousand and says so, and the newest are the first', async (t) => {
  const { server, ada, bob, ask } = await open(t);
  const sends = Array.from(
    { length: 1_001 },
    (_, n) => () => server.send(ada, { receiverId: bob.principal.id }, `many ${n}`),
  );
  const last = sends.pop();
  await Promise.all(sends.map((send) => send()));
  await settled(server);
  const all = await ask(ada, 'many', '&limit=100&page=10');
  assert.deepEqual(all.pagination, { page: 10, limit: 100, total: 1_000, totalPages: 10 });
  await last?.();
  const { texts, pagination } = await ask(ada, 'many');
  assert.equal(texts[0], 'many 1000');
  assert.deepEqual(pagination, { page: 1, limit: 20, total: 1_000, totalPages: 50, capped: true });
  assert.deepEqual((await ask(ada, 'many', '&page=51')).texts, []);
});

test('what was written before a restart is found after it, each message once', async (t) => {
  const { server, ada, bob, ask } = await open(t);
  for (let n = 0; n < 150; n += 1) await server.send(ada, { receiverId: bob.principal.id }, `kept ${n}`);
  await server.restart();
  await settled(server);
  await server.send(ada, { receiverId: bob.principal.id }, 'kept last');
  const { texts, pagination } = await ask(ada, 'kept', '&limit=1');
  assert.deepEqual([texts, field(pagination, 'total')], [['kept last'], 151]);
});

test('somebody in very many groups can search', async (t) => {
  const { server, ada, bob, ask } = await open(t);
  const groups = await Promise.all(Array.from({ length: 200 }, () => server.group(ada)));
  await server.send(ada, { groupId: groups[100] ?? '' }, 'in one of many');
  await server.send(ada, { receiverId: bob.principal.id }, 'in none of many');
  assert.deepEqual((await ask(ada, 'many')).texts, ['in none of many', 'in one of many']);
});

/** From here on the index does not follow; what gives its rows free again. */
function holdIndex({ storage: { log } }: TestServer): () => void {
  const rowsAfter = log.rowsAfter.bind(log);
  const { promise, resolve } = Promise.withResolvers<void>();
  log.rowsAfter = async (after, limit) => {
    await promise;
    return rowsAfter(after, limit);
  };
  return resolve;
}

test('a search waits for changes in what its reader may read, and for nobody else’s', async (t) => {
  const { server, ada, bob, carol, ask } = await open(t);
  const group = await server.group(bob, carol);
  const direct = await server.send(carol, { receiverId: bob.principal.id }, 'a word between them');
  const inGroup = await server.send(bob, { groupId: group }, 'a word among them');
  await server.send(ada, { receiverId: ada.principal.id }, 'a word of my own');
  await settled(server);
  for (const [id, author, reader] of [
    [direct, carol, bob],
    [inGroup, bob, carol],
  ] as const) {
    const follow = holdIndex(server);
    const path = `/api/v1/messages/${id}`;
    const edited = await server.call('PATCH', path, { token: author.accessToken, body: { content: 'changed' } });
    assert.equal(edited.status, 200);
    const began = performance.now();
    assert.deepEqual((await ask(ada, 'word')).texts, ['a word of my own']);
    assert.ok(performance.now() - began < 1_500, 'no wait for what others change');
    let answered = false;
    const asking = ask(reader, 'changed').finally(() => {
      answered = true;
    });
    await sleep(200);
    assert.equal(answered, false, 'a wait for what one reads');
    follow();
    assert.equal((await asking).texts.includes('changed'), true);
    await settled(server);
  }
});

test('what the index does not know yet to be gone is neither shown nor counted with its page', async (t) => {
  const { server, ada, bob, ask } = await open(t);
  const ids: string[] = [];
  for (const n of [1, 2, 3, 4]) ids.push(await server.send(ada, { receiverId: bob.principal.id }, `gone ${n}`));
  await settled(server);
  const follow = holdIndex(server);
  const [first, second] = ids.map((id) => `/api/v1/messages/${id}`);
  await server.call('DELETE', first ?? '', { token: ada.accessToken });
  await server.call('PATCH', second ?? '', { token: ada.accessToken, body: { content: 'other' } });
  const { texts, pagination } = await ask(bob, 'gone');
  assert.deepEqual([texts, field(pagination, 'total')], [['gone 4', 'gone 3'], 2]);
  follow();
});
