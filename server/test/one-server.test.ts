import assert from 'node:assert/strict';
import test from 'node:test';
import { PostgresSql } from '../src/infra/sql/sql.postgres.ts';
import { createDatabase, dropDatabase, serverUrl } from './support/database.ts';

test('one server holds a PostgreSQL database; another is refused until it lets go', {
  skip: serverUrl === undefined ? 'a second server on SQLite is refused by its data folder' : false,
}, async (t) => {
  assert.ok(serverUrl !== undefined);
  const server = serverUrl;
  const url = await createDatabase(server);
  t.after(() => dropDatabase(server, url));
  const first = new PostgresSql({ url });
  const second = new PostgresSql({ url });
  t.after(() => second.close());
  assert.equal(await first.claim(), true);
  assert.equal(await second.claim(), false);
  const waiting = second.claim();
  await first.close();
  assert.equal(await waiting, true);
});
