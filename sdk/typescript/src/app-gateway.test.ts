import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { connected } from '../../../server/test/support/clients.ts';
import { startServer } from '../../../server/test/support/server.ts';
import { AppGateway, type AppGatewayOptions, NotificationService, PushRefused } from './index.ts';

async function open(t: TestContext, options: Partial<AppGatewayOptions> = {}, settings = {}) {
  const server = await startServer(t, settings);
  const [ada, bob] = await server.people(2);
  assert.ok(ada && bob);
  const { key } = await server.app.identity.createKey({ name: 'a back end', scopes: ['push:send', 'push:read'] });
  const failures: unknown[] = [];
  const given = { url: server.url, key, onFailure: (error: unknown) => void failures.push(error), ...options };
  const gateway = new AppGateway(given);
  t.after(() => gateway.close());
  const listen = () => connected(t, server, { token: ada.accessToken });
  return { server, gateway, given, failures, listen, here: ada.principal.id, away: bob.principal.id, bob };
}

test('[push:sdk AppGateway.isUserConnected(userId)] who is connected is answered at once, from a list that is as old as it says', async (t) => {
  const { gateway, listen, here, away } = await open(t, { refreshEvery: 60_000 });
  assert.equal(gateway.age, Number.POSITIVE_INFINITY);
  const { socket, ear } = await listen();
  await gateway.start();
  assert.ok(gateway.age < 60_000);
  assert.deepEqual(
    [here, here.toUpperCase(), away, 'x'].map((id) => gateway.isUserConnected(id)),
    [true, true, false, false],
  );
  assert.deepEqual(gateway.getConnectedUsers(), [here]);
  assert.equal(await gateway.checkUserConnected(here), true);
  socket.disconnect();
  for (let tries = 0; tries < 500 && (await gateway.checkUserConnected(here)); tries += 1);
  assert.equal(gateway.isUserConnected(here), true);
  await gateway.refresh();
  assert.equal(gateway.isUserConnected(here), false);
  assert.equal(ear.all.length, 1);
});

test('a start with a key that is not taken is refused, in words that say what is wrong', async (t) => {
  const { server, given } = await open(t);
  const { key } = await server.app.identity.createKey({ name: 'sends only', scopes: ['push:send'] });
  for (const [wrong, status, words] of [
    ['rk_nonsense', 401, /service key/],
    [key, 403, /push:read/],
  ] as const) {
    const gateway = new AppGateway({ ...given, key: wrong });
    await assert.rejects(
      gateway.start(),
      (error) => error instanceof PushRefused && error.status === status && words.test(error.message),
    );
    assert.equal(gateway.isUserConnected('x'), false);
    gateway.close();
  }
});

test('the list is fetched again by itself, from the first question on', async (t) => {
  const { gateway, listen, here } = await open(t, { refreshEvery: 20 });
  await listen();
  assert.equal(gateway.isUserConnected(here), false);
  for (const end = Date.now() + 5_000; Date.now() < end && !gateway.isUserConnected(here); )
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(gateway.isUserConnected(here), true);
});

test('a server that does not answer: nobody is taken for connected after three refreshes, and the failure is told', async (t) => {
  const { server, gateway, failures, listen, here } = await open(t, { refreshEvery: 60 });
  await listen();
  await gateway.start();
  assert.equal(gateway.isUserConnected(here), true);
  await server.stop();
  for (const end = Date.now() + 5_000; Date.now() < end && gateway.isUserConnected(here); )
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(gateway.isUserConnected(here), false);
  assert.ok(failures.length > 0);
  assert.equal(await gateway.sendMessageToUser(here, 'alert', 1), false);
});

test('[push:sdk AppGateway.sendMessageToUser(userId, event, payload)] an event reaches its user, and the caller hears whether', async (t) => {
  const { gateway, failures, listen, here, away } = await open(t);
  const { ear } = await listen();
  const payload = { title: 'Hello', body: 'there', timestamp: new Date().toISOString() };
  assert.equal(await gateway.sendMessageToUser(here, 'notification', payload), true);
  assert.deepEqual((await ear.until('notification')).data, payload);
  assert.equal(await gateway.sendMessageToUser(away, 'alert', payload), false);
  assert.equal(await gateway.sendMessageToUser(away, 'alert', payload, { durable: true }), true);
  assert.deepEqual(await gateway.push(away, 'notification', 1), {
    success: false,
    message: `User ${away} is not connected`,
    queued: true,
  });
  const many = await gateway.sendMessageToUsers([here, away], 'news', 'a text', { durable: true });
  assert.deepEqual(many, { delivered: [here], queued: [away], offline: [away] });
  assert.equal((await ear.until('news')).data, 'a text');
  assert.deepEqual(failures, []);
});

test('a refusal is told with its status; without a rejection where nobody has to wait', async (t) => {
  const { gateway, failures, given, here } = await open(t, {}, { RATE_LIMIT_PUSH_KEYS: '2/60' });
  const refused = (status: number) => (error: unknown) => error instanceof PushRefused && error.status === status;
  await assert.rejects(gateway.push(here, 'call:ringing', 1), refused(400));
  await assert.rejects(new AppGateway({ ...given, key: 'rk_nonsense' }).push(here, 'x', 1), refused(401));
  await gateway.push(here, 'x', 1);
  await assert.rejects(
    gateway.push(here, 'x', 1),
    (error) => refused(429)(error) && error instanceof PushRefused && Number(error.retryAfter) > 0,
  );
  assert.equal(await gateway.sendMessageToUser(here, 'x', 1), false);
  assert.equal(failures.length, 1);
});

test('[push:sdk NotificationService.sendNotification(userId, notification)] who is there has it, who is away gets it when they come', async (t) => {
  const { server, gateway, listen, here, away, bob } = await open(t);
  const { ear } = await listen();
  const service = new NotificationService(gateway);
  const note = { title: 'New Message', body: 'You have a new message' };
  assert.deepEqual(
    [
      await service.sendNotification(here, note),
      await service.sendNotification(away, note),
      await service.sendNotification('507f1f77bcf86cd799439011', note),
    ],
    ['sent', 'saved', 'missed'],
  );
  const later = await connected(t, server, { token: bob.accessToken });
  for (const heard of [await ear.until('notification'), await later.ear.until('notification')]) {
    const { timestamp, ...rest } = heard.data as Record<string, unknown>;
    assert.deepEqual(rest, note);
    assert.ok(Number.isFinite(Date.parse(String(timestamp))));
  }
});
