import assert from 'node:assert/strict';
import test from 'node:test';
import { everyMigration } from '../src/storage.ts';
import { engine, openTestDatabase } from './support/database.ts';

/** What 0.1.0 had applied. */
const first = ['10-log', '20-identity', '30-groups', '40-messaging', '50-jobs'].map((name) => `2026-11-20-${name}`);

test('the database of 0.1.0 is brought up to date, although later changes sort before what it had', async (t) => {
  const all = everyMigration(engine);
  const old = Object.fromEntries(Object.entries(all).filter(([name]) => first.includes(name)));
  assert.equal(Object.keys(old).length, first.length);
  const { sql, log } = await openTestDatabase(t, { migrations: [() => old] });
  type Old = Record<'seq' | 'conversation' | 'sender' | 'receiver' | 'created_at', number> &
    Record<'content' | 'type' | 'status', string> & { id: Uint8Array };
  await log.write(async (transaction) => {
    const messages = transaction.sql.withTables<{ messages: Old }>().insertInto('messages');
    const place = { seq: 1, conversation: 1, sender: 1, receiver: 2, created_at: 1 };
    await messages
      .values({ ...place, id: new Uint8Array(16), content: 'of before', type: 'TEXT', status: 'SENT' })
      .execute();
  });
  await sql.migrate(all);
  const read = sql.statement<{ content: string; deleted_at: null }>('SELECT content, deleted_at FROM messages');
  assert.deepEqual({ ...(await read.get()) }, { content: 'of before', deleted_at: null });
  const applied = await sql.statement<{ name: string }>('SELECT name FROM kysely_migration').all();
  assert.deepEqual(applied.map(({ name }) => name).sort(), Object.keys(all).sort());
});
