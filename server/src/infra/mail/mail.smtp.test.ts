import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';
import { startMailServer, startSilentMailServer } from '../../../test/support/smtp.ts';
import { smtpMail } from './mail.smtp.ts';

/** Of who gives up never. */
const open = new AbortController().signal;

test('a letter goes to one address, whatever the address looks like', async (t) => {
  const server = await startMailServer(t);
  const mail = smtpMail(server.url, 'Rendezvous <noreply@example.org>');
  await mail.send({ to: 'ada@example.org', subject: 'Hello', text: 'first line\n.\nlast line' }, open);
  const { to, text } = await server.next();
  assert.deepEqual(to, ['ada@example.org']);
  assert.match(text, /^From: Rendezvous <noreply@example\.org>$/m);
  assert.match(text, /^To: ada@example\.org$/m);
  assert.match(text, /^Subject: Hello$/m);
  assert.match(text, /last line/);
  await mail.send({ to: 'eve@example.org, mallory@example.org', subject: 'x', text: 'y' }, open).catch(() => {});
  await mail.send({ to: 'eve@example.org\r\nBcc: mallory@example.org', subject: 'x', text: 'y' }, open).catch(() => {});
  assert.deepEqual(
    server.letters.flatMap(({ to: names }) => names).filter((name) => /^mallory/.test(name)),
    [],
  );
  assert.doesNotMatch(server.letters.map(({ text: sent }) => sent).join('\n'), /^Bcc:/im);
});

test('a mail server that refuses fails the sending, and one elsewhere must speak TLS', async (t) => {
  const server = await startMailServer(t);
  server.refuse(true);
  await assert.rejects(smtpMail(server.url, undefined).send({ to: 'ada@example.org', subject: 'x', text: 'y' }, open));
  server.refuse(false);
  // As if it were not this machine: it offers no TLS.
  const strict = smtpMail(`${server.url}?requireTLS=true`, undefined);
  await assert.rejects(strict.send({ to: 'ada@example.org', subject: 'x', text: 'y' }, open), /STARTTLS|TLS/);
  assert.equal(server.letters.length, 0);
});

test('a sending that is given up, or takes too long as a whole, ends its connection and is rejected', async (t) => {
  const given = await startSilentMailServer(t);
  const abort = new AbortController();
  const sending = assert.rejects(
    smtpMail(given.url, undefined).send({ to: 'ada@example.org', subject: 'x', text: 'y' }, abort.signal),
    { code: 'EABORT' },
  );
  const closed = once(await given.connection, 'close');
  abort.abort();
  await Promise.all([sending, closed]);
  const late = await startSilentMailServer(t);
  // A byte now and then is no silence: only the whole counts.
  const drip = late.connection.then((socket) => {
    const timer = setInterval(() => socket.write('2'), 20);
    socket.on('close', () => clearInterval(timer));
  });
  const mail = smtpMail(late.url, undefined, 200);
  await assert.rejects(mail.send({ to: 'ada@example.org', subject: 'x', text: 'y' }, open), { code: 'EABORT' });
  await drip;
  await once(await late.connection, 'close');
});
