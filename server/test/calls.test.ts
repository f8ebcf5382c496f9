import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql as expression, type Kysely } from 'kysely';
import type { SignedIn } from '../src/modules/identity/index.ts';
import { connected, field } from './support/clients.ts';
import { engine } from './support/database.ts';
import { startServer, type TestServer } from './support/server.ts';

async function open(t: TestContext) {
  const server = await startServer(t);
  const [ada, bob, carol] = await server.people(3);
  assert.ok(ada && bob && carol);
  const ask = async (who: SignedIn, method: string, path: string, body?: object) => {
    const answer = await server.call(method, `/api/v1/${path}`, { token: who.accessToken, ...(body ? { body } : {}) });
    return { status: answer.status, data: answer.body['data'] };
  };
  const start = async (by: SignedIn, whom: object): Promise<string> => {
    const { status, data } = await ask(by, 'POST', 'calls', { type: 'AUDIO', ...whom });
    assert.equal(status, 201);
    return String(field(field(data, 'call'), 'id'));
  };
  const statusOf = async (who: SignedIn, id: string) => field((await ask(who, 'GET', `calls/${id}`)).data, 'status');
  const listen = (who: SignedIn) => connected(t, server, { token: who.accessToken });
  return { server, ada, bob, carol, ask, start, statusOf, listen };
}

const named = (...people: readonly SignedIn[]) => ({ participantIds: people.map(({ principal }) => principal.id) });

/** Until somebody waits for what another transaction holds. On SQLite every act waits for the one before it. */
async function somebodyWaits({ storage }: TestServer): Promise<void> {
  if (engine === 'sqlite') return;
  const waiting = expression<{ n: number }>`select count(*)::int as n from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  while ((await waiting.execute(storage.sql.read)).rows[0]?.n === 0) await sleep(5);
}

/** A call that is decided while another act, which has taken its turn before, has not committed yet. */
async function callBehind(act: (sql: Kysely<object>) => Promise<unknown>, opened: Awaited<ReturnType<typeof open>>) {
  const { server, ada, bob, ask } = opened;
  const { calling } = await server.storage.log.write(async ({ sql, takeTurn }) => {
    await takeTurn();
    const begun = ask(ada, 'POST', 'calls', { type: 'AUDIO', ...named(bob) });
    await somebodyWaits(server);
    await act(sql);
    return { calling: begun };
  });
  return (await calling).status;
}

test('a block that comes before a call rings nobody, however close they are', async (t) => {
  const opened = await open(t);
  const row = { account: opened.bob.principal.account, blocked: opened.ada.principal.account, at: 0 };
  const block = (sql: Kysely<object>) =>
    sql.withTables<{ blocks: typeof row }>().insertInto('blocks').values(row).execute();
  assert.equal(await callBehind(block, opened), 403);
});

test('whose account is deleted just before a call rings nobody', async (t) => {
  const opened = await open(t);
  const remove = (sql: Kysely<object>) =>
    sql
      .withTables<{ accounts: { id: number; deleted_at: number } }>()
      .updateTable('accounts')
      .set({ deleted_at: 1 })
      .where('id', '=', opened.ada.principal.account)
      .execute();
  assert.equal(await callBehind(remove, opened), 401);
});

test('who is deleted rings nobody and is in no call: what rings for them alone is over, and so is a talk with one left', async (t) => {
  const { ada, bob, carol, ask, start, statusOf, listen } = await open(t);
  const rings = await start(bob, named(ada));
  const talk = await start(ada, named(carol));
  await ask(carol, 'POST', `calls/${talk}/join`);
  const unanswered = await start(ada, named(carol));
  const carols = await listen(carol);
  assert.equal((await ask(ada, 'DELETE', `users/${ada.principal.id}`)).status, 200);
  assert.equal(await statusOf(bob, rings), 'REJECTED');
  assert.equal(await statusOf(carol, talk), 'ENDED');
  assert.equal(await statusOf(carol, unanswered), 'ENDED');
  await carols.ear.until(({ event, data }) => event === 'call:end' && field(data, 'callId') === unanswered);
});

test('who is removed from a group, or leaves it, is out of its calls; with the group they end', async (t) => {
  const { server, ada, bob, carol, ask, start, statusOf, listen } = await open(t);
  const groupId = await server.group(ada, bob, carol);
  const id = await start(ada, { groupId });
  await ask(bob, 'POST', `calls/${id}/join`);
  await ask(carol, 'POST', `calls/${id}/join`);
  const adas = await listen(ada);
  assert.equal((await ask(ada, 'DELETE', `groups/${groupId}/members/${bob.principal.id}`)).status, 200);
  const left = await adas.ear.until('call:participant:leave');
  assert.equal(field(left.data, 'userId'), bob.principal.id);
  assert.equal(await statusOf(ada, id), 'ONGOING');
  const second = await start(carol, { groupId });
  assert.equal((await ask(ada, 'DELETE', `groups/${groupId}`)).status, 200);
  for (const callId of [id, second]) {
    const { data: over } = await adas.ear.until(
      ({ event, data }) => event === 'call:end' && field(data, 'callId') === callId,
    );
    assert.equal(field(over, 'reason'), 'ended');
  }
});

test('who rings for a group and is removed from it is out of that call, and not let in again', async (t) => {
  const { server, ada, bob, carol, ask, start, statusOf } = await open(t);
  const groupId = await server.group(ada, bob, carol);
  const id = await start(bob, { groupId });
  await ask(carol, 'POST', `calls/${id}/join`);
  await ask(ada, 'POST', `calls/${id}/join`);
  assert.equal((await ask(ada, 'DELETE', `groups/${groupId}/members/${bob.principal.id}`)).status, 200);
  assert.equal((await ask(bob, 'POST', `calls/${id}/join`)).status, 403);
  assert.equal(await statusOf(carol, id), 'ONGOING');
});
