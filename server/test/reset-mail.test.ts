import assert from 'node:assert/strict';
import test from 'node:test';
import { startServer } from './support/server.ts';
import { startMailServer, startSilentMailServer } from './support/smtp.ts';

const ada = { username: 'ada', email: 'ada@example.org', password: 'Password123' };

test('a forgotten password: a code comes by mail, sets a new one, and nobody learns who has an account', async (t) => {
  const mail = await startMailServer(t);
  const server = await startServer(t, { SMTP_URL: mail.url, MAIL_FROM: 'house@example.org' });
  const post = (path: string, body: unknown) => server.call('POST', `/api/v1/auth/${path}`, { body });
  await post('register', ada);
  const unknown = await post('forgot', { email: 'nobody@example.org' });
  const known = await post('forgot', { email: 'ADA@example.org' });
  assert.deepEqual([known.status, known.text], [200, unknown.text]);
  const { to, text } = await mail.next();
  assert.deepEqual(to, ['ada@example.org']);
  assert.match(text, /^From: house@example\.org$/m);
  const code = /code is (\S+)/.exec(text)?.[1];
  const password = 'Another-Password-4';
  assert.equal((await post('reset', { email: ada.email, code, password })).status, 200);
  assert.equal((await post('login', { email: ada.email, password })).status, 200);
  // The fourth within the hour is answered alike, and sends nothing.
  for (let n = 0; n < 2; n += 1) {
    assert.equal((await post('forgot', { email: ada.email })).text, known.text);
    await mail.next();
  }
  assert.equal((await post('forgot', { email: ada.email })).text, known.text);
  await post('forgot', { email: 'nobody@example.org' });
  const [waiting] = await server.storage.sql
    .statement<{ n: number }>(
      "SELECT count(*) AS n FROM jobs WHERE kind = 'identity.reset-mail' AND key = 'ada@example.org'",
    )
    .all();
  assert.deepEqual([waiting?.n, mail.letters.length], [0, 3]);
});

test('a mail server that says nothing does not hold up a drain', async (t) => {
  const mail = await startSilentMailServer(t);
  const server = await startServer(t, { SMTP_URL: mail.url });
  const people = [1, 2, 3, 4, 5].map((n) => ({ ...ada, username: `ada_${n}`, email: `ada${n}@example.org` }));
  for (const body of people) await server.call('POST', '/api/v1/auth/register', { body });
  for (const { email } of people) await server.call('POST', '/api/v1/auth/forgot', { body: { email } });
  await mail.connection;
  const began = performance.now();
  await server.stop();
  assert.ok(performance.now() - began < 4_000, `${performance.now() - began} ms`);
});
